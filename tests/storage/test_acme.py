"""What is remembered of ACME issuers, on both databases: first come, first kept."""

import asyncio
from typing import Any

import pytest

from certloom.domain.application import Challenge, ValidationMethod
from certloom.domain.errors import NotFound
from certloom.domain.key import KeyType
from certloom.storage.engine import SqlStorage
from certloom.storage.records import AcmeAccount, AcmeOrder
from tests.storage.rows import NOW

CHALLENGES = (Challenge(name="www.example.com", type=ValidationMethod.DNS_01, token="t", record_value="v"),)
PLACE = ("ca", "https://ca.example.net/directory")


def order(ref: str = "order_1", key: str = "key", **changes: Any) -> AcmeOrder:
    fields = {
        "order_ref": ref,
        "issuer": "ca",
        "key": key,
        "account_id": "acct_1",
        "names": ("www.example.com", "*.example.com"),
        "validation": ValidationMethod.DNS_01,
        "key_type": KeyType.ECDSA_P256,
        "spki": b"\x00key",
        "csr_pem": "csr",
        "created_at": NOW,
    }
    return AcmeOrder.model_validate(fields | changes)


def account(sealed: bytes = b"sealed") -> AcmeAccount:
    return AcmeAccount(issuer=PLACE[0], directory=PLACE[1], sealed_key=sealed, created_at=NOW)


async def kept(storage: SqlStorage, *orders: AcmeOrder) -> None:
    async with storage.begin() as tx:
        for one in orders:
            await tx.acme.add_order(one)


async def found(storage: SqlStorage, ref: str = "order_1") -> AcmeOrder:
    async with storage.read() as tx:
        one = await tx.acme.get_order(ref)
    assert one is not None
    return one


async def test_an_order_comes_back(storage: SqlStorage) -> None:
    """Everything that was written is read again."""
    full = order(profile="short", replaces="a.b", answered={"https://ca.example.net/1": NOW}, expires_at=NOW)
    await kept(storage, full)
    assert await found(storage) == full


async def test_a_key_is_one_order(storage: SqlStorage) -> None:
    """Parallel orders under one key are one, and one of them is told that it is new."""

    async def add(number: int) -> tuple[str, bool]:
        async with storage.begin() as tx:
            one, new = await tx.acme.add_order(order(f"order_{number}"))
            return one.order_ref, new

    results = await asyncio.gather(*(add(number) for number in range(5)))
    assert len({ref for ref, _ in results}) == 1
    assert [new for _, new in results].count(True) == 1


async def test_the_first_url_stays(storage: SqlStorage) -> None:
    """Where the CA has an order is noted once, until it is dropped by name."""
    await kept(storage, order())
    async with storage.begin() as tx:
        assert (await tx.acme.set_order_url("order_1", "https://a")).url == "https://a"
        assert (await tx.acme.set_order_url("order_1", "https://b")).url == "https://a"
        assert (await tx.acme.drop_order_url("order_1", "https://b")).url == "https://a"
        assert (await tx.acme.drop_order_url("order_1", "https://a")).url is None


async def test_two_orders_may_share_a_url(storage: SqlStorage) -> None:
    """A CA may answer two equal orders with one of its own."""
    await kept(storage, order(), order("order_2", "other"))
    async with storage.begin() as tx:
        for ref in ("order_1", "order_2"):
            assert (await tx.acme.set_order_url(ref, "https://a")).url == "https://a"


async def test_unknown_urls(storage: SqlStorage) -> None:
    """What no order of ours has is told in the order asked."""
    await kept(storage, order(url="https://b"))
    async with storage.read() as tx:
        assert list(await tx.acme.unknown_urls(["https://c", "https://b", "https://a"])) == ["https://c", "https://a"]
        assert list(await tx.acme.unknown_urls([])) == []


