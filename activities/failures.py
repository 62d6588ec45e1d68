"""Domain errors as Temporal failures and back: the one place where the two meet."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from certloom.domain import errors as e

# What each kind carries besides its detail, and how it is built again on the other side.
_FACTS: Final[Mapping[type[e.CertloomError], Callable[[Any], Mapping[str, Any]]]] = {
    e.InvalidInput: lambda error: {"faults": [fault.model_dump() for fault in error.faults]},
    e.NotAllowedNow: lambda error: {
        "version": error.version,
        "current": error.current,
        "allowed": list(error.allowed),
        "code": error.special_code,
    },
    e.TooSoon: lambda error: {"retry_at": error.retry_at.isoformat()},
    e.PaymentRefused: lambda error: {"code": error.special_code},
    e.Conflict: lambda error: {"code": error.special_code},
    e.IssuerRefused: lambda error: {"reason": error.reason},
    e.Later: lambda error: {"until": error.until.isoformat(), "limit": error.limit},
}
_KINDS: Final[Mapping[str, type[e.CertloomError]]] = {
    kind.__name__: kind
    for kind in (
        e.InvalidInput, e.NotFound, e.Unauthenticated, e.Forbidden, e.NotAllowedNow, e.TooSoon, e.PaymentRefused,
        e.Conflict, e.TooLarge, e.IssuerRefused, e.Refusal, e.Later, e.Outage,
    )
}  # fmt: skip


def to_failure(error: e.CertloomError) -> ApplicationError:
    """Say it to Temporal: a refusal is final, an outage is retried after the pause that the other side named.

    What is to come later at a known moment is not retried here: the workflow waits for that moment, and shows it.
    """
    kind = next(name for name, known in _KINDS.items() if isinstance(error, known))
    facts = _FACTS.get(_KINDS[kind], lambda _: {})(error)
    pause = error.retry_after if isinstance(error, e.Outage) else None
    return ApplicationError(
        error.detail,
        dict(facts),
        type=kind,
        non_retryable=isinstance(error, e.Refusal | e.Later),
        next_retry_delay=timedelta(seconds=pause) if pause else None,
        category=ApplicationErrorCategory.BENIGN,
    )


def from_failure(failure: BaseException | None) -> e.CertloomError | None:
    """Return the domain error that a failure carries, or None when it is not one of ours."""
    if not isinstance(failure, ApplicationError) or failure.type is None or failure.type not in _KINDS:
        return None
    facts: dict[str, Any] = failure.details[0] if failure.details else {}
    return _rebuild(_KINDS[failure.type], failure.message, facts)


def _rebuild(kind: type[e.CertloomError], detail: str, facts: Mapping[str, Any]) -> e.CertloomError:
    if issubclass(kind, e.InvalidInput):
        return e.InvalidInput(e.FieldFault.model_validate(fault) for fault in facts["faults"])
    if issubclass(kind, e.TooSoon):
        return e.TooSoon(detail, retry_at=datetime.fromisoformat(facts["retry_at"]))
    if issubclass(kind, e.Later):
        return e.Later(detail, until=datetime.fromisoformat(facts["until"]), limit=facts["limit"])
    return kind(detail, **facts)
