"""Whether a command may be carried out: the capability table, and the rules that need facts and a clock.

Asked twice: by the update's validator, and again when the workflow takes the command up, since others came before it.
"""

from datetime import datetime, timedelta
from functools import singledispatch
from typing import Final

from certloom.domain import command as c
from certloom.domain.application import Decision
from certloom.domain.certificate import Action, CertificateStatus, Phase, allowed
from certloom.domain.deployment import MOST_TARGETS
from certloom.domain.errors import InvalidInput, NotAllowedNow, NotFound, TooSoon
from certloom.domain.product import name_faults
from certloom.domain.refund import RefundQuote, RefundReason, refund_quote
from certloom.domain.state import CertificateState

RENEW_EVERY: Final = timedelta(hours=24)
CHECK_EVERY: Final = timedelta(seconds=10)

_S = CertificateStatus


def allowed_actions(state: CertificateState) -> tuple[Action, ...]:
    """List what the table permits now, in the table's order; the edges show it."""
    table = allowed(state.status, state.origin, state.phase)
    if state.retiring and state.status is _S.ISSUED:  # the clean-up of a replacement must not hold up a revocation
        table |= {Action.REVOKE}
    reviewed = state.product is not None and state.product.reviewed
    hidden = () if reviewed else (Action.REVIEW,)
    return tuple(action for action in Action if action in table and action not in hidden)


def quote(state: CertificateState, requested_at: datetime) -> RefundQuote | None:
    """Say what a revocation or cancellation requested then would pay back; None when there was no payment."""
    if state.product is None or state.payment is None or state.payment.paid_at is None:
        return None
    if state.refund is not None:  # decided already; it stands
        due = state.refund.amount.amount > 0
        return RefundQuote(amount=state.refund.amount, due=due, why=state.refund.why)
    if state.first_issued_at is None:
        charged = state.payment.amount
        return RefundQuote(amount=charged, due=charged.amount > 0, why=RefundReason.NEVER_ISSUED)
    return refund_quote(
        state.product.refund,
        charged=state.payment.amount,
        paid_at=state.payment.paid_at,
        first_issued_at=state.first_issued_at,
        requested_at=requested_at,
    )


def not_now(state: CertificateState, detail: str, *, code: str | None = None) -> NotAllowedNow:
    """Build the refusal with the facts that every such answer carries."""
    return NotAllowedNow(detail, version=state.version, current=state.status, allowed=allowed_actions(state), code=code)


@singledispatch
def check(command: c.Command, state: CertificateState, now: datetime) -> None:
    """Return when *command* may be carried out; raises NotAllowedNow, TooSoon, InvalidInput or NotFound otherwise."""
    raise TypeError(f"no rule for {type(command).__name__} of a {state.status} certificate at {now}")


def _require(action: Action, state: CertificateState) -> None:
    if action in allowed_actions(state):
        return
    doing = "" if state.phase is Phase.IDLE else f", {state.phase}"
    raise not_now(
        state, f"{action.replace('_', ' ').capitalize()} is not possible: the certificate is {state.status}{doing}."
    )


@check.register
def _(command: c.Pay, state: CertificateState, now: datetime) -> None:
    over = state.closed or state.phase is Phase.DELETING
    if over or (state.status is not _S.AWAITING_PAYMENT and state.payment is None):
        raise not_now(state, "This order cannot be paid any more.")


@check.register
def _(command: c.Apply, state: CertificateState, now: datetime) -> None:
    _require(Action.APPLY, state)
    assert state.product is not None
    if faults := name_faults(state.product, command.names):
        raise InvalidInput(faults)


@check.register
def _(command: c.CheckNow, state: CertificateState, now: datetime) -> None:
    _require(Action.CHECK_NOW, state)


@check.register
def _(command: c.Decide, state: CertificateState, now: datetime) -> None:
    _require(Action.REVIEW, state)
    if state.application is None or state.application.id != command.application_id:
        raise NotFound("This certificate has no such open application.")
    review = state.application.review
    if review is not None and command.decision is Decision.APPROVE and state.phase is not Phase.REVIEWING:
        raise not_now(state, f"The application was approved already, at {review.at:%Y-%m-%d %H:%M:%S} UTC.")


