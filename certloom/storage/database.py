"""One database as two engines, for writing and for reading, and what must happen after secrets were erased."""

from typing import Protocol

from sqlalchemy import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from certloom.storage.lending import Lend
from certloom.storage.postgres import PostgresDatabase
from certloom.storage.sqlite import SqliteDatabase


class Database(Protocol):
    """What the two kinds have in common."""

    writer: AsyncEngine
    reader: AsyncEngine

    @property
    def write(self) -> Lend:
        """Lends a connection for writing; borrow it for one transaction."""
        ...

    @property
    def read(self) -> Lend:
        """Lends one for reading."""
        ...

    def erased(self) -> None:
        """Remember that the transaction under way drops bytes that no file may keep."""
        ...

    async def committed(self) -> None:
        """Do what is left to do after a commit; may fail silently, and is then tried after the next one."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


def database(url: str, *, pool_size: int) -> Database:
    """Return the database at *url*; connects to nothing yet. Raises ValueError for a kind that we do not know."""
    parsed: URL = make_url(url)
    if parsed.drivername == SqliteDatabase.DRIVER:
        return SqliteDatabase(parsed, readers=pool_size)
    if parsed.drivername == PostgresDatabase.DRIVER:
        return PostgresDatabase(parsed, pool_size=pool_size)
    known = f"{SqliteDatabase.DRIVER}:///<file> or {PostgresDatabase.DRIVER}://<user>:<password>@<host>/<database>"
    raise ValueError(f"The database URL begins with {parsed.drivername}://; give {known}.")
