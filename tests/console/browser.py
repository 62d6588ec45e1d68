"""The console over real HTTP, and Debian's Chromium in front of it."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
import uvicorn
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from api.app import create_app
from tests.api.world import World

CHROMIUM: Final = Path("/usr/bin/chromium")
FLAGS: Final = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
WIDE: Final = {"width": 1280, "height": 900}
NARROW: Final = {"width": 390, "height": 844}

needs_chromium = pytest.mark.skipif(not CHROMIUM.exists(), reason="chromium is not installed: apt install chromium")


@asynccontextmanager
async def serving(world: World) -> AsyncIterator[str]:
    """Serve the console on a free port of loopback; yields its address."""
    services = replace(world.services, hosts=frozenset({"127.0.0.1"}), public_url="http://127.0.0.1")
    config = uvicorn.Config(create_app(services), host="127.0.0.1", port=0, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    listener = config.bind_socket()
    task = asyncio.create_task(server._serve([listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listener.close()


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Start it, and end it."""
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def window(
    browser: Browser, *, scheme: str = "light", narrow: bool = False, scripts: bool = True
) -> AsyncIterator[Page]:
    """Open a window of its own; nothing may be written into its console."""
    context: BrowserContext = await browser.new_context(
        viewport=NARROW if narrow else WIDE,  # type: ignore[arg-type]
        color_scheme=scheme,  # type: ignore[arg-type]
        java_script_enabled=scripts,
        permissions=["clipboard-read", "clipboard-write"] if scripts else [],
        accept_downloads=True,
        bypass_csp=False,
    )
    try:
        yield await context.new_page()
    finally:
        await context.close()


async def sign_in(page: Page, address: str, token: str) -> None:
    """Type the key, as a person does."""
    await page.goto(address)
    await page.get_by_label("API key").fill(token)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url("**/certificates")


async def keep(page: Page, name: str) -> None:
    """Keep a picture, where somebody wants them."""
    if folder := os.environ.get("CERTLOOM_SCREENSHOTS"):
        await page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)
