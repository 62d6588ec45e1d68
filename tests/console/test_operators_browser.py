"""Operators' pages as people meet them: Chromium over real HTTP, wide and narrow, light and dark."""

import re
from collections.abc import AsyncIterator
from typing import Final

import pytest
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from playwright.async_api import Page, expect

from tests.api.world import OURS, World
from tests.console.browser import chromium, keep, needs_chromium, serving, window
from tests.console.operating import authorities, deposit, failed, key, parked, tenant, waiting

pytestmark = needs_chromium
GRAVE = ("serious", "critical")


async def busy(world: World) -> list[str]:
    """Fill the service, and return the addresses of its pages."""
    for step, days in enumerate((0, 20, 5, 30, 21, 40, 11, 3, 2, 6, 1)):
        world.clock.advance(days=days)
        for number in range(1 + days % 4):
            await world.issued("single", f"www{step}-{number}.example.com")
    await failed(world)
    await parked(world)
    await waiting(world)
    await waiting(world, "*.shop.example.org", "shop.example.org", "a-rather-long-name-for-a-shop.example.org")
    account = await tenant(world, "Shoes and more of Bad Homburg vor der Höhe")
    await key(world, account["id"])
    await deposit(world, account["id"], 125_000)
    authorities(world)
    return [
        "/overview",
        "/reviews",
        "/accounts",
        f"/accounts/{OURS}",
        f"/accounts/{account['id']}",
        "/issuers",
        "/account",
    ]


async def enter(page: Page, address: str, token: str) -> None:
    """Sign in, wherever that leads."""
    await page.goto(address)
    await page.get_by_label("API key").fill(token)
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_role("button", name="Sign out").wait_for()


async def grave(page: Page) -> list[str]:
    """Return what axe-core finds serious or critical."""
    found = await Axe().run(page)
    return [
        f"{one['id']} {[node['target'] for node in one['nodes']]}"
        for one in found.response["violations"]
        if one["impact"] in GRAVE
    ]


@pytest.fixture
async def address(world: World) -> AsyncIterator[str]:
    async with serving(world) as found:
        yield found


@pytest.mark.parametrize(("scheme", "narrow"), [("light", False), ("dark", False), ("light", True), ("dark", True)])
async def test_every_page_is_for_everybody(
    world: World,
    address: str,
    scheme: str,
    narrow: bool,  # noqa: FBT001 - a parameter
) -> None:
    """No serious fault by axe-core, no sideways scrolling, and nothing that the policy had to stop."""
    paths = await busy(world)
    complaints: list[str] = []
    async with chromium() as browser, window(browser, scheme=scheme, narrow=narrow) as page:
        page.on("console", lambda told: complaints.append(told.text) if "Security Policy" in told.text else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await enter(page, address, world.tokens["operator"])
        await page.wait_for_url("**/overview")
        for number, path in enumerate(paths):
            await page.goto(address + path)
            await page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
            assert await grave(page) == [], path
            assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path
            await page.goto(address + path)
            name = f"operators-{number}{re.sub(r'_.*', '', path).replace('/', '-')}"
            await keep(page, f"{name}-{scheme}{'-narrow' if narrow else ''}")
        await page.get_by_role("button", name="Sign out").click()
        await enter(page, address, world.tokens["member"])
        await page.goto(f"{address}/overview")
        assert await grave(page) == []
        await keep(page, f"customers-overview-{scheme}{'-narrow' if narrow else ''}")
    assert complaints == []


@pytest.mark.parametrize("scripts", [True, False])
async def test_from_tenant_to_balance(world: World, address: str, scripts: bool) -> None:  # noqa: FBT001 - a parameter
    """An operator creates an account, makes its key, books a deposit and revokes the key, with a script and without."""
    async with chromium() as browser, window(browser, scripts=scripts) as page:
        await enter(page, address, world.tokens["operator"])
        await page.get_by_role("link", name="Accounts").click()
        await page.get_by_label("Name").fill("Shoes and more")
        await page.get_by_role("button", name="Create the account").click()
        await expect(page.get_by_text("The account is created.")).to_be_visible()
        await page.get_by_label("Amount in EUR").fill("1,250.50")
        await page.get_by_label("Reference").fill("invoice 17")
        await page.get_by_role("button", name="Book the deposit").click()
        await expect(page.get_by_label("Amount in EUR")).to_have_accessible_description(re.compile("with a dot"))
        await keep(page, "operators-deposit-refused")
        await page.get_by_label("Amount in EUR").fill("1250.50")
        await page.get_by_role("button", name="Book the deposit").click()
        await expect(page.get_by_text("The deposit is booked.")).to_be_visible()
        await expect(page.get_by_text("Balance 1250.50 EUR")).to_be_visible()
        await page.get_by_label("Label").fill("shop")
        await page.get_by_role("button", name="Make the key").click()
        await expect(page.get_by_text("it is shown this once")).to_be_visible()
        await keep(page, "operators-key-made")
        await page.get_by_text("Revoke", exact=True).click()
        await page.get_by_role("button", name="Revoke the key shop").click()
        await expect(page.get_by_text("The key is revoked")).to_be_visible()


_TWO_CLICKS: Final = """button => {
  const stopped = [];
  window.addEventListener("submit", (event) => { stopped.push(event.defaultPrevented); event.preventDefault(); });
  button.click();
  button.click();
  return stopped;
}"""


async def test_a_second_click_is_the_same_click(world: World, address: str) -> None:
    """Only the first one sends the form: of two answers a browser shows the later one, without the new key's secret."""
    async with chromium() as browser, window(browser) as page:
        await enter(page, address, world.tokens["member"])
        await page.goto(f"{address}/account")
        await page.get_by_label("Label").fill("robot")
        assert await page.get_by_role("button", name="Make the key").evaluate(_TWO_CLICKS) == [False, True]


async def test_a_review_is_decided(world: World, address: str) -> None:
    """One button decides; the application is gone from the queue."""
    await waiting(world)
    async with chromium() as browser, window(browser) as page:
        await enter(page, address, world.tokens["operator"])
        await page.get_by_role("link", name="1 review waiting").click()
        await page.get_by_label("Note").fill("Seen in the register.")
        await page.get_by_role("button", name="Approve").click()
        await expect(page.get_by_text("The organisation is approved.")).to_be_visible()
        await expect(page.get_by_text("Nothing waits for a decision.")).to_be_visible()
