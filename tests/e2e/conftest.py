"""One running service with a browser for all tests of a file."""

from collections.abc import AsyncIterator

import pytest

from tests.e2e.console import House, house


@pytest.fixture(scope="module")
async def home(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with house(tmp_path_factory.mktemp("console") / "home") as running:
        yield running
