"""An order's way to a leaf: what is kept at `begin`, and the serial and validity that are fixed before signing.

A kept order never changes but for those two and its closing, so that a repeated call finds what the first one decided.
"""

import secrets
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509

from certloom.domain.errors import IssuerRefused
from certloom.domain.key import FAMILIES
from certloom.domain.product import Level
from certloom.domain.validity import DAY, cap_at
from certloom.issuers.interface import OrderRequest
from certloom.issuers.leaves import LeafPlan
from certloom.storage.interface import Transaction
from certloom.storage.records import AuthorityOrder

REFERENCE_BYTES: Final = 12
SECOND: Final = timedelta(seconds=1)


def new_order(request: OrderRequest, *, now: datetime) -> AuthorityOrder:
    """Return the order that a request asks for, under a new reference."""
    return AuthorityOrder(
        order_ref=f"order_{secrets.token_hex(REFERENCE_BYTES)}",
        key=request.key,
        account_id=request.account_id,
        names=request.names,
        level=request.level.value,
        key_type=request.key_type,
        family=FAMILIES[request.key_type],
        spki=request.spki,
        organization=request.organization,
        created_at=now,
    )


def refuse_other(kept: AuthorityOrder, wanted: AuthorityOrder) -> None:
    """Raise IssuerRefused when the idempotency key was used for another order: its key must never be signed instead."""
    same = {"names", "level", "key_type", "spki", "organization", "account_id"}
    if kept.model_dump(include=same) != wanted.model_dump(include=same):
        detail = f"The order {wanted.key} was placed before with other names, subject or key."
        raise IssuerRefused(detail, reason="order_mismatch")


async def find_order(tx: Transaction, order_ref: str) -> AuthorityOrder:
    """Return an order; raises IssuerRefused when it is unknown."""
    order = await tx.authorities.get_order(order_ref)
    if order is None:
        raise IssuerRefused(f"The private CA has no order {order_ref}.", reason="unknown_order")
    return order


async def reserve(
    tx: Transaction, order: AuthorityOrder, *, authority_id: str, now: datetime, not_after: datetime
) -> AuthorityOrder:
    """Fix serial and validity, once for ever.

    Raises IssuerRefused for an end that is over the cap or past, and for an order that was abandoned.
    """
    start = now.replace(microsecond=0)
    kept = await tx.authorities.reserve(
        order.order_ref,
        authority_id=authority_id,
        serial=f"{x509.random_serial_number():x}",
        not_before=start,
        not_after=end_of(start, not_after),
    )
    if kept.abandoned_at is not None:
        raise IssuerRefused(f"The order {order.order_ref} was abandoned.", reason="order_abandoned")
    return kept


def end_of(start: datetime, wanted: datetime) -> datetime:
    """Return a leaf's last second, in whole seconds: the one wanted, or the last within a day less than the cap.

    The last second counts (RFC 5280 4.1.2.5), so a leaf of 199 days ends a second before they are over. Raises
    IssuerRefused for more than the cap, and for an end that is not after the start.
    """
    end = wanted.replace(microsecond=0)
    cap = cap_at(start).certificate
    if end <= start:
        detail = f"The certificate would end at {end.isoformat()}, before it begins."
        raise IssuerRefused(detail, reason="validity")
    if end - start + SECOND > cap:
        detail = f"A certificate issued today may live {cap.days} days; an end at {end.isoformat()} was asked for."
        raise IssuerRefused(detail, reason="validity")
    return min(end, start + cap - DAY - SECOND)


def plan_of(order: AuthorityOrder) -> LeafPlan:
    """Return what the leaf of an order says, once serial and validity are fixed."""
    if order.serial is None or order.not_before is None or order.not_after is None:
        message = f"order {order.order_ref} has no serial yet"
        raise ValueError(message)
    return _plan(order, serial=int(order.serial, 16), not_before=order.not_before, not_after=order.not_after)


def trial_plan(order: AuthorityOrder, *, now: datetime) -> LeafPlan:
    """Return what the leaf would say if it were signed now for a day; for linting only."""
    start = now.replace(microsecond=0)
    return _plan(order, serial=x509.random_serial_number(), not_before=start, not_after=start + DAY)


def _plan(order: AuthorityOrder, *, serial: int, not_before: datetime, not_after: datetime) -> LeafPlan:
    return LeafPlan(
        names=order.names,
        level=Level(order.level),
        key_type=order.key_type,
        spki=order.spki,
        organization=order.organization,
        serial=serial,
        not_before=not_before,
        not_after=not_after,
    )
