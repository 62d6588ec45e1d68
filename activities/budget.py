"""Takes an order's share of the CA's limits before the order is placed; part of `prepare`, no activity of its own."""

from datetime import datetime

from activities.attempt import order_of
from certloom.domain.budget import Limits, Urgency
from certloom.domain.budget_queue import Wish
from certloom.domain.errors import Later
from certloom.domain.order import Order, OrderPurpose
from certloom.domain.shortage import explain
from certloom.domain.state import CertificateState
from certloom.storage.interface import Transaction
from certloom.storage.records import RenewalRecord


async def reserve(
    tx: Transaction, state: CertificateState, *, issuer: str, limits: Limits, now: datetime
) -> Later | None:
    """Take what the attempt under way needs, once; or return whose turn it is and when to ask again.

    What is returned is to be raised when the transaction is over: in it the attempt got its place in the queue.
    """
    if not limits.items:
        return None
    wish = wish_of(state, await tx.renewals.get(state.certificate_id), now=now)
    short = await tx.budget.reserve(wish, issuer=issuer, limits=limits, now=now)
    return Later(explain(short, issuer=issuer), until=short.until, limit=True) if short else None


def wish_of(state: CertificateState, suggested: RenewalRecord | None, *, now: datetime) -> Wish:
    """Return what the attempt under way asks of the budget; *suggested* is what the issuer said about the leaf."""
    order, application = order_of(state)
    leaf = state.issuance
    again = order.purpose is not OrderPurpose.FIRST and leaf is not None
    mine = suggested if again and leaf and suggested and suggested.number == leaf.number else None
    return Wish(
        key=state.order_key(order.attempt),
        names=application.names,
        urgency=_urgency(order, mine, now),
        not_after=leaf.not_after if leaf else None,
        renewal=again,
        exempt=mine is not None and _inside(mine, now),
    )


def _urgency(order: Order, suggested: RenewalRecord | None, now: datetime) -> Urgency:
    if order.purpose is OrderPurpose.FIRST:
        return Urgency.NEW
    due = suggested is not None and suggested.picked_at is not None and suggested.picked_at <= now
    return Urgency.OVERDUE if order.reason or due else Urgency.ENDING


def _inside(suggested: RenewalRecord, now: datetime) -> bool:
    """Exempt are orders inside the window only (RFC 9773 leaves it to the CA; Let's Encrypt looks at both ends)."""
    start, end = suggested.window_start, suggested.window_end
    return start is not None and end is not None and start <= now <= end
