"""Fresh databases for tests: a SQLite file always, a private PostgreSQL where its server is installed.

Plain builders without fixtures. One PostgreSQL serves a whole test run, and each test gets its own database in it.
"""

import asyncio
import atexit
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from itertools import count
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text

from certloom.storage.engine import SqlStorage
from certloom.storage.migrate import migrate
from certloom.storage.tables import metadata

SQLITE = "sqlite"
POSTGRES = "postgresql"
KINDS = (SQLITE, POSTGRES)

_LOCATIONS = "/usr/lib/postgresql"  # where Debian keeps the server, one folder per major version
_OLDEST = 15  # the first with ICU collations of the whole cluster
_MIGRATED = "certloom_migrated"
_numbers = count(1)
_template_lock = asyncio.Lock()
_templates: set[str] = set()
_emptied: list[str] = []
_migrated_file: list[bytes] = []


@asynccontextmanager
async def fresh_storage(kind: str, folder: Path) -> AsyncIterator[SqlStorage]:
    """Yield a storage on a migrated, empty database; skips the test when the server is missing.

    Emptying a PostgreSQL database is ten times faster than making one, so the next test gets it.
    """
    url = _emptied.pop() if kind == POSTGRES and _emptied else await fresh_url(kind, folder)
    storage = SqlStorage(url)
    yield storage
    if kind == POSTGRES:
        await _empty(storage)
        _emptied.append(url)
    await storage.close()


async def _empty(storage: SqlStorage) -> None:
    deletions = "; ".join(f"DELETE FROM {table.name}" for table in reversed(metadata.sorted_tables))
    async with storage._database.write() as connection, connection.begin():
        await connection.execute(text(f"DO $$ BEGIN {deletions}; END $$"))


async def fresh_url(kind: str, folder: Path, *, migrated: bool = True) -> str:
    """Make an empty database of its own and return its URL."""
    if kind == SQLITE:
        return await _fresh_sqlite(folder, migrated=migrated)
    return await _fresh_postgres(migrated=migrated)


async def _fresh_sqlite(folder: Path, *, migrated: bool) -> str:
    path = folder / f"certloom-{next(_numbers)}.db"
    url = f"sqlite+aiosqlite:///{path}"
    if migrated and not _migrated_file:
        await migrate(url)
        _migrated_file.append(path.read_bytes())
    elif migrated:
        path.write_bytes(_migrated_file[0])
        path.chmod(0o600)
    return url


async def _fresh_postgres(*, migrated: bool) -> str:
    socket = postgres_socket()
    name = f"certloom_{next(_numbers)}"
    async with _template_lock:
        if migrated and _MIGRATED not in _templates:
            await _create_database(socket, _MIGRATED, template="template0")
            await migrate(_url(socket, _MIGRATED))
            _templates.add(_MIGRATED)
    await _create_database(socket, name, template=_MIGRATED if migrated else "template0")
    return _url(socket, name)


async def _create_database(socket: Path, name: str, *, template: str) -> None:
    connection = await asyncpg.connect(host=str(socket), user="postgres", database="postgres")
    await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    await connection.close()


def _url(socket: Path, name: str) -> str:
    return f"postgresql+asyncpg://postgres@/{name}?host={socket}"


@cache
def postgres_socket() -> Path:
    """Start the server of this test run, once, and return the folder of its socket; skips when it is missing."""
    programs = postgres_programs()
    if programs is None:
        pytest.skip(f"no PostgreSQL {_OLDEST} or newer under {_LOCATIONS}: apt-get install postgresql")
    server = postgres_server(programs)
    socket = server.__enter__()
    atexit.register(server.__exit__, None, None, None)
    return socket


def postgres_programs() -> Path | None:
    """Return the folder of the newest server's programs, or None."""
    found = [path for path in Path(_LOCATIONS).glob("*/bin") if (path / "initdb").exists()]
    good = [path for path in found if path.parent.name.isdigit() and int(path.parent.name) >= _OLDEST]
    return max(good, key=lambda path: int(path.parent.name), default=None)


@contextmanager
def postgres_server(programs: Path) -> Iterator[Path]:
    """Run a private cluster on a socket in a temporary folder, unsafe and fast, and remove it afterwards.

    Its collation is English, not C, so that an index that relies on C without saying so is found out.
    """
    folder = Path(tempfile.mkdtemp(prefix="certloom-pg-"))
    data = folder / "data"
    as_user = _unprivileged(folder)
    locale = ("--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US")
    _run(*as_user, programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", *locale)
    control: tuple[str | Path, ...] = (*as_user, programs / "pg_ctl", "-D", data, "-w", "-t", "60")
    fast = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=200"
    options = f"{fast} -c listen_addresses= -c unix_socket_directories={folder}"
    try:
        _run(*control, "-l", folder / "log", "-o", options, "start")
        yield folder
    finally:
        _run(*control, "-m", "immediate", "stop", check=False)
        shutil.rmtree(folder, ignore_errors=True)


def _unprivileged(folder: Path) -> tuple[str | Path, ...]:
    """PostgreSQL refuses to run as root: then another user owns the folder and runs it."""
    if os.geteuid() != 0:
        return ()
    user = next(name for name in ("postgres", "nobody") if _exists(name))
    shutil.chown(folder, user)
    return ("setpriv", f"--reuid={user}", "--clear-groups", "--")


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def _run(*command: str | Path, check: bool = True) -> None:
    done = subprocess.run(
        [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        check=False, cwd="/",
    )  # fmt: skip
    if check and done.returncode:
        raise RuntimeError(done.stdout.decode(errors="replace"))
