"""One world and one desk per test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api.world import World, make_world
from tests.cli.desk import Desk, desk_of


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with make_world(tmp_path) as made:
        yield made


@pytest.fixture
async def desk(world: World, tmp_path: Path) -> AsyncIterator[Desk]:
    home = tmp_path / "home"
    home.mkdir()
    async with desk_of(world, home) as made:
        yield made
