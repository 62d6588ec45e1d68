"""Which activity carries out which step, and what a failure of it means."""

from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from typing import Any, Final

from temporalio.exceptions import ActivityError
from temporalio.exceptions import TimeoutError as ActivityTimeoutError

from activities.deletion import DeletionActivities
from activities.failures import from_failure
from activities.issuance import IssuanceActivities
from activities.order import OrderActivities
from activities.payment import PaymentActivities
from activities.refund import RefundActivities
from activities.revocation import RevocationActivities
from activities.work import Done, Work
from certloom.domain import fact as f
from certloom.domain.errors import Later, Outage
from certloom.domain.state import CertificateState
from certloom.domain.step import StepKind
from workflows.options import LATEST, SOONEST, pause

Effect = Callable[[Any, Work], Coroutine[Any, Any, Done]]

EFFECTS: Final[Mapping[StepKind, Effect]] = {
    StepKind.CHARGE: PaymentActivities.charge,
    StepKind.PREPARE: OrderActivities.prepare,
    StepKind.ISSUE: IssuanceActivities.issue,
    StepKind.DISCARD: OrderActivities.discard,
    StepKind.REVOKE: RevocationActivities.revoke,
    StepKind.REFUND: RefundActivities.refund,
    StepKind.DESTROY: DeletionActivities.destroy,
}


def trouble(step: StepKind, error: ActivityError, state: CertificateState, now: datetime) -> f.Fact:
    """Say what a failed wave means: an outage is tried again after a pause, anything else waits for an operator.

    What is possible only later comes again at its moment; but nobody's word makes us wait longer than a day, or ask in
    ever the same second.
    """
    cause = error.cause
    known = from_failure(cause)
    count = state.delay.count + 1 if state.delay and state.delay.step is step else 1
    if isinstance(known, Later):
        until = max(now + min(pause(count), SOONEST), min(known.until, now + LATEST))
        return f.Delayed(at=now, step=step, why=known.detail, until=until, limit=known.limit)
    if isinstance(known, Outage) or isinstance(cause, ActivityTimeoutError):
        why = known.detail if known else "no worker finished it in time"
        return f.Delayed(at=now, step=step, why=why, until=now + pause(count))
    why = known.detail if known else f"an error nobody planned for: {getattr(cause, 'type', None) or 'unknown'}"
    return f.Parked(at=now, step=step, why=why)
