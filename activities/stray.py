"""A leaf that may have been signed for an order that nobody wants after a revocation; part of `discard`."""

from datetime import datetime

from certloom.domain.agenda import never_signed
from certloom.domain.errors import IssuerRefused, Unfinished
from certloom.domain.order import Order
from certloom.domain.state import CertificateState
from certloom.issuers.interface import Issuer, LeafToRevoke, Pending


async def revoke_stray(issuer: Issuer, state: CertificateState, order: Order, now: datetime) -> None:
    """Revoke the leaf for a key that lives on with the customer; our own key dies with the order, and needs nothing.

    May be repeated. Raises Outage (Unfinished) until the issuer tells what came of the order, or its time is over.
    """
    product, revocation = state.product, state.revocation
    if not (order.order_ref and order.csr_ref and product and revocation) or now >= never_signed(order):
        return
    try:
        leaf = await issuer.advance(order.order_ref, now=now, not_after=now + product.plan_length)
    except IssuerRefused:
        return  # nothing came of it
    if isinstance(leaf, Pending):
        raise Unfinished("The issuer is still at work on an order that is to be revoked.", retry_after=leaf.retry_after)
    await issuer.revoke(
        LeafToRevoke(
            key=state.claim(f"revoke/{leaf.serial}"),
            issuer=leaf.issuer,
            serial=leaf.serial,
            not_after=leaf.not_after,
            leaf_pem=leaf.leaf_pem,
            reason=revocation.reason,
            revoked_at=now,
        ),
        now=now,
    )
