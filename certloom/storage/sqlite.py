"""SQLite: one file for several processes, one writer at a time, and erased secrets that leave no bytes behind.

Settings by sqlite.org/pragma.html and sqlite.org/wal.html.
"""

import asyncio
import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Final

from sqlalchemy import URL, Connection, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from certloom.storage import one_trip
from certloom.storage.lending import Lend, Lending

BUSY_SECONDS: Final = 5.0  # how long a process waits for another one's write
QUEUE_SECONDS: Final = 10.0  # how long a task waits for the writers of its own process
SWITCH_SECONDS: Final = 60.0  # for a rival that is migrating the same new file
WIPE_MS: Final = 100  # how long erasing the log may hold up the next writer
OWNER_ONLY: Final = 0o600

# FULL: a commit that says a customer was charged survives a power cut, not only a crash of the process.
_ALWAYS: Final = ("PRAGMA synchronous=FULL", "PRAGMA foreign_keys=ON", "PRAGMA secure_delete=ON")
_READ_ONLY: Final = (*_ALWAYS, "PRAGMA query_only=ON")


class SqliteDatabase:
    """The file; a single writing connection is this process's queue, so its tasks never meet as `busy`.

    Nothing goes stale between a process and a file, so connections are kept open.
    """

    DRIVER: ClassVar = "sqlite+aiosqlite"

    def __init__(self, url: URL, *, readers: int) -> None:
        create_private(url)
        self.writer = engine(url, begin="BEGIN IMMEDIATE", pragmas=_ALWAYS, pool_size=1)
        self.reader = engine(url, begin="BEGIN", pragmas=_READ_ONLY, pool_size=readers)
        self._writing = Lending(self.writer, most=1, patience=QUEUE_SECONDS)
        self._reading = Lending(self.reader, most=readers, patience=QUEUE_SECONDS)
        self.write, self.read = self._writing.lend, self._reading.lend
        self._wipe = True  # a process that died before us may have left erased bytes in the log

    def erased(self) -> None:
        """Remember that the log holds bytes that must go."""
        self._wipe = True

    async def committed(self) -> None:
        """Empty the write-ahead log when erased bytes are in it: secure_delete alone reaches only the file.

        A reader in another process may be in the way; then it is tried again after the next write.
        """
        if not self._wipe:
            return
        with suppress(SQLAlchemyError, sqlite3.Error):
            self._wipe = not await truncate_log(self.write)

    async def close(self) -> None:
        """Close all connections; the last process to do so makes SQLite remove the log."""
        await self.committed()
        await self._reading.close()
        await self._writing.close()


def engine(url: URL, *, begin: str, pragmas: tuple[str, ...], pool_size: int) -> AsyncEngine:
    """Return an engine that opens transactions with *begin*; the driver's own hidden BEGIN is switched off.

    It does so at the first statement: a transaction without any locks nothing.
    """
    made = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=QUEUE_SECONDS,
        hide_parameters=True,  # an exception's text must never show a sealed key or a token
        connect_args={"timeout": BUSY_SECONDS, "isolation_level": None, "async_creator_fn": one_trip.connect},
    )

    @event.listens_for(made.sync_engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(pragma)
        cursor.close()

    @event.listens_for(made.sync_engine, "begin")
    def start(connection: Connection) -> None:
        driver: Any = connection.connection.driver_connection
        driver.open(begin)

    return made


def create_private(url: URL) -> None:
    """Create the file so that only its owner can read it; SQLite gives its log the same mode.

    One that is there is not opened: closing it again would drop the locks that this process holds on it
    (sqlite.org/howtocorrupt.html, 2.2).
    """
    if not url.database or url.database == ":memory:":
        raise ValueError("The database URL names no file; SQLite in memory keeps nothing.")
    path = Path(url.database)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, OWNER_ONLY))


async def truncate_log(write: Lend) -> bool:
    """Move the log into the file and cut it to nothing; False when readers or writers were in the way."""
    impatient, patient = f"PRAGMA busy_timeout={WIPE_MS}", f"PRAGMA busy_timeout={int(BUSY_SECONDS * 1000)}"
    return not await _outside_transaction(write, impatient, "PRAGMA wal_checkpoint(TRUNCATE)", patient)


async def keep_log(write: Lend) -> None:
    """Switch the file to write-ahead logging, for good: readers never wait for the writer, nor it for them.

    SQLite does not wait for another process in this one case, whatever its busy_timeout says, so we do.
    """
    async with asyncio.timeout(SWITCH_SECONDS):
        while True:
            try:
                await _outside_transaction(write, "PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
                await asyncio.sleep(0.05)
            else:
                return


async def _outside_transaction(write: Lend, *pragmas: str) -> int:
    """Run what SQLite refuses inside a transaction, past SQLAlchemy; return 1 when one of them answers `busy`."""
    async with write() as connection:
        raw = await connection.get_raw_connection()
        driver: Any = raw.driver_connection
        answers = [await driver.execute_fetchall(pragma) for pragma in pragmas]
    # wal_checkpoint alone answers with three columns, of which the first says whether it was kept from finishing
    return sum(row[0] for rows in answers for row in rows if len(row) == 3)
