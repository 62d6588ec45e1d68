"""Which of our accounts ordered which names at somebody else's CA."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from certloom.storage.rows import changed, overwrite
from certloom.storage.tables_contest import wanted_names


class SqlContestTable:
    """ContestTable on one connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def want(self, issuer: str, account_id: str, names: Collection[str], at: datetime) -> None:
        """Note that an account orders names now, in one order for all callers so that none deadlocks another."""
        for name in sorted(set(names)):
            row = {"issuer": issuer, "name": name, "account_id": account_id, "at": at}
            await overwrite(self._connection, wanted_names, row, unless=wanted_names.c.at > at)

    async def contested(
        self, issuer: str, account_id: str, names: Collection[str], *, since: datetime
    ) -> frozenset[str]:
        """Return those of the names that another account ordered since then."""
        others = (wanted_names.c.issuer == issuer) & (wanted_names.c.account_id != account_id)
        asked = select(wanted_names.c.name).where(others, wanted_names.c.at >= since)
        return frozenset(await self._connection.scalars(asked.where(wanted_names.c.name.in_(set(names)))))

    async def purge(self, before: datetime) -> int:
        """Forget what nobody ordered since then."""
        return await changed(self._connection, delete(wanted_names).where(wanted_names.c.at < before))
