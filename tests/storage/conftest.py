"""A fresh database of each kind for every test of this room."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from certloom.storage.engine import SqlStorage
from tests.databases import KINDS, fresh_storage


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def storage(kind: str, tmp_path: Path) -> AsyncIterator[SqlStorage]:
    async with fresh_storage(kind, tmp_path) as made:
        yield made
