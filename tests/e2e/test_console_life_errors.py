"""What goes wrong in front of the console is said in a sentence, where it happened; an error of each kind."""

from playwright.async_api import expect

from tests.console.browser import needs_chromium
from tests.e2e.console import House, buy, keep, until_status
from tests.e2e.edges import issued

pytestmark = needs_chromium


async def test_input_that_is_not_valid_is_told_beside_its_field(home: House) -> None:
    """Each wrong name has its sentence, what was typed is still there, and nothing was sent."""
    async with home.window() as page:
        await buy(page, "DV, up to 200 names")
        await page.get_by_role("textbox", name="Names").fill("www.shop.lab.test\nbad_name.lab.test")
        await page.get_by_role("button", name="Apply").click()
        await expect(page.get_by_role("alert")).to_contain_text("Mend what is marked below.")
        await expect(page.locator(".fault").first).to_contain_text("bad_name.lab.test")
        await expect(page.get_by_role("textbox", name="Names")).to_have_value("www.shop.lab.test\nbad_name.lab.test")
        await keep(page, "error-validation")


async def test_what_another_browser_ended_is_no_longer_possible(home: House) -> None:
    """Two browsers with the same page open: what one revoked the other cannot renew, and a sentence says so."""
    view = await issued(home.customer, "two.shop.lab.test")
    async with home.window() as one, home.window(scripts=False) as other:
        await other.goto(f"/certificates/{view['id']}?do=renew")
        await one.goto(f"/certificates/{view['id']}?do=revoke")
        await one.locator("#revoke").get_by_role("button", name="Revoke").click()
        await until_status(one, "Revoked")
        await other.get_by_role("button", name="Renew now").click()
        await expect(other.get_by_role("alert")).to_contain_text("That is no longer possible: now it is revoked.")
        await keep(other, "error-no-longer-possible")


async def test_a_purchase_beyond_the_balance_is_refused(home: House) -> None:
    """Money that another browser spent meanwhile is not spent twice; what is too dear is told before."""
    poor = await home.other_customer("poor", deposit=1_000)
    async with home.window(poor) as one, home.window(poor) as other:
        for page in (one, other):
            await page.goto("/purchase?product=dv-single")
        await one.get_by_role("button", name="Buy for 9.00 EUR").click()
        await one.wait_for_url("**/certificates/cert_*")
        await other.get_by_role("button", name="Buy for 9.00 EUR").click()
        await expect(other.get_by_role("alert")).to_contain_text("The balance is 1.00 EUR")
        await expect(other.get_by_text("The balance is too low for this product.")).to_be_visible()
        await keep(other, "error-balance")


async def test_what_is_not_there_is_said_on_a_page(home: House) -> None:
    """A certificate of another account and an address that leads nowhere look the same: not found."""
    view = await issued(home.customer, "mine.shop.lab.test")
    async with home.window(await home.other_customer("stranger", deposit=1)) as page:
        for path in (f"/certificates/{view['id']}", "/certificates/cert_nothing"):
            answer = await page.goto(path)
            assert answer
            assert answer.status == 404
            await expect(page.get_by_text("There is no such certificate.")).to_be_visible()
        await keep(page, "error-not-found")


async def test_who_is_signed_out_signs_in_and_goes_on(home: House) -> None:
    """After signing out in one window, another asks for a key and then leads to where one wanted to go."""
    async with home.window() as page:
        other = await page.context.new_page()
        await page.get_by_role("button", name="Sign out").click()
        await other.goto("/account")
        await expect(other.get_by_role("heading", name="Sign in")).to_be_visible()
        await keep(other, "error-signed-out")
        await other.get_by_label("API key").fill(home.stack.facts["customer_api_key"])
        await other.get_by_role("button", name="Sign in").click()
        await other.wait_for_url("**/account")
        await keep(other, "account")
