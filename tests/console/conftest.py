"""The console over the tests' world, for visitors without and with a real browser."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from api.app import create_app
from tests.api.world import HOST, World, make_world
from tests.console.visitor import Visitor

Meet = Callable[..., Awaitable[Visitor]]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with make_world(tmp_path) as made:
        yield made


@pytest.fixture
async def meet(world: World) -> AsyncIterator[Meet]:
    """Make visitors; with a holder's name they are signed in."""
    async with AsyncExitStack() as stack:

        async def make(who: str | None = "member") -> Visitor:
            transport = httpx.ASGITransport(create_app(world.services))
            http = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}"))
            visitor = Visitor(http)
            if who:
                await visitor.sign_in(world.tokens[who])
            return visitor

        yield make
