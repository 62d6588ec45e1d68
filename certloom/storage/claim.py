"""Outside effects, claimed before they happen and remembered when they did (DESIGN 4.2)."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from certloom.storage.rows import insert_once
from certloom.storage.tables import claims


class SqlClaimTable:
    """ClaimTable on one connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def claim(self, key: str, at: datetime) -> str | None:
        """Insert the claim; return the recorded result when the effect is already done, else None."""
        await insert_once(self._connection, claims, {"key": key, "claimed_at": at})
        return await self._result(key)

    async def finish(self, key: str, result: str, at: datetime) -> str:
        """Record the result unless there is one; return the one that stands."""
        await insert_once(self._connection, claims, {"key": key, "claimed_at": at})
        unfinished = update(claims).where(claims.c.key == key, claims.c.result.is_(None))
        await self._connection.execute(unfinished.values(result=result, finished_at=at))
        standing = await self._result(key)
        return result if standing is None else standing

    async def _result(self, key: str) -> str | None:
        return await self._connection.scalar(select(claims.c.result).where(claims.c.key == key))
