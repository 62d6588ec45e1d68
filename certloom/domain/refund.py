"""The refund rule: full within the window by the time of the request, nothing after."""

from datetime import datetime
from enum import StrEnum

from certloom.domain.model import Model, Utc
from certloom.domain.money import Money
from certloom.domain.product import RefundClock, RefundPolicy


class RefundState(StrEnum):
    """Where the money is."""

    NONE = "none"
    QUOTED = "quoted"  # what a revocation now would pay back; computed, never stored
    PENDING = "pending"  # decided, not yet paid
    DONE = "done"


class RefundReason(StrEnum):
    """Why a refund is due or not."""

    INSIDE_WINDOW = "inside_window"
    NEVER_ISSUED = "never_issued"
    WINDOW_OVER = "window_over"
    NO_PAYMENT = "no_payment"
    NOT_ISSUED_YET = "not_issued_yet"
    SETTLED_BY_OPERATOR = "settled_by_operator"


class RefundQuote(Model):
    """What would be, or was, decided: zero or the whole charge. `until` is the last second of the window."""

    amount: Money
    due: bool
    why: RefundReason
    until: Utc | None = None


def refund_quote(
    policy: RefundPolicy,
    *,
    charged: Money,
    paid_at: datetime,
    first_issued_at: datetime | None,
    requested_at: datetime,
) -> RefundQuote:
    """Judge a revocation requested at *requested_at*; the boundary second itself is still inside.

    Alibaba Cloud's classic rule: 30 days after issuance (facts of the manual); the clock is the policy's.
    """
    zero = Money(amount=0, currency=charged.currency)
    start = paid_at if policy.clock is RefundClock.PAYMENT else first_issued_at
    if start is None:
        return RefundQuote(amount=charged, due=charged.amount > 0, why=RefundReason.NEVER_ISSUED)
    until = start + policy.window
    if policy.days and requested_at <= until:
        return RefundQuote(amount=charged, due=charged.amount > 0, why=RefundReason.INSIDE_WINDOW, until=until)
    return RefundQuote(amount=zero, due=False, why=RefundReason.WINDOW_OVER, until=until)
