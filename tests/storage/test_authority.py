"""The embedded CA's memory: one order per key, one serial per order, one number per CRL."""

import asyncio
from datetime import timedelta

import pytest

from certloom.domain.errors import NotFound
from certloom.domain.issuance import RevocationReason
from certloom.storage.engine import SqlStorage
from certloom.storage.records import RevokedLeaf
from tests.storage.rows import NOW, authority, order


async def test_crl_numbers_never_repeat(storage: SqlStorage) -> None:
    """Parallel signers of a CRL each get a number of their own."""
    async with storage.begin() as tx:
        assert await tx.authorities.put(authority())
        assert not await tx.authorities.put(authority())

    async def sign() -> int:
        async with storage.begin() as tx:
            number = (await tx.authorities.lock("ecdsa")).crl_number + 1
            await asyncio.sleep(0)
            await tx.authorities.set_crl("ecdsa", number=number, crl=b"crl", this_update=NOW, next_update=NOW)
            return number

    assert sorted(await asyncio.gather(*(sign() for _ in range(10)))) == list(range(1, 11))


async def test_lock_of_unknown(storage: SqlStorage) -> None:
    """There is nothing to lock where there is no authority."""
    with pytest.raises(NotFound):
        async with storage.begin() as tx:
            await tx.authorities.lock("root")


async def test_two_begins_one_order(storage: SqlStorage) -> None:
    """Parallel orders under one key are one order."""

    async def begin(number: int) -> str:
        async with storage.begin() as tx:
            return (await tx.authorities.add_order(order("key", ref=f"order_{number}"))).order_ref

    assert len(set(await asyncio.gather(*(begin(number) for number in range(6))))) == 1


async def test_reserved_once(storage: SqlStorage) -> None:
    """Serial and validity are fixed by the first signer, and then the order cannot be abandoned."""

    async def reserve(serial: str) -> str | None:
        async with storage.begin() as tx:
            fixed = await tx.authorities.reserve(
                "order_1", authority_id="ecdsa", serial=serial, not_before=NOW, not_after=NOW
            )
            return fixed.serial

    async with storage.begin() as tx:
        await tx.authorities.add_order(order("key", ref="order_1"))
    assert len(set(await asyncio.gather(*(reserve(f"{number:x}") for number in range(6))))) == 1
    async with storage.begin() as tx:
        assert not await tx.authorities.abandon_order("order_1", NOW)


async def test_abandoned_gets_no_serial(storage: SqlStorage) -> None:
    """An abandoned order is never signed, and abandoning it again is fine."""
    async with storage.begin() as tx:
        await tx.authorities.add_order(order("key", ref="order_1"))
        assert await tx.authorities.abandon_order("order_1", NOW)
        assert await tx.authorities.abandon_order("order_1", NOW)
        fixed = await tx.authorities.reserve("order_1", authority_id="ecdsa", serial="1", not_before=NOW, not_after=NOW)
    assert (fixed.serial, fixed.abandoned_at) == (None, NOW)


async def test_compromise_upgrades(storage: SqlStorage) -> None:
    """A leaf is revoked once; a compromise that shows later replaces the reason, and nothing replaces that."""
    leaf = RevokedLeaf(
        authority_id="ecdsa", serial="1", not_after=NOW, revoked_at=NOW, reason=RevocationReason.SUPERSEDED
    )
    compromised = leaf.model_copy(update={"reason": RevocationReason.KEY_COMPROMISE})
    async with storage.begin() as tx:
        answers = [await tx.authorities.add_revoked(one) for one in (leaf, compromised, leaf)]
        (listed,) = await tx.authorities.revoked("ecdsa", unexpired_at=NOW)
        later = await tx.authorities.revoked("ecdsa", unexpired_at=NOW + timedelta(seconds=1))
    assert (answers, listed, later) == ([True, False, False], compromised, [])
