"""aiosqlite with one trip to a connection's thread per statement; SQLAlchemy makes four: cursor, run, fetch, close.

A trip costs more than most of our statements: it switches threads twice, and both want the interpreter's lock.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import aiosqlite

CHUNK: Final = 64  # rows; of no use here, because all of them come with the statement


class OneTripConnection(aiosqlite.Connection):
    """A connection whose cursors are made at no cost, and fetch while they execute."""

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector, CHUNK)
        self._thread.daemon = True  # a process that was told to end does not wait for it
        self._sent, self._done = 0, 0  # trips; a caller that was cancelled leaves one under way
        self._opening: str | None = None

    def cursor(self) -> "OneTripCursor":  # type: ignore[override] # what SQLAlchemy's adapter needs, and no more
        """Return a cursor; the database hears of it with its first statement."""
        return OneTripCursor(self)

    async def run(self, work: Callable[[sqlite3.Cursor], object]) -> "Ran":
        """Do *work* with a new cursor in the connection's thread, and bring back all that came of it."""
        self._sent += 1
        ran: Ran = await self._execute(self._ran, work)  # type: ignore[no-untyped-call]
        return ran

    def open(self, begin: str) -> None:
        """Let the transaction begin with its first statement, in the same trip."""
        self._opening = begin

    async def commit(self) -> None:
        """Commit; no trip when no statement came."""
        if self._opening is None:
            await super().commit()
        self._opening = None

    async def rollback(self) -> None:
        """Roll back; no trip when there is nothing, as at the end of every use of a connection."""
        self._opening = None
        if self._sent != self._done or self._conn.in_transaction:
            await super().rollback()

    def _ran(self, work: Callable[[sqlite3.Cursor], object]) -> "Ran":
        try:
            return self._run(work)
        finally:
            self._done += 1

    def _run(self, work: Callable[[sqlite3.Cursor], object]) -> "Ran":
        cursor, begin = self._conn.cursor(), self._opening
        try:
            if begin is not None:
                cursor.execute(begin)
                self._opening = None
            work(cursor)
            rows = cursor.fetchall() if cursor.description else []
            return Ran(cursor.description, cursor.rowcount, cursor.lastrowid, rows)
        finally:
            cursor.close()


class Ran:
    """What a statement left behind."""

    __slots__ = ("description", "lastrowid", "rowcount", "rows")

    def __init__(self, description: Any, rowcount: int, lastrowid: int | None, rows: Sequence[Any]) -> None:
        self.description = description
        self.rowcount = rowcount
        self.lastrowid = lastrowid
        self.rows = rows


_NOTHING = Ran(None, -1, None, ())


class OneTripCursor:
    """Execute, then fetchall: what sqlalchemy.connectors.asyncio asks of a cursor without a server's side."""

    arraysize = 1

    def __init__(self, connection: OneTripConnection) -> None:
        self._connection = connection
        self._ran = _NOTHING

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def description(self) -> Any:
        """See PEP 249."""
        return self._ran.description

    @property
    def rowcount(self) -> int:
        """See PEP 249."""
        return self._ran.rowcount

    @property
    def lastrowid(self) -> int | None:
        """See PEP 249."""
        return self._ran.lastrowid

    async def execute(self, sql: str, parameters: Iterable[Any] = ()) -> Self:
        """Run a statement, and fetch its rows."""
        self._ran = await self._connection.run(lambda cursor: cursor.execute(sql, tuple(parameters)))
        return self

    async def executemany(self, sql: str, parameters: Iterable[Iterable[Any]]) -> Self:
        """Run a statement for each of many rows."""
        many = [tuple(row) for row in parameters]
        self._ran = await self._connection.run(lambda cursor: cursor.executemany(sql, many))
        return self

    async def fetchall(self) -> Sequence[Any]:
        """Return the rows, which are here already."""
        return self._ran.rows

    async def close(self) -> None:
        """Nothing is open."""


def connect(database: str | Path, **options: Any) -> OneTripConnection:
    """Return a connection that is opened when it is awaited; what SQLAlchemy calls as `async_creator_fn`."""
    return OneTripConnection(lambda: sqlite3.connect(str(database), **options))