async def test_the_first_challenges_stay(storage: SqlStorage) -> None:
    """What a customer was told to publish does not change, also when it is nothing."""
    await kept(storage, order(), order("order_2", "other"))
    async with storage.begin() as tx:
        assert (await tx.acme.set_challenges("order_1", CHALLENGES, expires_at=NOW)).expires_at == NOW
        assert (await tx.acme.set_challenges("order_1", (), expires_at=None)).challenges == CHALLENGES
        assert (await tx.acme.set_challenges("order_2", (), expires_at=None)).challenges == ()
        assert (await tx.acme.set_challenges("order_2", CHALLENGES, expires_at=None)).challenges == ()


async def test_answers_add_up(storage: SqlStorage) -> None:
    """Each challenge that was answered is remembered, and forgotten with the order at the CA."""
    await kept(storage, order(url="https://a"))
    async with storage.begin() as tx:
        for url in ("https://1", "https://2"):
            await tx.acme.set_answered("order_1", url, NOW)
    assert (await found(storage)).answered == {"https://1": NOW, "https://2": NOW}
    async with storage.begin() as tx:
        assert (await tx.acme.drop_order_url("order_1", "https://a")).answered == {}


async def test_an_order_is_abandoned_or_finalized(storage: SqlStorage) -> None:
    """Whichever is noted first keeps the other from being noted."""
    await kept(storage, order(), order("order_2", "other"))
    async with storage.begin() as tx:
        await tx.acme.abandon_order("order_1", NOW)
        assert (await tx.acme.start_finalizing("order_1", NOW)).finalizing_at is None
        assert (await tx.acme.start_finalizing("order_2", NOW)).finalizing_at == NOW
        await tx.acme.abandon_order("order_2", NOW)
        await tx.acme.abandon_order("order_9", NOW)
    assert (await found(storage)).abandoned_at == NOW
    assert (await found(storage, "order_2")).abandoned_at is None


async def test_the_first_leaf_stays(storage: SqlStorage) -> None:
    """A leaf is stored once for ever."""
    await kept(storage, order())
    async with storage.begin() as tx:
        await tx.acme.set_leaf("order_1", leaf_pem="leaf", chain_pem="")
        assert (await tx.acme.set_leaf("order_1", leaf_pem="other", chain_pem="x")).leaf_pem == "leaf"


async def test_an_unknown_order(storage: SqlStorage) -> None:
    """There is nothing to change where there is no order."""
    with pytest.raises(NotFound):
        async with storage.begin() as tx:
            await tx.acme.set_order_url("order_9", "https://a")


async def test_an_account_has_one_key(storage: SqlStorage) -> None:
    """Parallel makers of an account all get the same key."""

    async def keep(number: int) -> bytes:
        async with storage.begin() as tx:
            return (await tx.acme.keep_account(account(bytes([number])))).sealed_key

    assert len(set(await asyncio.gather(*(keep(number) for number in range(5))))) == 1


async def test_an_account_is_forgotten_by_name(storage: SqlStorage) -> None:
    """A URL is replaced only by whoever knows the one that stands."""
    async with storage.begin() as tx:
        await tx.acme.keep_account(account())
        await tx.acme.set_account_url(*PLACE, old=None, new="https://a")
        await tx.acme.set_account_url(*PLACE, old=None, new="https://b")
        await tx.acme.set_account_url(*PLACE, old="https://c", new=None)
        one = await tx.acme.account(*PLACE)
    assert one is not None
    assert one.url == "https://a"
    async with storage.begin() as tx:
        assert await tx.acme.account("ca", "https://other") is None


async def test_a_key_that_changed_is_not_sealed_anew(storage: SqlStorage) -> None:
    """Rotation swaps what it read, and nothing newer."""
    async with storage.begin() as tx:
        await tx.acme.keep_account(account())
        assert not await tx.acme.reseal_account(*PLACE, old=b"older", new=b"new")
        assert await tx.acme.reseal_account(*PLACE, old=b"sealed", new=b"new")
