"""A certificate's whole life in a browser, by the link that `make run` prints, with everything behind it real."""

import asyncio
from pathlib import Path

from playwright.async_api import Page, expect

from lab.edge import CRT_LIST
from lab.relying_party import read_chain, require_fitting_key, shake_hands, unpack
from tests.console.browser import needs_chromium
from tests.e2e.console import PATIENCE, House, buy, certificate_id, keep, until_status
from tests.e2e.edges import issued
from tests.targets.pairs import pair

pytestmark = needs_chromium
NAME = "www.shop.lab.test"
ORGANIZATION = {"Name": "Example GmbH", "Country, two letters": "DE", "Town": "Berlin"}
CONTACT = {"Name": "Erika Muster", "E-mail": "erika@example.com"}


async def balance(home: House) -> int:
    found: int = (await home.customer.call("GET", "/v1/account")).json()["balance"]["amount"]
    return found


async def test_a_whole_life(home: House, tmp_path: Path) -> None:
    """Purchase, proof, download, deployment, revocation with refund, deletion: each step is seen on the page."""
    before = await balance(home)
    async with home.window(link=home.printed_link("customer")) as page:
        await keep(page, "certificates-empty")
        await purchase(page)
        await apply(page)
        await download(page, tmp_path)
        await deploy(page, home)
        await be_refused(page)
        await revoke(page)
        assert await balance(home) == before
        await delete(page)


async def purchase(page: Page) -> None:
    await page.goto("/purchase")
    await keep(page, "purchase")
    await page.get_by_role("link", name="Choose DV, one name", exact=True).click()
    await page.get_by_label("Label").fill("my shop")
    await keep(page, "purchase-confirm")
    await page.get_by_role("button", name="Buy for 9.00 EUR").click()
    await expect(page.get_by_text("It is bought. Apply for your names next.")).to_be_visible()


async def apply(page: Page) -> None:
    """Apply, publish what the page says by itself, and watch it move on by itself."""
    await keep(page, "certificate-paid")
    await page.get_by_role("textbox", name="Names").fill(NAME)
    await page.get_by_role("button", name="Apply").click()
    await expect(page.get_by_text(f"_certloom-challenge.{NAME}", exact=True)).to_be_visible(timeout=PATIENCE)
    await keep(page, "certificate-proof")
    await page.get_by_role("button", name="Publish it in the lab").click()
    await until_status(page, "Issued")
    await expect(page.locator("#timeline")).to_contain_text("signed certificate number 1")


async def download(page: Page, folder: Path) -> None:
    """Take the bundle for nginx; its chain leads to the root, and its key fits."""
    await page.goto(f"{page.url.partition('?')[0]}?do=download")
    await keep(page, "form-download")
    await page.get_by_role("radio", name="nginx").check()
    async with page.expect_download() as download:
        await page.get_by_role("button", name="Download").click()
    await (await download.value).save_as(folder / "bundle.zip")
    files = unpack((folder / "bundle.zip").read_bytes())
    assert set(files) >= {f"{NAME}.pem", f"{NAME}.key", "README.txt"}
    chain = read_chain(files[f"{NAME}.pem"])
    require_fitting_key(chain.leaf, files[f"{NAME}.key"])


async def deploy(page: Page, home: House) -> None:
    """Put it on the lab's edge, follow that on the page, and meet it there as a client does."""
    certificate = certificate_id(page)
    await add_edge(page, home)
    await page.goto(f"/certificates/{certificate}?do=deploy")
    await page.get_by_role("checkbox", name="Edge of the lab").check()
    await keep(page, "form-deploy")
    await page.get_by_role("button", name="Deploy").click()
    await expect(page.locator("#deployments")).to_contain_text("Deployed", timeout=PATIENCE)
    await expect(page.locator("#timeline")).to_contain_text("is served by every endpoint")
    await keep(page, "certificate-deployed")
    root = (await home.customer.call("GET", "/pki/root.crt")).content
    met = await asyncio.to_thread(shake_hands, home.edge[0], name=NAME, root_der=root)
    serial = page.get_by_text("Serial number").locator("xpath=following-sibling::dd")
    await expect(serial).to_have_text(f"{met.serial_number:x}")


async def add_edge(page: Page, home: House) -> None:
    """Describe the lab's edge as a target, and have that tried."""
    tls, admin = home.edge
    await page.goto("/targets/new")
    await keep(page, "target-kinds")
    await page.get_by_role("link", name="HAProxy over TCP").click()
    for label, value in (("Name", "Edge of the lab"), ("Address", "127.0.0.1"), ("Port", str(admin))):
        await page.get_by_label(label, exact=True).fill(value)
    await page.locator("[name='settings.file']").fill(f"/certs/{NAME}.pem")
    await page.locator("[name='settings.crt_list']").fill(CRT_LIST)
    await page.get_by_label("Endpoints").fill(f"{NAME}:{tls}")
    await keep(page, "target-form")
    await page.get_by_role("button", name="Add the target").click()
    await page.get_by_role("button", name="Try it").click()
    await expect(page.get_by_text("It works", exact=True)).to_be_visible()
    await keep(page, "target-tried")


async def be_refused(page: Page) -> None:
    """A certificate that is served is not revoked; the sentence says where it was found."""
    await page.goto(f"{page.url.partition('?')[0]}?do=revoke")
    await keep(page, "form-revoke")
    await page.locator("#revoke").get_by_role("button", name="Revoke").click()
    await expect(page.get_by_role("alert")).to_contain_text("It is still in use")
    await keep(page, "error-in-use")


