"""Answers to requests that carried an Idempotency-Key, and the audit trail: what the API remembers of its callers."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from certloom.storage.records import IdempotencyClaim
from certloom.storage.rows import changed, insert_once, one
from certloom.storage.tables import audit_lines
from certloom.storage.tables import idempotency_claims as claims


class SqlIdempotencyTable:
    """IdempotencyTable on one connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def claim(self, claim: IdempotencyClaim) -> IdempotencyClaim:
        """Insert by (scope, key), or return the one that is there, answered or not."""
        while True:
            if await insert_once(self._connection, claims, dict(claim)):
                return claim
            standing = select(claims).where(_key(claim.scope, claim.key))
            if found := await one(self._connection, standing, IdempotencyClaim):
                return found
            # released by its owner between the two statements: it is free again

    async def answer(self, scope: str, key: str, *, status: int, body: str, headers: Mapping[str, str]) -> None:
        """Record the answer; the first one stands."""
        open_claim = update(claims).where(_key(scope, key), claims.c.status.is_(None))
        await self._connection.execute(open_claim.values(status=status, body=body, headers=headers))

    async def release(self, scope: str, key: str) -> None:
        """Forget an unanswered claim."""
        await self._connection.execute(delete(claims).where(_key(scope, key), claims.c.status.is_(None)))

    async def renew(self, scope: str, key: str, *, at: datetime, stale_before: datetime) -> bool:
        """Take over an unanswered claim older than `stale_before`; one of several callers gets it."""
        stale = update(claims).where(_key(scope, key), claims.c.status.is_(None), claims.c.claimed_at < stale_before)
        return await changed(self._connection, stale.values(claimed_at=at)) == 1

    async def purge(self, before: datetime) -> int:
        """Delete claims from before; return how many."""
        return await changed(self._connection, delete(claims).where(claims.c.claimed_at < before))


class SqlAuditTable:
    """AuditTable on one connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, *, at: datetime, actor: str, action: str, account_id: str | None, subject: str) -> None:
        """Append a line."""
        row = {"at": at, "actor": actor, "action": action, "account_id": account_id, "subject": subject}
        await self._connection.execute(insert(audit_lines).values(row))


def _key(scope: str, key: str) -> ColumnElement[bool]:
    return and_(claims.c.scope == scope, claims.c.key == key)
