"""The attempt to get a leaf signed that is under way, and what an issuer's no means for it."""

from datetime import datetime
from typing import Final

from certloom.domain.agenda import SHORTEST_ORDER
from certloom.domain.application import Application
from certloom.domain.errors import IssuerRefused
from certloom.domain.fact import ApplicationRefused, Fact, OrderExpired, RenewalFailed
from certloom.domain.order import Order, OrderPurpose, renewal_pause
from certloom.domain.state import CertificateState

# An issuer's reasons that are nobody's fault: the order is placed anew, unless it ended as soon as it was placed.
PLACED_ANEW: Final = frozenset({"authorization_ended", "contested", "order_ended", "order_expired", "order_lost"})


def refused(state: CertificateState, refusal: IssuerRefused, now: datetime) -> Fact:
    """Say what an issuer's no means: the end of an application, or a renewal that is tried again after a pause."""
    if refusal.reason in PLACED_ANEW and state.order and now - state.order.started_at > SHORTEST_ORDER:
        return OrderExpired(at=now)
    if state.order and state.order.purpose is OrderPurpose.FIRST:
        return ApplicationRefused(at=now, reason=refusal.reason, detail=refusal.detail)
    renewing = state.order is not None and state.order.purpose is OrderPurpose.RENEWAL
    again = now + renewal_pause(state.renewal.failures + 1) if renewing else None
    return RenewalFailed(at=now, detail=refusal.detail, retry_at=again)


def issuer_name(state: CertificateState) -> str:
    """Return the name of the CA that the product was sold with."""
    if state.product is None:
        raise ValueError("an uploaded certificate has no issuer of ours")
    return state.product.issuer


def order_of(state: CertificateState) -> tuple[Order, Application]:
    """Return the attempt under way and the application it is for."""
    if state.order is None or state.application is None:
        raise ValueError("no order is under way")
    return state.order, state.application
