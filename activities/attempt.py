"""The attempt to get a leaf signed that is under way, and what an issuer's no means for it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from certloom.domain.agenda import SHORTEST_ORDER
from certloom.domain.application import Application
from certloom.domain.errors import IssuerRefused, Outage
from certloom.domain.fact import ApplicationRefused, Fact, OrderExpired, RenewalFailed
from certloom.domain.order import Order, OrderPurpose, renewal_pause
from certloom.domain.state import CertificateState
from certloom.issuers.interface import Issuer

# An issuer's reasons that are nobody's fault: the order is placed anew, unless it ended as soon as it was placed.
PLACED_ANEW: Final = frozenset({"authorization_ended", "leaf_over", "order_ended", "order_expired", "order_lost"})
CONTESTED: Final = "contested"  # happens once per name and order, so the order is placed anew at once
# What only an operator can mend. A new application waits for him: its applicant has done nothing wrong.
OPERATORS: Final = frozenset(
    {
        "accountDoesNotExist", "accountRefused", "externalAccountRequired", "invalidContact", "invalidProfile",
        "unsupportedContact", "userActionRequired",
    }
)  # fmt: skip


def refused(state: CertificateState, refusal: IssuerRefused, now: datetime) -> Fact:
    """Say what an issuer's no means: the end of an application, or a renewal that is tried again after a pause.

    Raises the refusal again when a new application has to wait for an operator.
    """
    lived = now - state.order.started_at if state.order else SHORTEST_ORDER
    if refusal.reason == CONTESTED or (refusal.reason in PLACED_ANEW and lived > SHORTEST_ORDER):
        return OrderExpired(at=now)
    if state.order and state.order.purpose is OrderPurpose.FIRST:
        if refusal.reason in OPERATORS:
            raise refusal
        return ApplicationRefused(at=now, reason=refusal.reason, detail=refusal.detail)
    renewing = state.order is not None and state.order.purpose is OrderPurpose.RENEWAL
    again = now + renewal_pause(state.renewal.failures + 1) if renewing else None
    return RenewalFailed(at=now, detail=refusal.detail, retry_at=again)


def known(issuers: Mapping[str, Issuer], name: str) -> Issuer:
    """Return an issuer by its name.

    Raises Outage while this worker has none: what an operator took out or forgot is waited for, not parked.
    """
    if name not in issuers:
        raise Outage(f"There is no issuer {name} here; an operator adds it to the issuers file again.")
    return issuers[name]


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