async def revoke(page: Page) -> None:
    await page.get_by_role("checkbox", name="Revoke although it is still served").check()
    await page.locator("#revoke").get_by_role("button", name="Revoke").click()
    await until_status(page, "Revoked")
    await expect(page.locator("#facts")).to_contain_text("9.00 EUR were paid back.", timeout=PATIENCE)
    await keep(page, "certificate-revoked")


async def delete(page: Page) -> None:
    """A wrong name deletes nothing; the name itself does."""
    await page.goto(f"{page.url.partition('?')[0]}?do=delete")
    confirm = page.get_by_label(f"Type {NAME} to delete it")
    await confirm.fill("www.example.com")
    await page.get_by_role("button", name="Delete for good").click()
    await expect(page.get_by_text(f"Type {NAME} to delete it. Nothing was deleted.")).to_be_visible()
    await keep(page, "error-not-confirmed")
    await confirm.fill(NAME)
    await page.get_by_role("button", name="Delete for good").click()
    await until_status(page, "Deleted")
    await keep(page, "certificate-deleted")


async def test_an_operator_decides_about_an_organisation(home: House) -> None:
    """What a customer applies for with an organisation waits for an operator, whose approval has it issued."""
    async with home.window() as page, home.window(home.operator) as other:
        await buy(page, "OV, up to 100 names and wildcards")
        await page.get_by_role("textbox", name="Names").fill("bank.lab.test")
        for part, values in (("Organisation", ORGANIZATION), ("Whom an operator may ask", CONTACT)):
            for label, value in values.items():
                await page.get_by_role("group", name=part).get_by_label(label, exact=True).fill(value)
        await keep(page, "form-apply-organisation")
        await page.get_by_role("button", name="Apply").click()
        await page.get_by_role("button", name="Publish it in the lab").click()
        await until_status(page, "reviewing")
        await decide(other, certificate_id(page))
        await until_status(page, "Issued")
        await keep(page, "certificate-issued-ov")


async def decide(page: Page, certificate: str) -> None:
    await page.goto("/reviews")
    waiting = page.locator(f"#{certificate}")
    await waiting.get_by_role("textbox", name="Note").fill("The register says so.")
    await keep(page, "reviews")
    await waiting.get_by_role("button", name="Approve").click()
    await expect(page.get_by_role("status")).to_be_visible()


async def test_an_operator_lets_a_customer_in(home: House) -> None:
    """An account, a deposit and a key that an operator makes are enough for a customer to sign in and see the money."""
    async with home.window(home.operator) as page, home.window() as other:
        await page.goto("/accounts")
        await page.get_by_label("Name").fill("New customer")
        await keep(page, "accounts")
        await page.get_by_role("button", name="Create the account").click()
        await page.get_by_label("Amount in EUR").fill("12.50")
        await page.get_by_label("Reference").fill("invoice 1")
        await page.get_by_role("button", name="Book the deposit").click()
        await expect(page.get_by_text("Balance 12.50 EUR")).to_be_visible()
        await keep(page, "account-of-a-customer")
        key = await make_key(page)
        await other.get_by_role("button", name="Sign out").click()
        await other.get_by_label("API key").fill(key)
        await other.get_by_role("button", name="Sign in").click()
        await other.goto("/account")
        await expect(other.get_by_text("12.50 EUR").first).to_be_visible()


async def make_key(page: Page) -> str:
    """Make a key on the open account's page, which shows it this once."""
    await page.get_by_label("Label").fill("first")
    await page.get_by_role("button", name="Make the key").click()
    return await page.locator("#secret").inner_text()


async def test_an_operators_pages_show_how_things_stand(home: House) -> None:
    """Overview, issuers, all certificates, all targets: each opens, and says what it is about."""
    async with home.window(home.operator) as page:
        for path in ("overview", "issuers", "certificates", "targets", "account"):
            await page.goto(f"/{path}")
            await expect(page.get_by_role("heading", level=1)).to_have_count(1)
            await keep(page, f"operator-{path}")


async def test_a_certificate_from_elsewhere_is_kept_and_deployed(home: House) -> None:
    """What is pasted on the upload page has a page of its own, and goes to a target like any other."""
    made = pair("elsewhere.lab.test")
    target = await home.add_edge("elsewhere.lab.test")
    async with home.window() as page:
        await page.goto("/upload")
        await page.get_by_label("Label").fill("from elsewhere")
        await page.locator("#certificate").fill(made.leaf_pem)
        await page.locator("#private_key").fill(made.key_pem)
        await keep(page, "upload")
        await page.get_by_role("button", name="Upload it").click()
        await page.wait_for_url("**/certificates/cert_*")
        await keep(page, "certificate-uploaded")
        await page.goto(f"/certificates/{certificate_id(page)}?do=deploy")
        await page.locator(f"input[value={target}]").check()
        await page.get_by_role("button", name="Deploy").click()
        await expect(page.locator("#deployments")).to_contain_text("Deployed", timeout=PATIENCE)


async def test_a_layout_is_remembered(home: House) -> None:
    """Cards and list show the same certificates, and the one that was chosen stays."""
    await issued(home.customer, "layout.shop.lab.test")
    async with home.window() as page:
        for layout, other in (("cards", "table.rows"), ("list", "ul.cards")):
            await page.get_by_role("link", name=f"Show as {layout}").click()
            await expect(page.get_by_role("link", name="layout.shop.lab.test", exact=True)).to_be_visible()
            assert await page.locator(other).count() == 0
            await keep(page, f"certificates-{layout}")
        await page.goto("/certificates")
        await expect(page.locator("table.rows")).to_be_visible()
