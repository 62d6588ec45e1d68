"""Connections that are lent from transaction to transaction."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine

from certloom.storage.lending import Lending
from certloom.storage.sqlite import engine as sqlite_engine


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncEngine:
    url = make_url(f"sqlite+aiosqlite:///{tmp_path}/lent.db")
    return sqlite_engine(url, begin="BEGIN IMMEDIATE", pragmas=(), pool_size=1)


@pytest.fixture
async def lending(engine: AsyncEngine) -> AsyncIterator[Lending]:
    made = Lending(engine, most=1, patience=0.1)
    yield made
    await made.close()


async def test_the_next_borrower_gets_the_same_connection(lending: Lending) -> None:
    """It is not opened anew, nor checked out of the pool."""
    async with lending.lend() as first:
        pass
    async with lending.lend() as second:
        assert second is first


async def test_so_many_are_lent_and_no_more(lending: Lending) -> None:
    """Who comes when all are lent waits for his turn, and gives up when it takes too long."""
    async with lending.lend():
        with pytest.raises(TimeoutError):
            async with lending.lend():
                pytest.fail("two borrowers of one connection")
    async with lending.lend() as again:
        assert await again.scalar(text("SELECT 1")) == 1


async def test_after_an_error_it_is_reset(lending: Lending) -> None:
    """A transaction that was left open is rolled back before anybody else gets the connection."""
    async with lending.lend() as connection, connection.begin():
        await connection.execute(text("CREATE TABLE kept (n INTEGER)"))
    with suppress(LookupError):
        async with lending.lend() as connection:
            await connection.execute(text("INSERT INTO kept VALUES (1)"))  # begins by itself
            raise LookupError
    async with lending.lend() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM kept")) == 0


async def test_a_borrower_that_is_cancelled_gives_it_back(lending: Lending) -> None:
    """His turn is over, whatever he was doing."""
    held = asyncio.Event()

    async def hold() -> None:
        async with lending.lend():
            held.set()
            await asyncio.Event().wait()

    holder = asyncio.create_task(hold())
    await held.wait()
    holder.cancel()
    async with lending.lend() as connection:
        assert await connection.scalar(text("SELECT 1")) == 1


async def test_closing_leaves_none_open(engine: AsyncEngine, lending: Lending) -> None:
    """The pool has them all back."""
    async with lending.lend():
        pass
    assert "out connections: 1" in engine.pool.status()
    await lending.close()
    assert "out connections: 0" in engine.pool.status()
