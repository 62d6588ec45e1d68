"""Brings a database's schema to the newest revision, under a lock: any number of processes may start at once."""

from typing import Final

from alembic import command
from sqlalchemy import URL, Connection, make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine

from certloom.storage import postgres, sqlite
from certloom.storage.outage import connecting, outages
from certloom.storage.revision import config

_LOCK: Final = 0x6365_7274_6C6F_6F6D  # "certloom"; an advisory lock's number is shared by all that use the database

_PATIENT: Final = ("PRAGMA busy_timeout=60000",)  # ms; a rival's migration may rewrite large tables


async def migrate(url: str) -> None:
    """Bring the schema to the newest revision in one transaction; does nothing when it is there already.

    May be called at any time by any number of processes: one works, the others wait. Raises Outage.
    """
    engine = _engine(make_url(url))
    try:
        with outages():
            with connecting():
                await _connect(engine)
            async with engine.begin() as connection:
                await connection.run_sync(_upgrade)
    finally:
        await engine.dispose()


def _engine(url: URL) -> AsyncEngine:
    if url.drivername == postgres.PostgresDatabase.DRIVER:
        return postgres.engine(url, pool_size=1, answer_seconds=None)
    sqlite.create_private(url)
    return sqlite.engine(url, begin="BEGIN EXCLUSIVE", pragmas=_PATIENT, pool_size=1)


async def _connect(engine: AsyncEngine) -> None:
    async with engine.connect():
        pass  # whether the server is there at all
    if engine.dialect.name == "sqlite":
        await sqlite.keep_log(engine.connect)


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL lock_timeout = 0"))
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    else:
        connection.execute(text("SELECT 1"))  # the transaction, and with it the lock, begins with a statement
    made = config()
    made.attributes["connection"] = connection
    command.upgrade(made, "head")
