"""Connections that stay out of the engine's pool between transactions, each lent to one borrower at a time.

Taking one out of the pool and putting it back costs as much as a statement, and an activity has many transactions.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

Lend = Callable[[], AbstractAsyncContextManager[AsyncConnection]]
"""How a connection is borrowed; an engine's own `connect` is one way."""


class Lending:
    """At most so many connections of an engine; who waits longer than *patience* seconds for one gets TimeoutError."""

    def __init__(self, engine: AsyncEngine, *, most: int, patience: float) -> None:
        self._engine = engine
        self._patience = patience
        self._free = asyncio.Semaphore(most)
        self._idle: list[AsyncConnection] = []

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[AsyncConnection]:
        """Lend a connection without a transaction; in turn. After an error it goes to the pool, which resets it."""
        async with asyncio.timeout(self._patience):
            await self._free.acquire()
        try:
            connection = self._idle.pop() if self._idle else await self._engine.connect()
            try:
                yield connection
            except BaseException:
                await asyncio.shield(asyncio.ensure_future(connection.close()))
                raise
            self._idle.append(connection)
        finally:
            self._free.release()

    async def close(self) -> None:
        """Close all connections that are not lent."""
        while self._idle:
            await self._idle.pop().close()
        await self._engine.dispose()
