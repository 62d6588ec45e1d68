"""Storage with a private CA in it, that CA, and storage before it was set up."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from certloom.issuers.private_ca import PrivateCa
from certloom.keys.interface import Sealer
from certloom.storage.engine import SqlStorage
from certloom.storage.interface import Storage
from tests.issuers.ready import EMPTY, READY, SEALER, ca_over, copied, lay_out, url_of


@pytest.fixture
def sealer() -> Sealer:
    return SEALER


@pytest.fixture(scope="session")
async def databases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return await lay_out(tmp_path_factory.mktemp("issuers"))


@pytest.fixture
async def storage(databases: Path, tmp_path: Path) -> AsyncIterator[Storage]:
    async with copied(databases / READY, tmp_path) as opened:
        yield opened


@pytest.fixture
async def neighbour(storage: Storage, tmp_path: Path) -> AsyncIterator[Storage]:
    """The same database, opened by another process as it were."""
    opened = SqlStorage(url_of(tmp_path / READY))
    yield opened
    await opened.close()


@pytest.fixture
async def fresh(databases: Path, tmp_path: Path) -> AsyncIterator[Storage]:
    async with copied(databases / EMPTY, tmp_path) as opened:
        yield opened


@pytest.fixture
def private_ca(storage: Storage) -> PrivateCa:
    return ca_over(storage)
