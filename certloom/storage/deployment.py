"""One row per deployment, from what was asked to how it ended."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, literal, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from certloom.domain.deployment import COMES_FROM, DeploymentState
from certloom.domain.look import Look
from certloom.storage.cursor import BY_TIME
from certloom.storage.records import DeploymentRecord, Page
from certloom.storage.rows import changed, insert_once, many, one
from certloom.storage.tables_target import deployments
from certloom.storage.types import UtcDateTime, Words
from certloom.targets.interface import Standing

MOST_ISSUANCES: Final = 200
_OPEN = deployments.c.ended_at.is_(None)


class SqlDeploymentTable:
    """DeploymentTable on one connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, record: DeploymentRecord) -> None:
        """Insert; the same id again is left as it is."""
        await insert_once(self._connection, deployments, dict(record))

    async def get(self, deployment_id: str) -> DeploymentRecord | None:
        """Return one."""
        statement = select(deployments).where(deployments.c.id == deployment_id)
        return await one(self._connection, statement, DeploymentRecord)

    async def of_certificate(
        self, certificate_id: str, *, limit: int, cursor: str | None = None
    ) -> Page[DeploymentRecord]:
        """List a certificate's, newest first."""
        statement = select(deployments).where(deployments.c.certificate_id == certificate_id)
        if cursor is not None:
            at, last = BY_TIME.read(cursor)
            position = tuple_(literal(at, UtcDateTime), literal(last, Words))
            statement = statement.where(tuple_(deployments.c.started_at, deployments.c.id) < position)
        ordered = statement.order_by(deployments.c.started_at.desc(), deployments.c.id.desc()).limit(limit + 1)
        found = await many(self._connection, ordered, DeploymentRecord)
        return BY_TIME.page(found, limit, lambda record: (record.started_at, record.id))

    async def of_target(self, target_id: str, *, limit: int) -> Sequence[DeploymentRecord]:
        """List the newest ones to a target, newest first."""
        mine = select(deployments).where(deployments.c.target_id == target_id)
        ordered = mine.order_by(deployments.c.started_at.desc(), deployments.c.id.desc()).limit(limit)
        return await many(self._connection, ordered, DeploymentRecord)

    async def put_there(self, target_id: str) -> Sequence[tuple[str, int]]:
        """List which issuances were ever put on a target, newest first."""
        row = deployments.c
        mine = select(row.certificate_id, row.number).where(row.target_id == target_id, row.number.is_not(None))
        newest = mine.group_by(row.certificate_id, row.number).order_by(func.max(row.started_at).desc())
        return [(found[0], found[1]) for found in await self._connection.execute(newest.limit(MOST_ISSUANCES))]

    async def begin(
        self, deployment_id: str, *, served_before: Sequence[Look], before: Standing | None, at: datetime
    ) -> bool:
        """Remember what was there before anything is changed; the first call counts for each of the two."""
        row = deployments.c
        if not await self.progress(deployment_id, DeploymentState.INSTALLING, at=at):
            return False
        mine = update(deployments).where(row.id == deployment_id, _OPEN)
        await self._connection.execute(
            mine.where(row.served_before.is_(None)).values(served_before=tuple(served_before))
        )
        if before is not None:
            await self._connection.execute(mine.where(row.before.is_(None)).values(before=before))
        return True

    async def progress(
        self,
        deployment_id: str,
        state: DeploymentState,
        *,
        at: datetime,
        seen: Sequence[Look] | None = None,
        why: str | None = None,
    ) -> bool:
        """Say how far it is; False when that state may not be entered any more."""
        changes: dict[str, Any] = {"state": state, "updated_at": at}
        if seen is not None:
            changes["seen"] = tuple(seen)
        if why is not None:
            changes["why"] = why
        fits = deployments.c.state.in_(COMES_FROM[state])
        statement = update(deployments).where(deployments.c.id == deployment_id, _OPEN, fits)
        return await changed(self._connection, statement.values(**changes)) == 1

    async def end(
        self, deployment_id: str, state: DeploymentState, *, why: str | None, at: datetime, displaced: str | None = None
    ) -> None:
        """Record the end, once: the first one stands."""
        statement = update(deployments).where(deployments.c.id == deployment_id, _OPEN)
        changes = {"state": state, "why": why, "ended_at": at, "updated_at": at, "displaced": displaced}
        await self._connection.execute(statement.values(**changes))

    async def unfinished(self, *, after: str | None, limit: int) -> Sequence[DeploymentRecord]:
        """List by id what has no end yet."""
        statement = select(deployments).where(_OPEN)
        if after is not None:
            statement = statement.where(deployments.c.id > after)
        return await many(self._connection, statement.order_by(deployments.c.id).limit(limit), DeploymentRecord)
