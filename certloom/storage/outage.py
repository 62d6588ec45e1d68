"""Tells a database that is away from a defect of ours: the first becomes Outage, the second stays what it is."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from certloom.domain.errors import Outage

# PostgreSQL, appendix A: connection, rollback by the server, resources, locks, operator intervention, system.
_PASSING_CLASSES: Final = frozenset({"08", "40", "53", "55", "57", "58"})
# A migration is under way or still to come: table or column unknown, cached plan out of date.
_MIGRATING: Final = frozenset({"42P01", "42703", "0A000"})
# sqlite.org/rescode.html: BUSY, LOCKED, IOERR, FULL, CANTOPEN, PROTOCOL.
_SQLITE_PASSING: Final = frozenset({5, 6, 10, 13, 14, 15})
_SQLITE_MIGRATING: Final = ("no such table", "no such column")


@contextmanager
def outages() -> Iterator[None]:
    """Raise Outage for what may pass; everything else goes through untouched."""
    try:
        yield
    except (SQLAlchemyError, TimeoutError) as error:
        if not passing(error):
            raise
        raise _outage(error) from error


@contextmanager
def connecting() -> Iterator[None]:
    """Raise Outage for whatever keeps a connection from opening, a wrong password included: an operator must look."""
    try:
        yield
    except (OSError, sqlite3.OperationalError, DBAPIError) as error:
        raise _outage(error) from error


def passing(error: Exception) -> bool:
    """Say whether the same statement may succeed later."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or _passing_code(error.orig)
    return isinstance(error, PoolTimeout | TimeoutError)


def _passing_code(error: BaseException | None) -> bool:
    state = getattr(error, "sqlstate", None)
    if state:
        return state[:2] in _PASSING_CLASSES or state in _MIGRATING
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return False
    primary = code & 0xFF  # extended codes keep the primary one in the low byte
    return primary in _SQLITE_PASSING or str(error).startswith(_SQLITE_MIGRATING)


def _outage(error: Exception) -> Outage:
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    words = str(cause).partition("\n")[0][:200] or type(cause).__name__
    return Outage(f"The database does not answer: {words}")
