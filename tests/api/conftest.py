"""One world per test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api.world import World, make_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with make_world(tmp_path) as made:
        yield made
