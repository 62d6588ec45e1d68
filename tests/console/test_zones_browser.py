"""DNS zones and the CNAME of a name in Debian's Chromium: by the keyboard, with a script and without any."""

import pytest
from playwright.async_api import expect

from tests.api.test_zones import SECRET
from tests.console.browser import keep, needs_chromium, sign_in, window
from tests.console.test_browser import Desk, desk, grave
from tests.console.test_zone_proof import led

__all__ = ["desk"]  # the fixture

pytestmark = needs_chromium


@pytest.mark.parametrize("scripts", [True, False])
async def test_a_zone_is_added_tried_and_forgotten(desk: Desk, scripts: bool) -> None:  # noqa: FBT001 - a parameter
    """By the keyboard alone; a refusal keeps what was typed but the secret. With a script and without any."""
    async with window(desk.browser, scripts=scripts) as page:
        await sign_in(page, desk.address, desk.key)
        for name in ("DNS zones", "Add the first one", "A name server by dynamic updates"):
            await page.get_by_role("link", name=name).focus()
            await page.keyboard.press("Enter")
            await page.wait_for_load_state()
        await page.get_by_label("Zone").fill("com")
        await page.get_by_label("Primary name server").fill("ns1.example.net")
        await page.get_by_label("Name of the key").fill("certloom-key")
        await page.get_by_label("Algorithm").select_option("hmac-sha512")
        await page.get_by_label("Secret of the key").fill(SECRET)
        await page.keyboard.press("Enter")
        await expect(page.get_by_label("Zone")).to_have_attribute("aria-invalid", "true")
        await expect(page.get_by_label("Algorithm")).to_have_value("hmac-sha512")
        await expect(page.get_by_label("Secret of the key")).to_have_value("")
        assert not scripts or await grave(page) == []  # axe-core needs a script, too
        await page.get_by_label("Secret of the key").fill(SECRET)
        await page.get_by_label("Zone").fill("example.com")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="example.com")).to_be_visible()
        await page.get_by_role("button", name="Try it").press("Enter")
        await expect(page.get_by_text("taken away again: proofs can be published there")).to_be_visible()
        assert not scripts or await grave(page) == []  # axe-core needs a script, too
        await keep(page, "zone-tried")
        await page.get_by_text("Forget it").focus()
        await page.keyboard.press("Enter")
        await page.get_by_role("button", name="Forget this zone").press("Enter")
        await expect(page.get_by_text("The zone is forgotten")).to_be_visible()


async def test_the_cname_of_a_name_is_copied(desk: Desk) -> None:
    """Asked for by a button, it stands open with its own buttons to copy."""
    view = await led(desk.world)
    async with window(desk.browser) as page:
        await sign_in(page, desk.address, desk.key)
        await page.goto(f"{desk.address}/certificates/{view['id']}")
        await page.get_by_role("button", name="Show the CNAME for each name").press("Enter")
        await page.get_by_role("button", name="Copy: Where it leads for www.example.org").click()
        await expect(page.get_by_text("Copied")).to_be_visible()
        assert (await page.evaluate("navigator.clipboard.readText()")).endswith(".proofs.test.")
        assert await grave(page) == []
        await keep(page, "certificate-alias")
