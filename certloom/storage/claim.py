"""Outside effects, claimed before they happen and remembered when they did (DESIGN 4.2)."""

from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Executable, func
from sqlalchemy.ext.asyncio import AsyncConnection

from certloom.storage.rows import insert_into, insert_or_find
from certloom.storage.tables import claims


class SqlClaimTable:
    """ClaimTable on one connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def claim(self, key: str, at: datetime) -> str | None:
        """Insert the claim; return the recorded result when the effect is already done, else None."""
        claim = insert_or_find(self._connection.dialect.name, claims, "key", claims.c.result)
        found: str | None = await self._connection.scalar(claim, _row(key, at))
        return found

    async def finish(self, key: str, result: str, at: datetime) -> str:
        """Record the result unless there is one; return the one that stands."""
        row = {**_row(key, at), "result": result, "finished_at": at}
        standing: str | None = await self._connection.scalar(_finish(self._connection.dialect.name), row)
        return result if standing is None else standing


def _row(key: str, at: datetime) -> dict[str, Any]:
    return {"key": key, "claimed_at": at}


@cache
def _finish(dialect: str) -> Executable:
    statement = insert_into(dialect, claims)
    first = {name: func.coalesce(claims.c[name], statement.excluded[name]) for name in ("result", "finished_at")}
    return statement.on_conflict_do_update(index_elements=["key"], set_=first).returning(claims.c.result)
