"""The console of a running `make run`, with Debian's Chromium in front of it and pictures of what is seen."""

import os
import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx
from playwright.async_api import Browser, Page, expect

from lab.edge import CRT_LIST
from tests.console.browser import NARROW, WIDE, chromium
from tests.e2e.stack import JSON, Customer
from workers.dev import DevStack

PATIENCE: Final = 30_000.0  # ms for what the service does by itself
GALLERY: Final = Path(os.environ.get("CERTLOOM_SCREENSHOTS") or Path(tempfile.gettempdir()) / "certloom-screenshots")
LABELS: Final = {"customer": "the demo customer", "operator": "the operator"}


@dataclass
class House:
    """A running service, its customer and its operator at the API, and a browser."""

    stack: DevStack
    browser: Browser
    customer: Customer
    operator: Customer
    complaints: list[str]

    @property
    def address(self) -> str:
        return self.stack.facts["api_url"]

    def printed_link(self, who: str) -> str:
        """Return the link that `make run` printed for this role."""
        lines = self.stack.log.read_text(encoding="utf-8").splitlines()
        at = next(number for number, line in enumerate(lines) if line.strip() == f"as {LABELS[who]}")
        return lines[at + 1].strip()

    async def link(self, who: Customer) -> str:
        """Return a new link."""
        return str((await who.call("POST", "/v1/account/sign-in-codes")).json()["url"])

    @asynccontextmanager
    async def window(self, who: Customer | None = None, *, link: str = "", scripts: bool = True) -> AsyncIterator[Page]:
        """Open a window of its own, signed in by a link; what the policy stops is a complaint."""
        context = await self.browser.new_context(
            base_url=self.address,
            viewport=WIDE,  # type: ignore[arg-type]
            java_script_enabled=scripts,
        )
        try:
            page = await context.new_page()
            page.set_default_timeout(PATIENCE)
            page.on("console", lambda told: self._hear(told.text) if "Security Policy" in told.text else None)
            page.on("pageerror", lambda error: self._hear(str(error)))
            await page.goto(link or await self.link(who or self.customer))
            await page.get_by_role("button", name="Sign in").click()
            await page.wait_for_url(lambda url: "/signin" not in url)
            yield page
        finally:
            await context.close()

    def _hear(self, complaint: str) -> None:
        self.complaints.append(complaint)

    async def other_customer(self, name: str, *, deposit: int) -> Customer:
        """Make a further account with so much money, in minor units, and return its customer."""
        form: JSON = {"name": name, "currency": "EUR"}
        account = (await self.operator.call("POST", "/v1/accounts", form, key=f"account-{name}")).json()["id"]
        form = {"amount": deposit, "currency": "EUR", "reference": name}
        await self.operator.call("POST", f"/v1/accounts/{account}/deposits", form, key=f"deposit-{name}")
        form = {"role": "member", "label": name}
        made = await self.operator.call("POST", f"/v1/accounts/{account}/keys", form, key=f"key-{name}")
        return Customer(self.customer._http, made.json()["secret"])

    @property
    def edge(self) -> tuple[int, int]:
        """Where the lab's edge serves, and where it is administered."""
        tls, admin = (int(self.stack.facts[name].rpartition(":")[2]) for name in ("lab_edge", "lab_edge_admin"))
        return tls, admin

    async def add_edge(self, name: str) -> str:
        """Describe the slot for a name at the lab's edge, by the API, and return the target's id."""
        tls, admin = self.edge
        settings = {"address": "127.0.0.1", "port": admin, "file": f"/certs/{name}.pem", "crt_list": CRT_LIST}
        endpoints = [{"host": name, "port": tls}]
        form = {"name": f"edge for {name}", "kind": "haproxy_tcp", "settings": settings, "endpoints": endpoints}
        answer = await self.customer.call("POST", "/v1/targets", form, key=f"target-{name}")
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])


@asynccontextmanager
async def house(folder: Path) -> AsyncIterator[House]:
    """Start the service and the browser, and stop both."""
    complaints: list[str] = []
    with DevStack(folder, env={"CERTLOOM_CHECK_INTERVAL": "1"}) as stack:
        address = stack.facts["api_url"]
        async with chromium() as browser, httpx.AsyncClient(base_url=address, timeout=30) as http:
            customer, operator = (Customer(http, stack.facts[f"{who}_api_key"]) for who in LABELS)
            yield House(stack, browser, customer, operator, complaints)
    assert complaints == []


async def keep(page: Page, name: str) -> None:
    """Keep pictures of a page as it is: light and dark, wide and narrow; nothing may be cut off at the side."""
    GALLERY.mkdir(mode=0o700, parents=True, exist_ok=True)
    for size in (WIDE, NARROW):
        await page.set_viewport_size(size)  # type: ignore[arg-type]
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)
            await page.screenshot(path=GALLERY / f"{name}-{size['width']}-{scheme}.png", full_page=True)
        assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, name
    await page.set_viewport_size(WIDE)  # type: ignore[arg-type]
    await page.emulate_media(color_scheme="light")


async def buy(page: Page, product: str) -> None:
    """Choose a product and confirm; the new certificate's page is open then."""
    await page.goto("/purchase")
    await page.get_by_role("link", name=f"Choose {product}", exact=True).click()
    await page.get_by_role("button", name="Buy for").click()
    await page.wait_for_url("**/certificates/cert_*")


async def until_status(page: Page, status: str) -> None:
    """Wait until an open page says so by itself."""
    await expect(page.get_by_role("status", name="Status")).to_contain_text(status, timeout=PATIENCE)


def certificate_id(page: Page) -> str:
    """Return whose page it is."""
    found = re.search(r"cert_\w+", urlsplit(page.url).path)
    assert found, page.url
    return found[0]
