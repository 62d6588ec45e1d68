"""What can go wrong, as facts: kind, fields, and whether trying again can help.

    CertloomError
      Refusal              final: the same request will be refused again
        InvalidInput       422, one FieldFault per bad field
        NotFound           404, also for objects of another account
        Unauthenticated    401
        Forbidden          403
        NotAllowedNow      409 illegal_state, and its special cases by code
        TooSoon            429
        PaymentRefused     402
        Conflict           409, 412 or 422 about the request itself
        TooLarge           413
        IssuerRefused      the CA will not sign this
        NotProven          control of a name was not shown in time
      Outage               passing: retried as long as the business deadline allows
        Later              the same, but not before a moment that is known
        Unfinished         nothing is wrong: the other side needs time

Edges give the words: activities/failures.py for Temporal, api/problems.py for HTTP.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class FieldFault(BaseModel):
    """One bad field: where it is (RFC 6901), a stable code, and a sentence a person can act on."""

    model_config = ConfigDict(frozen=True)

    pointer: str
    code: str
    detail: str


class CertloomError(Exception):
    """The root of everything that this product raises on purpose."""

    code: ClassVar[str] = "error"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class Refusal(CertloomError):
    """A final no; nothing was changed and nothing was charged."""

    code = "refused"


class InvalidInput(Refusal):
    """The request cannot be understood or breaks a rule; every fault is listed."""

    code = "invalid"

    def __init__(self, faults: Iterable[FieldFault]) -> None:
        self.faults = tuple(faults)
        super().__init__(" ".join(fault.detail for fault in self.faults))


class NotFound(Refusal):
    """No such object for this caller; whether another account has it is not told."""

    code = "not_found"


class Unauthenticated(Refusal):
    """No valid API key came with the request."""

    code = "unauthenticated"


class Forbidden(Refusal):
    """The caller's role is too low."""

    code = "forbidden"


class NotAllowedNow(Refusal):
    """The state at `version` does not permit this; `current` and `allowed` say what it does permit."""

    code = "illegal_state"

    def __init__(
        self, detail: str, *, version: int, current: str, allowed: Iterable[str] = (), code: str | None = None
    ) -> None:
        super().__init__(detail)
        self.version = version
        self.current = current
        self.allowed = tuple(allowed)
        self.special_code = code or self.code


class TooSoon(Refusal):
    """Asked again before the pause was over; `retry_at` says when it will be."""

    code = "too_soon"

    def __init__(self, detail: str, *, retry_at: datetime) -> None:
        super().__init__(detail)
        self.retry_at = retry_at


class PaymentRefused(Refusal):
    """Money did not move; `special_code` is insufficient_balance or payment_declined."""

    code = "payment_declined"

    def __init__(self, detail: str, *, code: str | None = None) -> None:
        super().__init__(detail)
        self.special_code = code or self.code


class Conflict(Refusal):
    """The request contradicts an earlier one; `special_code` names the contradiction."""

    code = "conflict"

    def __init__(self, detail: str, *, code: str) -> None:
        super().__init__(detail)
        self.special_code = code


class TooLarge(Refusal):
    """The body or a field is over its limit."""

    code = "too_large"


class IssuerRefused(Refusal):
    """The issuer will never sign this as asked; `reason` is the issuer's code, `names` those that it holds it against.

    Without names it is against the whole order. They stay with the step that heard it, and do not cross Temporal.
    """

    code = "issuer_refused"

    def __init__(self, detail: str, *, reason: str, names: Iterable[str] = ()) -> None:
        super().__init__(detail)
        self.reason = reason
        self.names = tuple(names)


class Outage(CertloomError):
    """Something outside does not answer; the same call may succeed later.

    `retry_after` is in seconds when the other side named a pause.
    """

    code = "outage"

    def __init__(self, detail: str, *, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Later(Outage):
    """Nothing is broken, but it is not possible before `until`: a limit is used up, or the other side said so.

    `limit` is true when it is one of an issuer's limits that has to be waited for.
    """

    code = "later"

    def __init__(self, detail: str, *, until: datetime, limit: bool = False) -> None:
        super().__init__(detail)
        self.until = until
        self.limit = limit


class Unfinished(Outage):
    """The other side has taken it on and is not done; ask again after `retry_after`."""


class OutcomeUnknown(Outage):
    """A command was sent and no answer came in time: it may or may not have happened."""

    code = "outcome_unknown"