@check.register
def _(command: c.Withdraw, state: CertificateState, now: datetime) -> None:
    _require(Action.WITHDRAW, state)


@check.register
def _(command: c.CancelOrder, state: CertificateState, now: datetime) -> None:
    _require(Action.CANCEL_ORDER, state)


@check.register
def _(command: c.Renew, state: CertificateState, now: datetime) -> None:
    if state.status is _S.EXPIRED or (state.plan and now >= state.plan.ends_at):
        raise not_now(state, "The plan has ended; buy a new certificate.", code="plan_ended")
    _require(Action.RENEW, state)
    last = state.renewal.asked_at
    if last and now < last + RENEW_EVERY:
        raise TooSoon("A renewal was asked for within the last 24 hours.", retry_at=last + RENEW_EVERY)


@check.register
def _(command: c.Replace, state: CertificateState, now: datetime) -> None:
    if state.plan and now >= state.plan.ends_at:
        raise not_now(state, "The plan has ended; buy a new certificate.", code="plan_ended")
    _require(Action.REPLACE, state)
    if command.csr_ref and state.placements:
        detail = "It is deployed to targets, which need a key that we make: ask for a key type instead of a CSR."
        raise not_now(state, detail, code="in_use")


@check.register
def _(command: c.Deploy, state: CertificateState, now: datetime) -> None:
    _require(Action.DEPLOY, state)
    if state.application and state.application.csr:
        detail = "The private key of this certificate is with you, so only you can install it: download the chain."
        raise not_now(state, detail, code="no_private_key")
    wanted = {item.target_id for item in command.items}
    for target_id in wanted:
        _require_idle(state, target_id)
    if len(wanted | {one.target_id for one in state.placements}) > MOST_TARGETS:
        raise not_now(state, f"A certificate is deployed to at most {MOST_TARGETS} targets.", code="too_many_targets")


@check.register
def _(command: c.RollBack, state: CertificateState, now: datetime) -> None:
    _require(Action.DEPLOY, state)
    _require_idle(state, command.item.target_id)
    if state.placement(command.item.target_id) is None:
        raise not_now(state, "This certificate is not deployed to that target any more.", code="not_deployed")
    if state.retiring:
        detail = "What was there before is about to be revoked: it was replaced."
        raise not_now(state, detail, code="nothing_to_restore")
    if command.number is not None and command.number not in {one.number for one in state.unexpired(now)}:
        raise not_now(state, "What was there before is revoked or expired by now.", code="nothing_to_restore")


@check.register
def _(command: c.Detach, state: CertificateState, now: datetime) -> None:
    _require_idle(state, command.target_id)


def _require_idle(state: CertificateState, target_id: str) -> None:
    known = state.placement(target_id)
    if known and known.deployment_id:
        detail = f"The deployment {known.deployment_id} to {target_id} is under way; wait for its end."
        raise not_now(state, detail, code="deployment_under_way")


def _require_no_deployment(state: CertificateState) -> None:
    if state.deploying:
        detail = f"A deployment of this certificate is under way ({', '.join(state.deploying[:3])}); wait for its end."
        raise not_now(state, detail, code="in_use")


@check.register
def _(command: c.Revoke, state: CertificateState, now: datetime) -> None:
    _require(Action.REVOKE, state)
    if not command.force:
        _require_no_deployment(state)


@check.register
def _(command: c.Delete, state: CertificateState, now: datetime) -> None:
    _require(Action.DELETE, state)
    _require_no_deployment(state)
    due = quote(state, command.requested_at) if state.status is _S.ISSUED else None
    if due and due.due and not command.forfeit_refund:
        until = f" until {due.until:%Y-%m-%d %H:%M:%S} UTC" if due.until else ""
        detail = (
            f"Deleting loses a refund of {due.amount}, which a revocation pays{until}. Revoke first, or forfeit it."
        )
        raise not_now(state, detail, code="refund_would_be_lost")


@check.register
def _(command: c.Relabel, state: CertificateState, now: datetime) -> None:
    if state.phase is Phase.DELETING or state.closed:
        raise not_now(state, "A deleted certificate cannot be renamed.")
