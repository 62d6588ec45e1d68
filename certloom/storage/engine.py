"""Storage on SQLite and PostgreSQL: opens transactions, translates outages, says whether the schema fits."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from certloom.domain.errors import Outage
from certloom.storage.database import Database, database
from certloom.storage.interface import Transaction
from certloom.storage.lending import Lend
from certloom.storage.outage import connecting, outages
from certloom.storage.revision import newest
from certloom.storage.transaction import SqlTransaction

POOL_SIZE: Final = 10  # per process; PostgreSQL admits 100 in all unless told otherwise


class SqlStorage:
    """Storage at a URL: `sqlite+aiosqlite:///<file>` or `postgresql+asyncpg://...`; connects at the first use.

    Never open a transaction inside another one in the same task: on SQLite the second waits for the first until
    it gives up. Raises ValueError for another kind of URL.
    """

    def __init__(self, url: str, *, pool_size: int = POOL_SIZE) -> None:
        self._database: Database = database(url, pool_size=pool_size)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Transaction]:
        """Open a transaction for writing; commits at the end, rolls back when the block raises."""
        async with _opened(self._database.write) as connection:
            yield SqlTransaction(connection, self._database.erased)
        await self._database.committed()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Transaction]:
        """Open a transaction for reading one snapshot; the database itself refuses writes in it."""
        async with _opened(self._database.read) as connection:
            yield SqlTransaction(connection, self._database.erased)

    async def ping(self) -> None:
        """Return when the database answers and its schema is the newest; raises Outage otherwise."""
        async with _opened(self._database.read) as connection:
            revision = await connection.scalar(text("SELECT version_num FROM alembic_version"))
        if revision != newest():
            raise Outage(f"The database's schema is {revision}, and this program needs {newest()}: run the migrations.")

    async def close(self) -> None:
        """Close all connections."""
        await self._database.close()


@asynccontextmanager
async def _opened(lend: Lend) -> AsyncIterator[AsyncConnection]:
    with outages():
        async with AsyncExitStack() as stack:
            with connecting():
                connection = await stack.enter_async_context(lend())
                await stack.enter_async_context(connection.begin())
            yield connection
