"""What a certificate does next by itself, when, and why it waits: one pure function of its state.

The workflow follows it, the view shows it as `next_wake`, and a restart from the row goes on where it says.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from certloom.domain.certificate import CertificateStatus, Origin, Phase
from certloom.domain.issuance import RevocationReason
from certloom.domain.order import Order
from certloom.domain.renewal import begins
from certloom.domain.state import CertificateState, Delay
from certloom.domain.step import Step, StepKind, WaitReason
from certloom.domain.validity import REPROVE_LEADS, proof_good_until

PAY_WITHIN: Final = timedelta(hours=24)
APPLY_WITHIN: Final = timedelta(days=365)  # after payment; then the order is refunded by itself
PROVE_WITHIN: Final = timedelta(days=7)
PROVE_WITHIN_REVIEWED: Final = timedelta(days=30)  # OV and EV
REMIND_BEFORE: Final = (30, 14, 7, 1)  # days before the end, when nothing will renew it
ORDER_MARGIN: Final = timedelta(minutes=5)  # before an issuer drops an order: signing takes its time
SIGNED_LATE: Final = timedelta(hours=1)  # after an order's end an issuer may still sign what it was told to
SHORTEST_ORDER: Final = timedelta(minutes=1)  # however short an issuer's orders live, no more than one a minute
RETIRE_WITHIN: Final = timedelta(hours=24)  # of a compromised key (BR 4.9.1.1), whether or not targets still serve it
WORTH_RENEWING: Final = timedelta(hours=1)  # a plan that outlasts its leaf by less ends with it

_S = CertificateStatus
_FIRST: Final = frozenset({Phase.REVOKING, Phase.REFUNDING, Phase.DELETING})
_PROVED_IN: Final = frozenset({Phase.PROVING, Phase.REVIEWING})
_OPEN_PHASES: Final = frozenset({Phase.PREPARING, Phase.PROVING, Phase.REVIEWING})
_WORK: Final = {
    Phase.PREPARING: StepKind.PREPARE,
    Phase.PROVING: StepKind.LOOK,
    Phase.ISSUING: StepKind.ISSUE,
    Phase.REVOKING: StepKind.REVOKE,
    Phase.REFUNDING: StepKind.REFUND,
    Phase.DELETING: StepKind.DESTROY,
}


def next_step(state: CertificateState) -> Step:
    """Return the next step; one that is due has an `at` that is not after now."""
    end = deadline(state)
    if state.closed:
        return Step(None, None, WaitReason.DELETION)
    if state.attention:
        return Step(end.kind, end.at, WaitReason.ATTENTION) if end else Step(None, None, WaitReason.ATTENTION)
    if state.delay and (end is None or end.at is None or state.delay.until < end.at):
        return Step(state.delay.step, state.delay.until, _trouble(state.delay))
    if state.delay and end:
        return Step(end.kind, end.at, _trouble(state.delay))
    if state.discard and state.phase not in _FIRST:  # dropping an order never holds up a revocation or a refund
        return Step(StepKind.DISCARD, state.updated_at, WaitReason.WORK)
    if state.phase in _WORK:
        why = WaitReason.PROOF if state.phase is Phase.PROVING else WaitReason.WORK
        return Step(_WORK[state.phase], state.updated_at, why)
    if state.phase is Phase.REVIEWING and end:
        return Step(end.kind, end.at, WaitReason.REVIEW)
    if state.phase is Phase.DEPLOYING and end:
        return min((*_while_deploying(state), Step(end.kind, end.at, WaitReason.DEPLOYMENT)), key=_when)
    return _idle(state)


def deadline(state: CertificateState) -> Step | None:
    """Return what ends the present effort whatever else goes wrong; None while only we are at work."""
    ends = [end for end in (_end(state), _order_end(state)) if end]
    return min(ends, key=_when) if ends else None


def _trouble(delay: Delay) -> WaitReason:
    return WaitReason.LIMIT if delay.limit else WaitReason.OUTAGE


def _order_end(state: CertificateState) -> Step | None:
    """When an order is of no use any more: the issuer is about to drop it, or should have signed long ago."""
    if state.order is None:
        return None
    started, expires = state.order.started_at, state.order.expires_at
    if state.phase is Phase.ISSUING:
        return Step(StepKind.REORDER, never_signed(state.order), WaitReason.WORK)
    if expires is None or state.phase not in _PROVED_IN:
        return None
    at = max(expires - min(ORDER_MARGIN, (expires - started) / 4), started + SHORTEST_ORDER)
    return Step(StepKind.REORDER, at, WaitReason.PROOF)


def never_signed(order: Order) -> datetime:
    """Return from when on an order that is not signed is not waited for any more."""
    started, expires = order.started_at, order.expires_at
    return max(expires or started + PROVE_WITHIN, started + SHORTEST_ORDER) + SIGNED_LATE


def _end(state: CertificateState) -> Step | None:
    if state.status is _S.PENDING_VERIFICATION and state.application and state.phase in _OPEN_PHASES:
        return Step(StepKind.GIVE_UP, state.application.deadline, WaitReason.PROOF)
    if state.status is _S.AWAITING_PAYMENT and state.payment:
        return Step(StepKind.CANCEL_UNPAID, state.created_at + PAY_WITHIN, WaitReason.PAYMENT)
    if state.status is _S.ISSUED and state.ends_at and state.phase not in _FIRST:
        return Step(StepKind.EXPIRE, state.ends_at, WaitReason.EXPIRY)
    return None


def redeployment(state: CertificateState) -> Step | None:
    """Return when a target wants an issuance by itself, whatever else is under way; None when none does."""
    leaf = state.issuance
    if leaf is None or state.status is not _S.ISSUED or state.phase in _FIRST:
        return None
    wanting = [one.retry_at or state.updated_at for one in state.placements if one.wanted(leaf.number) is not None]
    return Step(StepKind.REDEPLOY, min(wanting), WaitReason.DEPLOYMENT) if wanting else None


def renews(state: CertificateState) -> bool:
    """Whether the plan goes on after the newest leaf."""
    if state.origin is not Origin.PURCHASED or state.plan is None or state.issuance is None:
        return False
    return state.plan.ends_at - state.issuance.not_after > WORTH_RENEWING


def renewal_at(state: CertificateState) -> datetime | None:
    """When the next renewal begins by itself; None when there will be none."""
    leaf = state.issuance
    if leaf is None or not renews(state):
        return None
    suggested = state.renewal.suggested
    word = suggested.at if suggested and suggested.number == leaf.number else None
    wanted = begins(leaf, word=word, early=state.renewal.early)
    at = max(wanted, state.renewal.not_before) if state.renewal.not_before else wanted
    return at if state.plan and at < state.plan.ends_at else None


def _idle(state: CertificateState) -> Step:
    match state.status:
        case _S.AWAITING_PAYMENT if state.payment:
            return Step(StepKind.CHARGE, state.updated_at, WaitReason.WORK)
        case _S.AWAITING_PAYMENT:
            return Step(StepKind.CANCEL_UNPAID, state.created_at + PAY_WITHIN, WaitReason.PAYMENT)
        case _S.PAID:
            paid_at = state.payment.paid_at if state.payment else None
            return Step(StepKind.CANCEL_UNUSED, (paid_at or state.created_at) + APPLY_WITHIN, WaitReason.APPLICATION)
        case _S.ISSUED:
            return min(_while_issued(state), key=_when)
        case _:
            return Step(None, None, WaitReason.DELETION)


def _when(step: Step) -> datetime:
    assert step.at is not None  # every candidate of _while_issued has a date
    return step.at


def _while_issued(state: CertificateState) -> Iterator[Step]:
    end, leaf = state.ends_at, state.issuance
    renewal = renewal_at(state)
    if end is None or leaf is None:
        return
    yield Step(StepKind.EXPIRE, end, WaitReason.EXPIRY)
    if again := redeployment(state):
        yield again
    if renewal:
        yield Step(StepKind.RENEW, renewal, WaitReason.RENEWAL)
        if (ahead := _ask_at(state, renewal)) is not None:
            yield Step(StepKind.ASK_FOR_PROOF, ahead, WaitReason.PROOF_FOR_RENEWAL)
    else:
        sent = state.reminded_days
        coming = [days for days in REMIND_BEFORE if sent is None or days < sent]
        if coming:
            yield Step(StepKind.REMIND, leaf.not_after - timedelta(days=coming[0]), WaitReason.REMINDER)


def _while_deploying(state: CertificateState) -> Iterator[Step]:
    if again := redeployment(state):
        yield again
    renewal = renewal_at(state)
    if renewal:  # one target that fails for ever must not keep the others from being renewed
        yield Step(StepKind.RETIRE, renewal, WaitReason.DEPLOYMENT)
    if state.issuance and state.retiring is RevocationReason.KEY_COMPROMISE:
        yield Step(StepKind.RETIRE, state.issuance.issued_at + RETIRE_WITHIN, WaitReason.DEPLOYMENT)


def _ask_at(state: CertificateState, renewal: datetime) -> datetime | None:
    """When to look ahead for the proof: early enough to ask, late enough that what is seen then still counts."""
    if state.application is None or not state.application.proofs_stand:
        return None  # the issuer will want another proof, which nobody knows yet
    proven_at = state.application.proven_at
    if proven_at is None or state.renewal.proof_asked_at or proof_good_until(proven_at) > renewal:
        return None
    moments = (renewal - lead for lead in REPROVE_LEADS)
    return next((moment for moment in moments if proof_good_until(moment) > renewal), None)
