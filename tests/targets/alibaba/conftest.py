"""What the tests of Alibaba Cloud share."""

from collections.abc import AsyncIterator

import pytest

from tests.targets.alibaba.world import BALANCER, World, made_up_world
from tests.targets.pairs import pair


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with made_up_world() as opened:
        yield opened


@pytest.fixture
def balanced(world: World) -> World:
    """The world with a listener whose default certificate comes from elsewhere."""
    balancers = world.cloud.balancers
    balancers.listeners[BALANCER, "443"] = balancers.put_aside(pair("www.example.com", 990).leaf_pem)
    return world
