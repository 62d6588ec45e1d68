"""What only a SQLite file must keep: its mode, its settings, its one writer, and no bytes of what was erased."""

import asyncio
import random
import sqlite3
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from certloom.domain.errors import Outage
from certloom.storage import sqlite
from certloom.storage.engine import SqlStorage
from certloom.storage.migrate import migrate
from tests.storage.rows import NOW


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    await migrate(f"sqlite+aiosqlite:///{tmp_path}/new/certloom.db")
    return tmp_path / "new" / "certloom.db"


@pytest.fixture
async def storage(path: Path) -> AsyncIterator[SqlStorage]:
    made = SqlStorage(f"sqlite+aiosqlite:///{path}")
    yield made
    await made.close()


def bytes_on_disk(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in path.parent.iterdir())


async def test_owner_only(storage: SqlStorage, path: Path) -> None:
    """File, log and index of the log can be read by their owner only."""
    async with storage.begin() as tx:
        await tx.claims.claim("key", NOW)
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == dict.fromkeys(("certloom.db", "certloom.db-wal", "certloom.db-shm"), 0o600)


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("secure_delete", 1), ("busy_timeout", 5000)],
)
async def test_settings(storage: SqlStorage, pragma: str, value: object) -> None:
    """Every connection works with the settings that DESIGN asks for."""
    for lend in (storage._database.write, storage._database.read):
        async with lend() as connection:
            assert await connection.scalar(text(f"PRAGMA {pragma}")) == value


async def test_destroyed_secret_leaves_no_bytes(storage: SqlStorage, path: Path) -> None:
    """Once destroying has returned, neither the file nor its log holds a byte of the sealed value."""
    sealed = random.Random(1).randbytes(1500)
    async with storage.begin() as tx:
        await tx.secrets.put("ref", owner="cert_1", sealed=sealed)
    assert sealed[:64] in bytes_on_disk(path)
    async with storage.begin() as tx:
        await tx.secrets.destroy("ref")
    left = bytes_on_disk(path)
    assert not [at for at in range(0, 1500, 16) if sealed[at : at + 16] in left]


async def test_destroyed_among_many(storage: SqlStorage, path: Path) -> None:
    """The same holds when pages were split and merged between: what moved is erased where it was, too."""
    chance = random.Random(2)
    kept = {f"{chance.getrandbits(64):x}": chance.randbytes(chance.choice((60, 200, 1300, 5000))) for _ in range(120)}
    for ref, sealed in kept.items():
        async with storage.begin() as tx:
            await tx.secrets.put(ref, owner=f"cert_{ref[0]}", sealed=sealed)
    order = chance.sample(sorted(kept), len(kept))
    for number, ref in enumerate(order):
        async with storage.begin() as tx:
            await (tx.secrets.destroy(ref) if number % 3 else tx.secrets.destroy_owned(f"cert_{ref[0]}"))
    left = bytes_on_disk(path)
    assert [ref for ref, sealed in kept.items() if any(sealed[at : at + 12] in left for at in (0, 24, 48))] == []


async def test_replaced_secret_leaves_no_bytes(storage: SqlStorage, path: Path) -> None:
    """After a rotation the value sealed under the old key is gone from the disk."""
    old, new = (random.Random(seed).randbytes(300) for seed in (3, 4))
    async with storage.begin() as tx:
        await tx.secrets.put("ref", owner="cert_1", sealed=old)
    async with storage.begin() as tx:
        await tx.secrets.replace("ref", old=old, new=new)
    left = bytes_on_disk(path)
    assert (old[:16] in left, old[-16:] in left, new[:16] in left) == (False, False, True)


async def test_erasing_waits_for_readers(storage: SqlStorage, path: Path) -> None:
    """A reader in the way does not hold up the deletion; the log is emptied after the next write."""
    sealed = random.Random(5).randbytes(300)
    async with storage.begin() as tx:
        await tx.secrets.put("ref", owner="cert_1", sealed=sealed)
    async with storage.read() as reader:
        await reader.secrets.count_owned("cert_1")
        async with storage.begin() as tx:
            await tx.secrets.destroy("ref")
    async with storage.begin() as tx:
        await tx.claims.claim("key", NOW)
    assert sealed[:16] not in bytes_on_disk(path)


async def test_tasks_queue(storage: SqlStorage) -> None:
    """Many tasks of one process write one after the other, and none is turned away as busy."""

    async def write(number: int) -> None:
        async with storage.begin() as tx:
            await tx.claims.claim(f"key {number}", NOW)

    await asyncio.gather(*(write(number) for number in range(60)))


async def test_two_processes(storage: SqlStorage, path: Path) -> None:
    """Two processes that write at the same time both succeed."""
    other = SqlStorage(f"sqlite+aiosqlite:///{path}")

    async def write(mine: SqlStorage, number: int) -> None:
        async with mine.begin() as tx:
            await tx.claims.claim(f"key {number}", NOW)

    await asyncio.gather(*(write((storage, other)[number % 2], number) for number in range(30)))
    await other.close()


async def test_locked_is_an_outage(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that stays locked is an outage, which is retried, and no defect."""
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.05)
    storage = SqlStorage(f"sqlite+aiosqlite:///{path}")
    rival = sqlite3.connect(path, isolation_level=None)
    rival.execute("BEGIN EXCLUSIVE")
    with pytest.raises(Outage, match="locked"):
        async with storage.begin() as tx:
            await tx.claims.claim("cert_1/charge", NOW)
    rival.close()
    await storage.close()


async def test_unmigrated_is_an_outage(tmp_path: Path) -> None:
    """A database without tables is not ready yet, and says so."""
    storage = SqlStorage(f"sqlite+aiosqlite:///{tmp_path}/empty.db")
    with pytest.raises(Outage):
        await storage.ping()
    await storage.close()


@pytest.mark.parametrize("url", ["sqlite+aiosqlite://", "sqlite+aiosqlite:///:memory:", "mysql://x", "sqlite:///x.db"])
def test_other_urls(url: str) -> None:
    """A URL of a kind that we do not serve is refused at once."""
    with pytest.raises(ValueError, match="database URL"):
        SqlStorage(url)
