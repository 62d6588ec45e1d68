"""The connection that makes one trip per statement: what it saves must never be a rollback."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from certloom.storage.engine import SqlStorage
from certloom.storage.migrate import migrate
from tests.storage.rows import NOW


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    await migrate(f"sqlite+aiosqlite:///{tmp_path}/certloom.db")
    return tmp_path / "certloom.db"


@pytest.fixture
async def storage(path: Path) -> AsyncIterator[SqlStorage]:
    made = SqlStorage(f"sqlite+aiosqlite:///{path}")
    yield made
    await made.close()


async def cut_off(storage: SqlStorage, *, after: asyncio.Event) -> None:
    """Begin a transaction whose task is cancelled in its middle."""

    async def claim() -> None:
        async with storage.begin() as tx:
            await tx.claims.claim("half", NOW)
            after.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(claim())
    await after.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def results(storage: SqlStorage, key: str) -> str | None:
    async with storage.begin() as tx:
        return await tx.claims.claim(key, NOW)


async def test_a_cancelled_transaction_leaves_nothing(storage: SqlStorage, path: Path) -> None:
    """What was written before the caller went is rolled back, and the file is free for others at once."""
    await cut_off(storage, after=asyncio.Event())
    with sqlite3.connect(path, timeout=0) as rival:
        rival.execute("BEGIN EXCLUSIVE")
        assert rival.execute("SELECT count(*) FROM claims").fetchone() == (0,)


async def test_a_connection_is_good_after_a_cancelled_transaction(storage: SqlStorage) -> None:
    """The next one that gets it begins anew."""
    await cut_off(storage, after=asyncio.Event())
    assert await results(storage, "half") is None
    assert await results(storage, "half") is None


async def test_who_is_cancelled_while_he_waits_for_the_file_holds_nothing(storage: SqlStorage, path: Path) -> None:
    """A BEGIN that comes through after its caller went is taken back."""
    rival = sqlite3.connect(path, isolation_level=None)
    rival.execute("BEGIN IMMEDIATE")
    waiting = asyncio.create_task(results(storage, "late"))
    while not storage._database.writer.pool.checkedout():  # type: ignore[attr-defined]
        await asyncio.sleep(0)
    waiting.cancel()
    rival.execute("ROLLBACK")
    with pytest.raises(asyncio.CancelledError):
        await waiting
    rival.execute("BEGIN IMMEDIATE")
    assert rival.execute("SELECT count(*) FROM claims").fetchone() == (0,)
    rival.close()
    assert await results(storage, "next") is None


async def test_a_transaction_without_a_statement_holds_nothing(storage: SqlStorage, path: Path) -> None:
    """It begins with its first statement, so it stands in nobody's way before."""
    async with storage.begin():
        with sqlite3.connect(path, timeout=0) as rival:
            rival.execute("BEGIN EXCLUSIVE")
