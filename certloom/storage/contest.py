"""Which of our accounts ordered which names at somebody else's CA."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, bindparam, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from certloom.storage.rows import Excluded, changed, overwrite
from certloom.storage.tables_contest import wanted_names

_CONTESTED = select(wanted_names.c.name).where(
    wanted_names.c.issuer == bindparam("the_issuer"),
    wanted_names.c.account_id != bindparam("the_account"),
    wanted_names.c.at >= bindparam("since"),
    wanted_names.c.name.in_(bindparam("the_names", expanding=True)),
)


class SqlContestTable:
    """ContestTable on one connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def want(self, issuer: str, account_id: str, names: Collection[str], at: datetime) -> None:
        """Note that an account orders names now, in one order for all callers so that none deadlocks another."""
        for name in sorted(set(names)):
            row = {"issuer": issuer, "name": name, "account_id": account_id, "at": at}
            await overwrite(self._connection, wanted_names, row, unless=_later)

    async def contested(
        self, issuer: str, account_id: str, names: Collection[str], *, since: datetime
    ) -> frozenset[str]:
        """Return those of the names that another account ordered since then."""
        asked = {"the_issuer": issuer, "the_account": account_id, "the_names": sorted(set(names)), "since": since}
        return frozenset(await self._connection.scalars(_CONTESTED, asked))

    async def purge(self, before: datetime) -> int:
        """Forget what nobody ordered since then."""
        return await changed(self._connection, delete(wanted_names).where(wanted_names.c.at < before))


def _later(row: Excluded) -> ColumnElement[bool]:
    return wanted_names.c.at > row.at
