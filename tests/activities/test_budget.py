"""What an attempt asks of the CA's limits, and what its owner reads when it must wait."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from activities.budget import reserve, wish_of
from certloom.domain.budget import LETS_ENCRYPT, Limits, Urgency
from certloom.domain.errors import Later
from certloom.domain.issuance import RevocationReason
from certloom.domain.key import KeyType
from certloom.domain.order import Order, OrderPurpose
from certloom.domain.state import CertificateState
from certloom.storage.engine import SqlStorage
from certloom.storage.records import RenewalRecord
from tests.databases import SQLITE, fresh_storage
from tests.lives import NOW, applied, issued

HOUR = timedelta(hours=1)


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[SqlStorage]:
    async with fresh_storage(SQLITE, tmp_path) as made:
        yield made


def trying(purpose: OrderPurpose, *, attempt: int = 2, reason: RevocationReason | None = None) -> CertificateState:
    state = applied() if purpose is OrderPurpose.FIRST else issued()
    order = Order(attempt=attempt, purpose=purpose, key_type=KeyType.ECDSA_P256, started_at=NOW, reason=reason)
    return state.model_copy(update={"order": order})


def suggested(*, number: int = 1, picked: timedelta = timedelta(0)) -> RenewalRecord:
    """The issuer's window is open for an hour before and after now."""
    return RenewalRecord(
        certificate_id="cert_1",
        number=number,
        issuer="letsencrypt",
        ask_at=NOW,
        window_start=NOW - HOUR,
        window_end=NOW + HOUR,
        picked_at=NOW + picked,
    )


class TestWish:
    def test_a_first_order(self) -> None:
        """It is new, counts everywhere, and has no leaf that ends."""
        wish = wish_of(trying(OrderPurpose.FIRST), None, now=NOW)
        assert (wish.urgency, wish.renewal, wish.exempt, wish.not_after) == (Urgency.NEW, False, False, None)

    def test_a_renewal(self) -> None:
        """It goes before new ones, by the end of its leaf, and is exempt from what spares renewals."""
        state = trying(OrderPurpose.RENEWAL)
        wish = wish_of(state, None, now=NOW)
        assert state.issuance
        assert (wish.urgency, wish.renewal, wish.exempt) == (Urgency.ENDING, True, False)
        assert (wish.key, wish.not_after) == (state.order_key(2), state.issuance.not_after)

    def test_a_replacement_for_a_reason(self) -> None:
        """Somebody waits for a leaf to be revoked: it goes first."""
        state = trying(OrderPurpose.REPLACEMENT, reason=RevocationReason.KEY_COMPROMISE)
        assert wish_of(state, None, now=NOW).urgency is Urgency.OVERDUE

    @pytest.mark.parametrize(
        ("number", "picked", "at", "urgency", "exempt"),
        [
            (1, timedelta(0), timedelta(0), Urgency.OVERDUE, True),
            (1, HOUR / 2, timedelta(0), Urgency.ENDING, True),
            (1, timedelta(0), 2 * HOUR, Urgency.OVERDUE, False),
            (7, timedelta(0), timedelta(0), Urgency.ENDING, False),
        ],
        ids=["inside", "before the instant", "after the window", "about another leaf"],
    )
    def test_what_the_issuer_suggested(
        self, number: int, picked: timedelta, at: timedelta, urgency: Urgency, *, exempt: bool
    ) -> None:
        """Past the picked instant it goes first, and inside the window the CA counts it nowhere."""
        wish = wish_of(trying(OrderPurpose.RENEWAL), suggested(number=number, picked=picked), now=NOW + at)
        assert (wish.urgency, wish.exempt) == (urgency, exempt)


class TestReserve:
    async def test_it_says_whose_turn_it_is(self, storage: SqlStorage) -> None:
        """When nothing is left it answers Later with limit, moment and reason, and keeps its place in the queue."""

        async def attempt(number: int) -> Later | None:
            state = trying(OrderPurpose.RENEWAL, attempt=number)
            async with storage.begin() as tx:
                return await reserve(tx, state, issuer="letsencrypt", limits=LETS_ENCRYPT, now=NOW)

        assert [await attempt(number) for number in (0, 1, 2, 3, 4, 4)] == [None] * 6
        later = await attempt(5)
        assert later is not None
        assert (later.limit, later.until) == (True, NOW + HOUR)
        assert later.detail == (
            "letsencrypt allows 5 certificates for exactly these names (www.example.com) in 7 days; "
            "the next is possible on 2026-11-24 21:36 UTC."
        )
        async with storage.read() as tx:
            (standing,) = await tx.budget.standing(NOW, limit=5)
        assert standing.waiting == 1

    async def test_no_limits(self, storage: SqlStorage) -> None:
        """An issuer without limits costs nothing and leaves no trace."""
        async with storage.begin() as tx:
            assert await reserve(tx, trying(OrderPurpose.FIRST), issuer="private", limits=Limits(), now=NOW) is None
        async with storage.read() as tx:
            assert not await tx.budget.standing(NOW, limit=5)
