"""Slots of Alibaba Cloud for the suite of all targets; no handshake can be had, so the made-up cloud is asked."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from tests.targets.alibaba.world import BALANCER, made_up_world
from tests.targets.pairs import pair
from tests.targets.slot import Slot

NAME = "www.example.com"


@contextlib.asynccontextmanager
async def alibaba_cdn_slot(folder: Path) -> AsyncIterator[Slot]:
    """A CDN domain on which HTTPS is off."""
    async with made_up_world() as world:

        async def served() -> str | None:
            return world.cloud.served(NAME)

        yield Slot(target=world.cdn(NAME), served=served, pair=lambda number: pair(NAME, number))


@contextlib.asynccontextmanager
async def alibaba_slb_slot(folder: Path) -> AsyncIterator[Slot]:
    """A listener whose default certificate comes from elsewhere."""
    async with made_up_world() as world:
        balancers = world.cloud.balancers
        balancers.listeners[BALANCER, "443"] = balancers.put_aside(pair(NAME, 990).leaf_pem)

        async def served() -> str | None:
            return balancers.served(BALANCER, 443)

        yield Slot(target=world.slb(), served=served, pair=lambda number: pair(NAME, number))


@contextlib.asynccontextmanager
async def alibaba_slb_domain_slot(folder: Path) -> AsyncIterator[Slot]:
    """A domain of a listener that has no extension for it."""
    async with made_up_world() as world:
        balancers = world.cloud.balancers
        balancers.listeners[BALANCER, "443"] = balancers.put_aside(pair("other.example.com", 990).leaf_pem)

        async def served() -> str | None:
            return balancers.served(BALANCER, 443, NAME)

        yield Slot(target=world.slb(NAME), served=served, pair=lambda number: pair(NAME, number))
