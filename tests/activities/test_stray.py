"""After a revocation no leaf is left that the CA signed for an order which nobody heard the end of."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from activities.order import OrderActivities
from activities.stray import revoke_stray
from activities.work import Work
from certloom.domain import fact as f
from certloom.domain.errors import Unfinished
from certloom.domain.evolve import evolve
from certloom.domain.issuance import RevocationReason
from certloom.domain.key import KeyType
from certloom.domain.order import Order, OrderPurpose
from certloom.domain.rights import quote
from certloom.domain.state import CertificateState
from certloom.issuers.fake import FakeIssuer, Script
from tests.databases import SQLITE, fresh_storage
from tests.issuers.orders import END, order
from tests.lives import NOW, issued

EXPIRES = NOW + timedelta(days=7)


def revoked() -> CertificateState:
    """A certificate that was revoked while its renewal was under way."""
    state = issued()
    due = quote(state, NOW)
    assert due is not None
    asked = f.RevocationRequested(
        at=NOW, actor="key_1", requested_at=NOW, reason=RevocationReason.KEY_COMPROMISE, quote=due
    )
    return evolve_all(state, asked, f.Revoked(at=NOW, serials=("1",)))


def evolve_all(state: CertificateState, *facts: f.Fact) -> CertificateState:
    for fact in facts:
        state = evolve(state, fact)
    return state


async def renewal(issuer: FakeIssuer, *, csr_ref: str | None = "csr_1") -> Order:
    """An order that the CA has signed, though nobody learned of it."""
    placed = await issuer.begin(order(), now=NOW)
    await issuer.advance(placed.order_ref, now=NOW, not_after=END)
    return Order(
        attempt=2, purpose=OrderPurpose.RENEWAL, key_type=KeyType.ECDSA_P256, started_at=NOW, expires_at=EXPIRES,
        order_ref=placed.order_ref, csr_ref=csr_ref,
    )  # fmt: skip


async def test_the_leaf_of_a_customers_key_is_revoked() -> None:
    """For the reason that the customer gave; a repetition changes nothing."""
    issuer = FakeIssuer(outside=True)
    left = await renewal(issuer)
    for _ in range(2):
        await revoke_stray(issuer, revoked(), left, NOW)
    (leaf,) = issuer.revoked.values()
    assert leaf.reason is RevocationReason.KEY_COMPROMISE


async def test_a_key_of_ours_dies_with_its_order() -> None:
    """Its leaf serves nobody, so the CA is not asked."""
    issuer = FakeIssuer(outside=True)
    left = await renewal(issuer, csr_ref=None)
    issuer.calls.clear()
    await revoke_stray(issuer, revoked(), left, NOW)
    assert issuer.calls == []


async def test_without_a_revocation_nothing_is_revoked() -> None:
    """What was replaced or withdrawn keeps its leaf."""
    issuer = FakeIssuer(outside=True)
    await revoke_stray(issuer, issued(), await renewal(issuer), NOW)
    assert issuer.revoked == {}


async def test_a_ca_that_is_still_at_work_is_waited_for_until_the_order_is_over() -> None:
    """Then nothing will come of it."""
    issuer = FakeIssuer(Script(pending=10), outside=True)
    placed = await issuer.begin(order(), now=NOW)
    left = (await renewal(FakeIssuer())).model_copy(update={"order_ref": placed.order_ref})
    with pytest.raises(Unfinished):
        await revoke_stray(issuer, revoked(), left, NOW)
    await revoke_stray(issuer, revoked(), left, EXPIRES + timedelta(hours=1))


async def test_an_order_that_came_to_nothing_holds_up_nobody() -> None:
    """The CA's no is the end of it."""
    issuer = FakeIssuer(Script(refuse_advance="order_ended"), outside=True)
    placed = await issuer.begin(order(), now=NOW)
    left = (await renewal(FakeIssuer())).model_copy(update={"order_ref": placed.order_ref})
    await revoke_stray(issuer, revoked(), left, NOW)
    assert issuer.revoked == {}


async def test_discarding_an_order_looks_for_it(tmp_path: Path) -> None:
    """The step that drops the order after the revocation is the one that asks the CA."""
    issuer = FakeIssuer(outside=True)
    state = revoked().model_copy(update={"discard": (await renewal(issuer),)})
    unused: Any = None
    async with fresh_storage(SQLITE, tmp_path) as storage:
        orders = OrderActivities(
            storage=storage, issuers={"private": issuer}, sealer=unused, key_maker=unused, credentials=unused,
            validator=unused, proofs=unused,
        )  # fmt: skip
        done = await ActivityEnvironment().run(orders.discard, Work(state=state, unrecorded=()))
    assert isinstance(done.fact, f.Discarded)
    assert len(issuer.revoked) == 1
