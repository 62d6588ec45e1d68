"""A database that is away is an outage; a defect of ours is not."""

from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from certloom.domain.errors import Outage
from certloom.storage.engine import SqlStorage
from certloom.storage.migrate import migrate
from tests.databases import POSTGRES, fresh_storage
from tests.storage.rows import NOW

NOBODY_LISTENS = "postgresql+asyncpg://u:hidden@127.0.0.1:1/db"


async def test_refused_connection() -> None:
    """A server that is down is an outage, and its password is not told."""
    storage = SqlStorage(NOBODY_LISTENS)
    with pytest.raises(Outage) as outage:
        await storage.ping()
    assert "hidden" not in str(outage.value)
    await storage.close()


async def test_migrating_a_server_that_is_down() -> None:
    """Migrating waits for nothing: the caller tries again."""
    with pytest.raises(Outage):
        await migrate(NOBODY_LISTENS)


async def test_missing_database(tmp_path: Path) -> None:
    """A database that is not created yet is an outage."""
    async with fresh_storage(POSTGRES, tmp_path) as storage:
        url = storage._database.writer.url.set(database="elsewhere")
        other = SqlStorage(url.render_as_string(hide_password=False))
        with pytest.raises(Outage, match="does not exist"):
            await other.ping()
        await other.close()


async def test_lost_connection(tmp_path: Path) -> None:
    """A connection that breaks in mid transaction is an outage, and the next one works."""

    async def break_off(storage: SqlStorage) -> None:
        async with storage.begin() as tx:
            await tx.claims.claim("key", NOW)
            async with storage._database.write() as rival:
                others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                await rival.execute(text(f"{others} AND datname = current_database()"))
            await tx.claims.claim("key", NOW)

    async with fresh_storage(POSTGRES, tmp_path) as storage:
        with pytest.raises(Outage):
            await break_off(storage)
        await storage.ping()


async def test_defects_stay_defects(storage: SqlStorage) -> None:
    """A statement that can never succeed is not called an outage, which would be retried for ever."""
    with pytest.raises(DBAPIError):
        async with storage.begin() as tx:
            await tx.claims.claim(None, NOW)  # type: ignore[arg-type]


async def test_callers_errors_pass(storage: SqlStorage) -> None:
    """What the caller's own block raises is not mistaken for the database's."""
    with pytest.raises(ConnectionRefusedError):
        async with storage.begin():
            raise ConnectionRefusedError


async def test_parameters_are_hidden(storage: SqlStorage) -> None:
    """An error's text never shows what was to be stored."""
    with pytest.raises(DBAPIError) as defect:
        async with storage.begin() as tx:
            await tx.secrets.put(None, owner="cert_1", sealed=b"sealed-bytes")  # type: ignore[arg-type]
    assert "sealed-bytes" not in str(defect.value)
