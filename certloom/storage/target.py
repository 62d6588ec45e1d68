"""Places to deploy to, and leases on what must be changed one at a time."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, delete, exists, false, literal, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from certloom.domain.look import Look
from certloom.domain.target import Target
from certloom.storage.cursor import BY_TIME
from certloom.storage.records import Page, TargetRecord, Watched
from certloom.storage.rows import Excluded, changed, insert_once, many, one, overwrite
from certloom.storage.tables_target import deployments, leases, targets
from certloom.storage.types import UtcDateTime, Words

_READ = select(targets.c.target, targets.c.deployment_id, targets.c.looked_at, targets.c.looks)


class SqlTargetTable:
    """TargetTable on one connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, target: Target) -> bool:
        """Insert; False, and nothing changed, when the id or its slot is there already."""
        return await insert_once(self._connection, targets, _row(target)) == 1

    async def get(self, target_id: str) -> TargetRecord | None:
        """Return one, deleted ones too."""
        return await one(self._connection, _READ.where(targets.c.id == target_id), TargetRecord)

    async def list(self, *, account_id: str | None, limit: int, cursor: str | None = None) -> Page[TargetRecord]:
        """List undeleted ones newest first."""
        statement = _READ.where(targets.c.deleted == false())
        if account_id is not None:
            statement = statement.where(targets.c.account_id == account_id)
        if cursor is not None:
            at, last = BY_TIME.read(cursor)
            position = tuple_(literal(at, UtcDateTime), literal(last, Words))
            statement = statement.where(tuple_(targets.c.created_at, targets.c.id) < position)
        ordered = statement.order_by(targets.c.created_at.desc(), targets.c.id.desc()).limit(limit + 1)
        found = await many(self._connection, ordered, TargetRecord)
        return BY_TIME.page(found, limit, lambda record: (record.target.created_at, record.target.id))

    async def delete(self, target_id: str, at: datetime) -> bool:
        """Mark as deleted; False when it was before."""
        found = await self.get(target_id)
        if found is None or found.target.deleted_at is not None:
            return False
        gone = found.target.model_copy(update={"deleted_at": at})
        statement = update(targets).where(targets.c.id == target_id, targets.c.deleted == false())
        return await changed(self._connection, statement.values(deleted=True, target=gone)) == 1

    async def occupy(self, target_id: str, deployment_id: str) -> str | None:
        """Give the target to a deployment unless another unfinished one has it; return who has it then."""
        unfinished = exists().where(deployments.c.id == targets.c.occupied_by, deployments.c.ended_at.is_(None))
        free = or_(targets.c.occupied_by.is_(None), targets.c.occupied_by == deployment_id, ~unfinished)
        statement = update(targets).where(targets.c.id == target_id, free).values(occupied_by=deployment_id)
        await self._connection.execute(statement)
        return await self._connection.scalar(select(targets.c.occupied_by).where(targets.c.id == target_id))

    async def release(self, target_id: str, deployment_id: str) -> None:
        """Give it free again, if it is still held by this one."""
        held = update(targets).where(targets.c.id == target_id, targets.c.occupied_by == deployment_id)
        await self._connection.execute(held.values(occupied_by=None))

    async def settle(self, target_id: str, deployment_id: str | None) -> None:
        """Remember which deployment was proven there last."""
        statement = update(targets).where(targets.c.id == target_id)
        await self._connection.execute(statement.values(deployment_id=deployment_id, looks=None, looked_at=None))

    async def saw(self, target_id: str, looks: Sequence[Look], at: datetime) -> None:
        """Keep what the last watch saw at its endpoints."""
        statement = update(targets).where(targets.c.id == target_id).values(looks=tuple(looks), looked_at=at)
        await self._connection.execute(statement)

    async def watched(self, *, host: str | None, after: str | None, limit: int) -> Sequence[Watched]:
        """List by id the undeleted targets of a worker's host that serve an issuance of ours."""
        serving = and_(targets.c.deployment_id == deployments.c.id, deployments.c.number.is_not(None))
        statement = select(
            targets.c.target, deployments.c.certificate_id, deployments.c.number, targets.c.occupied_by
        ).join_from(targets, deployments, serving)
        statement = statement.where(targets.c.deleted == false(), _of_host(host))
        if after is not None:
            statement = statement.where(targets.c.id > after)
        return await many(self._connection, statement.order_by(targets.c.id).limit(limit), Watched)

    async def hosts(self) -> Sequence[str | None]:
        """List the hosts whose workers have undeleted targets to drive."""
        statement = select(targets.c.host).where(targets.c.deleted == false()).distinct()
        return sorted((await self._connection.scalars(statement)).all(), key=lambda host: host or "")


class SqlLeaseTable:
    """LeaseTable on one connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def take(self, key: str, holder: str, *, now: datetime, until: datetime) -> bool:
        """Take or prolong the lease; False while somebody else's has not ended."""
        row = {"key": key, "holder": holder, "until": until}
        return await overwrite(self._connection, leases, row, unless=_taken, now=now)

    async def release(self, key: str, holder: str) -> None:
        """Give it back; silent when it is not ours any more."""
        await self._connection.execute(delete(leases).where(leases.c.key == key, leases.c.holder == holder))


def _taken(row: Excluded) -> ColumnElement[bool]:
    return and_(leases.c.holder != row.holder, leases.c.until > bindparam("now", type_=UtcDateTime))


def _row(target: Target) -> dict[str, Any]:
    return {
        "id": target.id,
        "account_id": target.account_id,
        "slot": target.slot,
        "host": target.host,
        "deleted": target.deleted_at is not None,
        "created_at": target.created_at,
        "target": target,
    }


def _of_host(host: str | None) -> ColumnElement[bool]:
    return targets.c.host.is_(None) if host is None else targets.c.host == host
