"""A private CA on SQLite that is set up once and copied for each test, and what its storage holds."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from certloom.issuers.authorities import create_authorities
from certloom.issuers.private_ca import PrivateCa
from certloom.keys.interface import Sealer
from certloom.keys.keyring import Keyring
from certloom.keys.sealing import AesGcmSealer
from certloom.storage.engine import SqlStorage
from certloom.storage.interface import Storage
from certloom.storage.migrate import migrate
from certloom.storage.records import Authority, AuthorityOrder
from tests.issuers.orders import NOW, PUBLIC_URL

SEALER: Sealer = AesGcmSealer(Keyring([b"i" * 32]))

EMPTY = "empty.db"
READY = "ready.db"


async def lay_out(folder: Path) -> Path:
    """Make two databases there: one empty, one with a CA in it."""
    await migrate(url_of(folder / EMPTY))
    shutil.copy(folder / EMPTY, folder / READY)
    storage = SqlStorage(url_of(folder / READY))
    assert await create_authorities(storage, SEALER, public_url=PUBLIC_URL, now=NOW)
    await storage.close()
    return folder


@asynccontextmanager
async def copied(database: Path, folder: Path) -> AsyncIterator[Storage]:
    """Open a copy of a database."""
    storage = SqlStorage(url_of(Path(shutil.copy(database, folder))))
    try:
        yield storage
    finally:
        await storage.close()


def url_of(database: Path) -> str:
    """Return the URL of an SQLite file."""
    return f"sqlite+aiosqlite:///{database}"


def ca_over(storage: Storage, *, sealer: Sealer = SEALER, public_url: str = PUBLIC_URL) -> PrivateCa:
    """Return the CA, which may sign below lab.test too."""
    return PrivateCa(storage, sealer, public_url=public_url, internal_suffixes=["lab.test"])


async def authority_in(storage: Storage, authority_id: str) -> Authority:
    """Return an authority's row."""
    async with storage.read() as tx:
        row = await tx.authorities.get(authority_id)
    assert row is not None
    return row


async def order_in(storage: Storage, order_ref: str) -> AuthorityOrder:
    """Return an order's row."""
    async with storage.read() as tx:
        row = await tx.authorities.get_order(order_ref)
    assert row is not None
    return row
