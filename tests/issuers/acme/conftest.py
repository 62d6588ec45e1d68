"""The fake CA with an issuer at it, and the real Pebbles."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from certloom.issuers.acme import AcmeIssuer
from certloom.storage.interface import Storage
from tests.issuers.acme.fake_ca import FakeCa
from tests.issuers.acme.pebbles import Pebbles, issuer_at, pebbles_in


@pytest.fixture
def ca(tmp_path: Path) -> Iterator[FakeCa]:
    with FakeCa(tmp_path) as serving:
        yield serving


@pytest.fixture
def issuer(ca: FakeCa, storage: Storage) -> Iterator[AcmeIssuer]:
    with issuer_at(ca, storage) as opened:
        yield opened


@pytest.fixture(scope="session")
async def pebbles(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pebbles]:
    async with pebbles_in(tmp_path_factory.mktemp("pebbles")) as found:
        yield found
