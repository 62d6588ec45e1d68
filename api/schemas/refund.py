"""Money that goes back, or would: the view's `refund` and the quote before a revocation."""

from datetime import datetime

from api.schemas.model import View
from certloom.domain.certificate import Action
from certloom.domain.model import Utc
from certloom.domain.money import Money
from certloom.domain.refund import RefundReason, RefundState
from certloom.domain.rights import allowed_actions, quote
from certloom.domain.state import CertificateState

_PAYING_BACK = (Action.REVOKE, Action.CANCEL_ORDER)


class RefundView(View):
    """`quoted` is what a revocation or cancellation now would pay back; `pending` and `done` are decided."""

    amount: Money | None
    state: RefundState
    why: RefundReason


class RefundQuoteView(View):
    """What a revocation or cancellation requested at `as_of` would pay back; `until` is the window's last second."""

    amount: Money | None
    due: bool
    why: RefundReason
    until: Utc | None
    as_of: Utc


def refund_view(state: CertificateState, now: datetime) -> RefundView:
    """Show the refund as decided, or as it would be decided now."""
    if state.refund:
        return RefundView(amount=state.refund.amount, state=state.refund.state, why=state.refund.why)
    due = quote(state, now)
    if due is None:
        return RefundView(amount=None, state=RefundState.NONE, why=RefundReason.NO_PAYMENT)
    possible = any(action in _PAYING_BACK for action in allowed_actions(state))
    if due.due and possible:
        return RefundView(amount=due.amount, state=RefundState.QUOTED, why=due.why)
    nothing = Money(amount=0, currency=due.amount.currency)
    return RefundView(amount=nothing, state=RefundState.NONE, why=due.why)


def quote_view(state: CertificateState, now: datetime) -> RefundQuoteView:
    """Show the quote; without a payment there is no amount."""
    due = quote(state, now)
    if due is None:
        return RefundQuoteView(amount=None, due=False, why=RefundReason.NO_PAYMENT, until=None, as_of=now)
    return RefundQuoteView(amount=due.amount, due=due.due, why=due.why, until=due.until, as_of=now)
