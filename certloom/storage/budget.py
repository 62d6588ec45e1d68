"""The budget of CA limits: taken under a lock per issuer, given back once, queued for by urgency."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from certloom.domain.budget import (
    CERTIFICATES,
    Bucket,
    BucketName,
    Limit,
    Limits,
    LimitScope,
    counted_by,
    names_digest,
)
from certloom.domain.budget_queue import (
    GONE_AFTER,
    Shortage,
    Taken,
    TakenState,
    Waiter,
    Wish,
    demand,
    rank_of,
    shortage,
    waiter,
)
from certloom.storage.records import BudgetBucket, IssuerBudget
from certloom.storage.rows import changed, insert_once, many, overwrite
from certloom.storage.tables_budget import budget_buckets, budget_reservations, budget_waiters, budgets

_TURN = update(budget_reservations).where(
    budget_reservations.c.key == bindparam("the_key"),
    budget_reservations.c.state.in_(bindparam("before", expanding=True)),
)
_WAITERS = select(*(column for column in budget_waiters.c if column.name != "issuer"))


class SqlBudgetTable:
    """BudgetTable on one connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def reserve(self, wish: Wish, *, issuer: str, limits: Limits, now: datetime) -> Shortage | None:
        """Take once by the key, or queue."""
        await self._lock(issuer, limits)
        if await self._state(wish.key) in (TakenState.RESERVED, TakenState.USED):
            return None
        waiters = await self._waiters(issuer)
        since = next((one.since for one in waiters if one.key == wish.key), now)
        others = [one for one in waiters if one.key != wish.key]
        wanted = demand(limits, wish)
        buckets = await self._buckets(issuer, [*wanted.takes, *wanted.minds])
        short = shortage(wanted, rank_of(wish, since), buckets=buckets, waiters=others, now=now)
        if short is not None:
            place = waiter(wish, wanted, short, since=since, now=now)
            await overwrite(self._connection, budget_waiters, {"issuer": issuer, **dict(place)})
            return short
        taken = await self._take(issuer, wanted.takes, buckets, now)
        await self._record(wish.key, wish.names, issuer=issuer, taken=taken, state=TakenState.RESERVED, at=now)
        await self.forget(wish.key)
        return None

    async def use(self, key: str) -> None:
        """Only what is reserved can be used."""
        await self._connection.execute(_TURN, _turn(key, TakenState.USED))

    async def give_back(self, key: str, *, now: datetime) -> bool:
        """Give back whatever was reserved."""
        return await self._return(key, (TakenState.RESERVED,), frozenset(LimitScope), now)

    async def unissued(self, key: str, *, now: datetime) -> bool:
        """Give back the certificates, also of an order that the CA has counted as such."""
        return await self._return(key, (TakenState.RESERVED, TakenState.USED), CERTIFICATES, now)

    async def _return(
        self, key: str, states: Collection[TakenState], scopes: Collection[LimitScope], now: datetime
    ) -> bool:
        """Give back each token to its bucket, by the limits that a worker knew last."""
        mine = budget_reservations.c.key == key
        issuer = await self._connection.scalar(select(budget_reservations.c.issuer).where(mine))
        if issuer is None:
            return False
        await self._lock(issuer)
        if not await changed(self._connection, _TURN, _turn(key, TakenState.RETURNED, states)):
            return False
        found: Sequence[Taken] = (await self._connection.scalars(select(budget_reservations.c.taken).where(mine))).one()
        taken = [one for one in found if one.bucket.scope in scopes]
        limits: Limits = (
            await self._connection.scalars(select(budgets.c.limits).where(budgets.c.issuer == issuer))
        ).one()
        buckets = await self._buckets(issuer, [one.bucket for one in taken])
        for one in taken:
            bucket, limit = buckets.get(one.bucket), limits.find(one.bucket.scope)
            if bucket is not None and limit is not None:
                await self._keep(issuer, one.bucket, bucket.give_back(limit, one.mark, now))
        return bool(taken)

    async def fail(self, key: str, names: tuple[str, ...], *, issuer: str, limits: Limits, at: datetime) -> None:
        """Take one from each name's bucket; a failure is a reservation that was used at once."""
        await self._lock(issuer, limits)
        failure = f"{key}/failed"
        limit = limits.find(LimitScope.FAILURES)
        if limit is None or await self._state(failure) is not None:
            return
        failed = dict.fromkeys(counted_by(LimitScope.FAILURES, names), limit)
        taken = await self._take(issuer, failed, await self._buckets(issuer, failed), at)
        await self._record(failure, names, issuer=issuer, taken=taken, state=TakenState.USED, at=at)

    async def forget(self, key: str) -> None:
        """Delete the place in the queue."""
        await self._connection.execute(delete(budget_waiters).where(budget_waiters.c.key == key))

    async def standing(self, now: datetime, *, limit: int) -> Sequence[IssuerBudget]:
        """Read issuer by issuer; there are few."""
        rows = await self._connection.execute(select(budgets.c.issuer, budgets.c.limits).order_by(budgets.c.issuer))
        return [await self._standing(issuer, limits, now, limit) for issuer, limits in rows]

    async def _standing(self, issuer: str, limits: Limits, now: datetime, limit: int) -> IssuerBudget:
        queue = sorted((one for one in await self._waiters(issuer) if one.counts(now)), key=lambda one: one.rank)
        emptiest = [one for each in limits.items for one in await self._emptiest(issuer, each, now, limit)]
        return IssuerBudget(
            issuer=issuer, limits=limits, buckets=tuple(emptiest), waiters=tuple(queue[:limit]), waiting=len(queue)
        )

    async def _emptiest(self, issuer: str, limit: Limit, now: datetime, count: int) -> Sequence[BudgetBucket]:
        table = budget_buckets.c
        mine = select(table.scope, table.title, table.tat).where(table.issuer == issuer, table.scope == limit.scope)
        busy = mine.where(table.tat > now).order_by(table.tat.desc()).limit(count)
        return await many(self._connection, busy, BudgetBucket)

    async def purge(self, before: datetime, *, now: datetime) -> int:
        """Delete what says nothing any more; a key from before takes anew if it ever comes again."""
        old = delete(budget_reservations).where(budget_reservations.c.at < before)
        full = delete(budget_buckets).where(budget_buckets.c.tat < now)
        gone = delete(budget_waiters).where(budget_waiters.c.until < now - GONE_AFTER)
        return sum([await changed(self._connection, statement) for statement in (old, full, gone)])

    async def _lock(self, issuer: str, limits: Limits | None = None) -> None:
        """Keep all others from this issuer's budget until the transaction ends; SQLite's BEGIN IMMEDIATE did so."""
        if limits is not None:
            await insert_once(self._connection, budgets, {"issuer": issuer, "limits": limits})
        mine = budgets.c.issuer == issuer
        known = await self._connection.scalar(select(budgets.c.limits).where(mine).with_for_update())
        if limits is not None and limits != known:
            await self._connection.execute(update(budgets).where(mine).values(limits=limits))

    async def _state(self, key: str) -> str | None:
        statement = select(budget_reservations.c.state).where(budget_reservations.c.key == key)
        return await self._connection.scalar(statement)

    async def _waiters(self, issuer: str) -> list[Waiter]:
        return await many(self._connection, _WAITERS.where(budget_waiters.c.issuer == issuer), Waiter)

    async def _buckets(self, issuer: str, names: Iterable[BucketName]) -> dict[BucketName, Bucket]:
        wanted = {(name.scope.value, name.key): name for name in names}
        table = budget_buckets.c
        statement = select(table.scope, table.key, table.tat).where(
            table.issuer == issuer, table.key.in_({key for _, key in wanted})
        )
        rows = await self._connection.execute(statement)
        return {wanted[scope, key]: Bucket(tat) for scope, key, tat in rows if (scope, key) in wanted}

    async def _take(
        self, issuer: str, takes: Mapping[BucketName, Limit], buckets: Mapping[BucketName, Bucket], now: datetime
    ) -> tuple[Taken, ...]:
        taken = []
        for name, limit in takes.items():
            after = buckets.get(name, Bucket()).take(limit, now)
            await self._keep(issuer, name, after)
            taken.append(Taken(bucket=name, mark=after.tat))
        return tuple(taken)

    async def _keep(self, issuer: str, name: BucketName, bucket: Bucket) -> None:
        row = {"issuer": issuer, "scope": name.scope.value, "key": name.key, "title": name.title, "tat": bucket.tat}
        await overwrite(self._connection, budget_buckets, row)

    async def _record(
        self,
        key: str,
        names: tuple[str, ...],
        *,
        issuer: str,
        taken: tuple[Taken, ...],
        state: TakenState,
        at: datetime,
    ) -> None:
        row = {"key": key, "issuer": issuer, "names_sha256": names_digest(names), "at": at}
        await overwrite(self._connection, budget_reservations, {**row, "state": state.value, "taken": taken})


def _turn(key: str, state: TakenState, before: Collection[TakenState] = (TakenState.RESERVED,)) -> Mapping[str, object]:
    return {"the_key": key, "state": state.value, "before": [one.value for one in before]}
