"""The budget of CA limits on both databases: never overspent, taken once, given back once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from certloom.domain.budget import LETS_ENCRYPT, Bucket, Limit, Limits, LimitScope, Urgency
from certloom.domain.budget_queue import Shortage, Wish
from certloom.storage.engine import SqlStorage
from certloom.storage.records import IssuerBudget
from tests.databases import fresh_url
from tests.storage.rows import NOW

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
SEVEN = Limits(
    items=(
        Limit(scope=LimitScope.ORDERS, count=7, period=7 * HOUR),
        Limit(scope=LimitScope.FAILURES, count=2, period=HOUR),
    )
)


def wish(key: str, *, urgency: Urgency = Urgency.NEW, exempt: bool = False) -> Wish:
    return Wish(key=key, names=(f"{key}.example.com",), urgency=urgency, exempt=exempt)


async def reserve(
    storage: SqlStorage, one: Wish, *, after: timedelta = timedelta(0), limits: Limits = SEVEN, issuer: str = "acme"
) -> Shortage | None:
    async with storage.begin() as tx:
        return await tx.budget.reserve(one, issuer=issuer, limits=limits, now=NOW + after)


async def give_back(storage: SqlStorage, key: str, *, after: timedelta = timedelta(0)) -> bool:
    async with storage.begin() as tx:
        return await tx.budget.give_back(key, now=NOW + after)


async def standing(storage: SqlStorage, *, after: timedelta = timedelta(0), limit: int = 10) -> IssuerBudget:
    async with storage.read() as tx:
        (found,) = await tx.budget.standing(NOW + after, limit=limit)
        return found


async def free(storage: SqlStorage, *, after: timedelta = timedelta(0)) -> int:
    """How many orders can be placed now."""
    limit = SEVEN.items[0]
    found = [one for one in (await standing(storage, after=after)).buckets if one.scope is limit.scope]
    return Bucket(found[0].tat).free(limit, NOW + after) if found else limit.count


@asynccontextmanager
async def workers(kind: str, folder: Path, count: int) -> AsyncIterator[list[SqlStorage]]:
    """Storages that share nothing but the database, as several processes do."""
    url = await fresh_url(kind, folder)
    opened = [SqlStorage(url) for _ in range(count)]
    try:
        yield opened
    finally:
        for one in opened:
            await one.close()


async def test_parallel_orders(kind: str, tmp_path: Path) -> None:
    """Twenty orders at four workers at once where seven may: seven do, and thirteen wait for their own moments."""
    everybody = [wish(f"k{number:02}") for number in range(20)]
    async with workers(kind, tmp_path, 4) as storages:
        answers = await asyncio.gather(*(reserve(storages[n % 4], one) for n, one in enumerate(everybody)))
        again = [await reserve(storages[0], one) for one in everybody]
        assert (await standing(storages[0])).waiting == 13
    assert answers.count(None) == 7
    assert [answer.possible_at for answer in again if answer] == [NOW + n * HOUR for n in range(1, 14)]


async def test_parallel_repeats(storage: SqlStorage) -> None:
    """The same order reserved ten times at once takes one."""
    assert await asyncio.gather(*(reserve(storage, wish("same")) for _ in range(10))) == [None] * 10
    assert await free(storage) == 6


async def test_parallel_returns(storage: SqlStorage) -> None:
    """What is given back ten times at once comes back once."""
    for number in range(3):
        await reserve(storage, wish(f"k{number}"))
    assert sum(await asyncio.gather(*(give_back(storage, "k1") for _ in range(10)))) == 1
    assert await free(storage) == 5


async def test_issuers_are_apart(storage: SqlStorage) -> None:
    """One issuer's limits say nothing about another's."""
    for number in range(8):
        await reserve(storage, wish(f"k{number}"))
    assert await reserve(storage, wish("other"), issuer="another") is None


async def test_rolled_back(storage: SqlStorage) -> None:
    """A transaction that fails has taken nothing."""

    async def fail() -> None:
        async with storage.begin() as tx:
            await tx.budget.reserve(wish("k"), issuer="acme", limits=SEVEN, now=NOW)
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    async with storage.read() as tx:
        assert not await tx.budget.standing(NOW, limit=1)


async def test_given_back_and_taken_again(storage: SqlStorage) -> None:
    """An order that the CA never took gives back, and the same key takes anew."""
    await reserve(storage, wish("k"))
    assert await give_back(storage, "k")
    assert await free(storage) == 7
    assert await reserve(storage, wish("k"), after=SECOND) is None
    assert await free(storage, after=SECOND) == 6


async def test_used_is_not_given_back(storage: SqlStorage) -> None:
    """What the CA has counted stays taken, and an unknown key gives nothing back."""
    await reserve(storage, wish("k"))
    async with storage.begin() as tx:
        await tx.budget.use("k")
    assert not await give_back(storage, "k")
    assert not await give_back(storage, "unknown")
    assert await reserve(storage, wish("k"), after=SECOND) is None
    assert await free(storage, after=SECOND) == 6


async def test_an_order_that_came_to_nothing(storage: SqlStorage) -> None:
    """Certificates that were never issued are given back, once; the order itself the CA has counted."""
    limits = Limits(items=(SEVEN.items[0], Limit(scope=LimitScope.NAME_SET, count=2, period=HOUR)))
    await reserve(storage, wish("k"), limits=limits)
    async with storage.begin() as tx:
        await tx.budget.use("k")
        assert await tx.budget.unissued("k", now=NOW)
        assert not await tx.budget.unissued("k", now=NOW)
        assert not await tx.budget.unissued("unknown", now=NOW)
    found = {one.scope: Bucket(one.tat) for one in (await standing(storage)).buckets}
    assert found[LimitScope.ORDERS].free(limits.items[0], NOW) == 6
    assert LimitScope.NAME_SET not in found


async def test_exempt(storage: SqlStorage) -> None:
    """What the CA counts nowhere is let through where nothing is left, and takes nothing, nor gives any back."""
    for number in range(8):
        await reserve(storage, wish(f"k{number}"))
    assert await reserve(storage, wish("k7", exempt=True)) is None
    assert not await give_back(storage, "k7")
    found = await standing(storage)
    assert (await free(storage), found.waiting) == (0, 0)


async def test_the_queue_is_kept(storage: SqlStorage) -> None:
    """Who waits is shown in the order of service, with the moment of asking first and why it waits."""
    for number in range(7):
        await reserve(storage, wish(f"k{number}"))
    await reserve(storage, wish("new"))
    await reserve(storage, wish("renewal", urgency=Urgency.ENDING), after=MINUTE)
    short = await reserve(storage, wish("new"), after=2 * MINUTE)
    assert short
    assert (short.ahead, short.possible_at, short.until) == (1, NOW + 2 * HOUR, NOW + 2 * MINUTE + HOUR)
    queue = (await standing(storage)).waiters
    assert [(one.key, one.since, one.seen_at) for one in queue] == [
        ("renewal", NOW + MINUTE, NOW + MINUTE),
        ("new", NOW, NOW + 2 * MINUTE),
    ]
    assert queue[1].shortage == short


async def test_forgotten(storage: SqlStorage) -> None:
    """Who leaves the queue is not waited for."""
    for number in range(7):
        await reserve(storage, wish(f"k{number}"))
    await reserve(storage, wish("first"))
    await reserve(storage, wish("second"))
    async with storage.begin() as tx:
        await tx.budget.forget("first")
    assert await reserve(storage, wish("second"), after=HOUR) is None
    assert (await standing(storage, after=HOUR)).waiting == 0


async def test_failures_count_once(storage: SqlStorage) -> None:
    """A failed validation counts once by its key, for each name, and orders with that name wait."""
    async with storage.begin() as tx:
        for key in ("k1", "k1", "k2"):
            await tx.budget.fail(key, ("a.test", "*.b.test"), issuer="acme", limits=SEVEN, at=NOW)
    assert await reserve(storage, wish("k3").model_copy(update={"names": ("c.test",)})) is None
    short = await reserve(storage, wish("k4").model_copy(update={"names": ("b.test",)}))
    assert short
    assert (short.bucket.title, short.until) == ("b.test", NOW + 30 * MINUTE)


async def test_limits_follow_the_worker(storage: SqlStorage) -> None:
    """What an operator raised counts from the next order on: what was taken comes back at the new pace."""
    for number in range(8):
        await reserve(storage, wish(f"k{number}"))
    raised = Limits(items=(Limit(scope=LimitScope.ORDERS, count=70, period=7 * HOUR),))
    short = await reserve(storage, wish("k7"), limits=raised)
    assert short
    assert short.until == NOW + 6 * MINUTE
    assert await reserve(storage, wish("k7"), limits=raised, after=6 * MINUTE) is None
    assert (await standing(storage)).limits == raised


async def test_the_emptiest_come_first(storage: SqlStorage) -> None:
    """Of many buckets the emptiest are shown, with words for people."""
    for key, names in (("k1", ("a.test",)), ("k2", ("b.test", "a.test")), ("k3", ("c.test",))):
        await reserve(storage, wish(key).model_copy(update={"names": names}), limits=LETS_ENCRYPT)
    found = (await standing(storage, limit=2)).buckets
    assert next(one.title for one in found if one.scope is LimitScope.DOMAIN) == "a.test"
    assert len([one for one in found if one.scope is LimitScope.NAME_SET]) == 2
    assert "a.test, b.test" in {one.title for one in (await standing(storage)).buckets}


async def test_purged(storage: SqlStorage) -> None:
    """Old reservations, full buckets and waiters that never came back are dropped; what still counts is kept."""
    for number in range(9):
        await reserve(storage, wish(f"k{number}"))
    async with storage.begin() as tx:
        assert await tx.budget.purge(NOW, now=NOW) == 0
        assert await tx.budget.purge(NOW + SECOND, now=NOW + 30 * HOUR) == 7 + 1 + 2
    assert await free(storage, after=30 * HOUR) == 7
