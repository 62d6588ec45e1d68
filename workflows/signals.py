"""Reads signals as people send them: with no, two, wrong or unreadable arguments, under any name.

Nothing here raises: a signal cannot be refused, and a handler that raises wedges the workflow (facts of Temporal).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError
from temporalio.common import RawValue
from temporalio.converter import PayloadConverter

from certloom.domain import command as c
from certloom.domain.deployment import DeploymentReport, DisplacedReport, DriftReport
from certloom.domain.issuance import RevocationReason
from certloom.domain.renewal import RenewalReport
from workflows.intent import Ignored, Intent, OperatorWord, Report
from workflows.names import DEPLOYMENT_ENDED, ENDPOINT_DRIFTED, RENEWAL_SUGGESTED, SIGNALS, TARGET_DISPLACED

ACTOR: Final = "signal"
LONGEST_NAME: Final = 60
REPORTS: Final[Mapping[str, type[Report]]] = {
    DEPLOYMENT_ENDED: DeploymentReport,
    TARGET_DISPLACED: DisplacedReport,
    ENDPOINT_DRIFTED: DriftReport,
    RENEWAL_SUGGESTED: RenewalReport,
}


def read_signal(name: str, values: Sequence[RawValue], converter: PayloadConverter, now: datetime) -> Intent:
    """Return what the signal asks for, or why it is ignored."""
    try:
        arguments = [converter.from_payload(value.payload) for value in values]
        return Intent(_wanted(name, arguments, now), from_signal=True)
    except Exception as error:  # noqa: BLE001 - whatever a person sent is recorded, never raised
        return _ignored(name, _why(error))


def _wanted(name: str, arguments: Sequence[Any], now: datetime) -> c.Command | OperatorWord | Report:
    if name in REPORTS:
        return _report(REPORTS[name], arguments)
    facts = {"request_id": f"signal-{name}", "actor": ACTOR, "requested_at": now}
    if name == "revoke":
        if len(arguments) != 1 or not isinstance(arguments[0], dict):
            raise ValueError('give one argument, such as {"reason": "superseded"}')
        return c.Revoke.model_validate({**arguments[0], **facts})
    if name not in SIGNALS:
        raise ValueError(f"there is no such signal; known are {', '.join(SIGNALS)}")
    if any(argument not in (None, {}, "") for argument in arguments):
        raise ValueError("this signal takes no argument")
    return c.Withdraw.model_validate(facts) if name == "withdraw" else OperatorWord(word=name)


def _report(kind: type[Report], arguments: Sequence[Any]) -> Report:
    if len(arguments) != 1:
        raise ValueError("deployments and the watches send this themselves")
    return kind.model_validate(arguments[0])


def _why(error: Exception) -> str:
    """Say what was wrong without repeating what was sent."""
    if isinstance(error, ValidationError):
        fields = ", ".join(".".join(str(part) for part in fault["loc"]) for fault in error.errors())
        reasons = ", ".join(RevocationReason)
        return f"the argument's fields are not right ({fields[:200]}); reason is one of {reasons}"
    return str(error)[:200] if type(error) is ValueError else "the argument cannot be read"


def _ignored(name: str, why: str) -> Intent:
    return Intent(Ignored(message=name[:LONGEST_NAME], why=why), from_signal=True)
