"""The console as people meet it: Debian's Chromium over real HTTP, wide and narrow, light and dark."""

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from playwright.async_api import Browser, Page, expect

from tests.api.places import ACCESS, add, deploy, end, served
from tests.api.world import JSON, World, ok
from tests.console.browser import chromium, keep, needs_chromium, serving, sign_in, window
from tests.console.test_zone_proof import delayed, led
from tests.keys.authority import leaf, lower

pytestmark = needs_chromium
GRAVE = ("serious", "critical")
ORGANIZATION = {"name": "Example GmbH", "country": "DE", "locality": "Berlin"}
CONTACT = {"name": "Erika Muster", "email": "erika@example.com"}


@dataclass
class Desk:
    """A browser in front of a served console."""

    world: World
    browser: Browser
    address: str

    @property
    def key(self) -> str:
        return self.world.tokens["member"]


@pytest.fixture
async def desk(world: World) -> AsyncIterator[Desk]:
    async with serving(world) as address, chromium() as browser:
        yield Desk(world, browser, address)


async def certificates(world: World) -> dict[str, JSON]:
    """Make one certificate in each state that looks different."""
    made = {"paid": await world.buy("ov", label="Shop of the future")}
    made["proving"] = await world.proving("multi", "example.com", "www.example.com", "api.example.com")
    await world.client.look(made["proving"]["id"], seen="v=spf1 -all")
    made["deployed"], _, _ = await served(
        world, "www.example.com", target=await add(world, "alibaba_cdn", name="CDN of the shop")
    )
    await deploy(world, made["deployed"], await add(world, "nginx_ssh", name="Web server in Frankfurt"))
    made["issued"] = await world.issued("wildcard", "*.example.net")
    made["revoked"] = await world.issued("single", "old.example.net")
    await world.call("POST", f"/v1/certificates/{made['revoked']['id']}/revocation", {"reason": "superseded"})
    made["delayed"], made["led"] = await delayed(world), await led(world)
    world.clock.advance(days=150)
    made["preparing"] = await world.apply("ov", "bank.example.com", organization=ORGANIZATION, contact=CONTACT)
    return made


def addresses(made: dict[str, JSON]) -> Iterator[tuple[str, str]]:
    yield from (("cards", "/certificates?layout=cards"), ("list", "/certificates?layout=list"))
    yield from ((f"certificate-{name}", f"/certificates/{view['id']}") for name, view in made.items())
    for form in ("deploy", "download", "revoke", "replace", "delete"):
        yield f"form-{form}", f"/certificates/{made['deployed']['id']}?do={form}"
    yield from (("purchase", "/purchase"), ("confirm", "/purchase?product=single"), ("dear", "/purchase?product=dear"))
    yield from (("ordered", "/certificates?group=ordered&sort=name"), ("soon", "/certificates?soon=yes"))
    yield from (("targets", "/targets"), ("kinds", "/targets/new"), ("upload", "/upload"))
    yield from ((f"new-{kind}", f"/targets/new?kind={kind}") for kind in ("haproxy_tcp", "nginx_ssh", "alibaba_slb"))
    yield from (("zones", "/zones"), ("zone-kinds", "/zones/new"), ("zone-vendors", "/zones/new?kind=lexicon"))
    yield from (("new-rfc2136", "/zones/new?kind=rfc2136"), ("new-manual", "/zones/new?kind=manual"))
    yield "new-netcup", "/zones/new?kind=lexicon&provider=netcup"
    yield from (("account", "/account"), ("missing", "/certificates/none"))
    yield from (("nothing", "/certificates?query=nothing"), ("code", "/signin?code=x"))


async def grave(page: Page) -> list[Any]:
    """Return what axe-core finds serious or critical."""
    found = await Axe().run(page, options={"resultTypes": ["violations"]})
    return [
        (one["id"], [node["target"] for node in one["nodes"]])
        for one in found.response["violations"]
        if one["impact"] in GRAVE
    ]


@pytest.mark.parametrize(("scheme", "narrow"), [("light", False), ("dark", False), ("light", True), ("dark", True)])
async def test_every_page_is_for_everybody(desk: Desk, scheme: str, narrow: bool) -> None:  # noqa: FBT001 - a parameter
    """No serious fault by axe-core, no sideways scrolling, and nothing that the policy had to stop."""
    made = await certificates(desk.world)
    complaints: list[str] = []
    async with window(desk.browser, scheme=scheme, narrow=narrow) as page:
        page.on("console", lambda told: complaints.append(told.text) if "Security Policy" in told.text else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(desk.address)
        assert await grave(page) == []
        await sign_in(page, desk.address, desk.key)
        zone = ok(await desk.world.call("GET", "/v1/zones"))["items"][0]
        target = next(one for one in ok(await desk.world.call("GET", "/v1/targets"))["items"] if one["has_credentials"])
        for name, path in (
            *addresses(made),
            ("zone", f"/zones/{zone['id']}"),
            ("zone-change", f"/zones/{zone['id']}/change"),
            ("target-credentials", f"/targets/{target['id']}/credentials"),
        ):
            await page.goto(desk.address + path)
            await keep(page, f"{name}-{scheme}{'-narrow' if narrow else ''}")
            assert await grave(page) == [], path
            assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path
    assert complaints == []


@pytest.mark.parametrize("scripts", [True, False])
async def test_from_purchase_to_download(desk: Desk, scripts: bool) -> None:  # noqa: FBT001 - a parameter
    """Buy, apply, prove, receive and download, with a script and without any."""
    async with window(desk.browser, scripts=scripts) as page:
        await sign_in(page, desk.address, desk.key)
        await page.get_by_role("link", name="Buy the first one").click()
        await page.get_by_role("link", name="Choose single", exact=True).click()
        await page.get_by_label("Label").fill("my shop")
        await page.get_by_role("button", name="Buy for 9.00 EUR").click()
        await page.get_by_role("textbox", name="Names").fill("www.example.com")
        await page.get_by_role("button", name="Apply").click()
        await page.wait_for_url("**?said=apply")
        certificate_id = re.search(r"cert_\w+", page.url)[0]  # type: ignore[index]
        await desk.world.client.prepare(certificate_id)
        await page.goto(f"{desk.address}/certificates/{certificate_id}")
        await expect(page.get_by_text("_certloom-challenge.www.example.com")).to_be_visible()
        await page.get_by_role("button", name="Check now").click()
        await expect(page.get_by_text("We are looking for the proof now.")).to_be_visible()
        await desk.world.client.prove(certificate_id)
        await desk.world.client.issue(certificate_id)
        await page.goto(f"{desk.address}/certificates/{certificate_id}?do=download")
        await page.get_by_label("HAProxy").check()
        async with page.expect_download() as download:
            await page.get_by_role("button", name="Download").click()
        assert (await download.value).suggested_filename == "www.example.com_haproxy.zip"


async def test_a_page_follows_what_happens(desk: Desk) -> None:
    """An open page shows a deployment's progress and end by itself, and leaves alone what somebody types."""
    world = desk.world
    view = await world.issued()
    (going,) = await deploy(world, view, await add(world, "nginx_ssh", name="Edge in Paris"))
    async with window(desk.browser) as page:
        await sign_in(page, desk.address, desk.key)
        await page.goto(f"{desk.address}/certificates/{view['id']}?do=delete")
        await page.get_by_label("Type www.example.com").fill("www.exa")
        await expect(page.locator("#deployments")).to_contain_text("Waiting")
        await end(world, going["id"], seen=view["issuance"]["fingerprint_sha256"])
        await expect(page.locator("#deployments")).to_contain_text("Deployed", timeout=15_000)
        await expect(page.locator("#timeline")).to_contain_text("is served by every endpoint")
        await expect(page.get_by_label("Type www.example.com")).to_have_value("www.exa")


async def test_a_proof_appears_by_itself(desk: Desk) -> None:
    """Whoever applied need not load the page again to see what to publish."""
    view = await desk.world.apply()
    async with window(desk.browser) as page:
        await sign_in(page, desk.address, desk.key)
        await page.goto(f"{desk.address}/certificates/{view['id']}")
        await expect(page.locator("#proof")).to_be_hidden()
        await desk.world.client.prepare(view["id"])
        await expect(page.get_by_text("_certloom-challenge.www.example.com")).to_be_visible(timeout=15_000)
        await expect(page.get_by_role("button", name="Copy").first).to_be_visible()
        await expect(page.get_by_role("status", name="Status")).to_contain_text("proving")


async def test_a_record_is_copied(desk: Desk) -> None:
    """One click puts the exact value where one can paste it."""
    view = await desk.world.proving()
    async with window(desk.browser) as page:
        await sign_in(page, desk.address, desk.key)
        await page.goto(f"{desk.address}/certificates/{view['id']}")
        await page.get_by_role("button", name="Copy: Name of the TXT record for www.example.com").click()
        await expect(page.get_by_text("Copied")).to_be_visible()
        assert await page.evaluate("navigator.clipboard.readText()") == "_certloom-challenge.www.example.com"


async def test_without_a_script_nothing_pretends(desk: Desk) -> None:
    """Buttons that need the script are not there, and the values can be read."""
    view = await desk.world.proving()
    async with window(desk.browser, scripts=False) as page:
        await sign_in(page, desk.address, desk.key)
        await page.goto(f"{desk.address}/certificates/{view['id']}")
        assert await page.get_by_role("button", name="Copy").count() == 0
        await expect(page.get_by_text("_certloom-challenge.www.example.com")).to_be_visible()


async def test_the_keyboard_is_enough(desk: Desk) -> None:
    """Signing in, skipping to the content, opening a form and sending it need no mouse."""
    view = await desk.world.issued()
    async with window(desk.browser) as page:
        await page.goto(desk.address)
        await expect(page.locator("#key")).to_be_focused()
        await page.keyboard.type(desk.key)
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/certificates")
        await page.goto(f"{desk.address}/certificates/{view['id']}")
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        await page.locator("#renew summary").focus()
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("button", name="Renew now")).to_be_focused()
        assert await page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("The renewal began.")).to_be_visible()


async def test_names_are_judged_while_typing(desk: Desk) -> None:
    """What a name becomes, or why it cannot be, appears below the field without sending anything."""
    view = await desk.world.buy("multi")
    async with window(desk.browser) as page:
        await sign_in(page, desk.address, desk.key)
        await page.goto(f"{desk.address}/certificates/{view['id']}")
        await page.get_by_role("textbox", name="Names").fill("bücher.example.com\nhttp://a.test/<b>")
        told = page.get_by_role("list", name="The names, as they are understood")
        await expect(told).to_contain_text("bücher.example.com, which is written xn--bcher-kva.example.com")
        await expect(told).to_contain_text("'http://a.test/<b>' is not a host name alone")
        assert await grave(page) == []


@pytest.mark.parametrize("scripts", [True, False])
async def test_a_target_is_added_tried_and_forgotten(desk: Desk, scripts: bool) -> None:  # noqa: FBT001 - a parameter
    """A refusal keeps what was typed; with a script and without any."""
    async with window(desk.browser, scripts=scripts) as page:
        await sign_in(page, desk.address, desk.key)
        await page.get_by_role("link", name="Targets").click()
        await page.get_by_role("link", name="Add the first one").click()
        await page.get_by_role("link", name="Alibaba Cloud CDN").click()
        await page.get_by_label("Name").fill("Shop's CDN")
        await page.get_by_label("CDN domain").fill("Bad Domain")
        await page.get_by_label("Access key id").fill(ACCESS["access_key_id"])
        await page.get_by_label("Access key secret").fill(ACCESS["access_key_secret"])
        await page.get_by_label("Endpoints").fill("www.example.com:443 www.example.com")
        await page.get_by_role("button", name="Add the target").click()
        await expect(page.get_by_text("Write a domain in lower case")).to_be_visible()
        await expect(page.get_by_label("Name")).to_have_value("Shop's CDN")
        await page.get_by_label("CDN domain").fill("www.example.com")
        await page.get_by_label("Access key secret").fill(ACCESS["access_key_secret"])
        await page.get_by_role("button", name="Add the target").click()
        await expect(page.get_by_role("heading", name="Shop's CDN")).to_be_visible()
        await page.get_by_role("button", name="Try it").click()
        await expect(page.get_by_role("heading", name="What the try found")).to_be_visible()
        await page.get_by_text("Forget it").click()
        await page.get_by_role("button", name="Forget this target").click()
        await expect(page.get_by_text("The target is forgotten")).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False])
async def test_a_certificate_is_uploaded_as_files(desk: Desk, scripts: bool, tmp_path: Path) -> None:  # noqa: FBT001
    """Files from a folder are enough; with a script and without any."""
    (tmp_path / "shop.pem").write_text(leaf().pem + lower().pem)
    (tmp_path / "shop.key").write_text(leaf().key_pem)
    async with window(desk.browser, scripts=scripts) as page:
        await sign_in(page, desk.address, desk.key)
        await page.get_by_role("link", name="Upload one from elsewhere").click()
        await page.get_by_label("Label").fill("old shop")
        await page.locator("#certificate_file").set_input_files(tmp_path / "shop.pem")
        await page.locator("#private_key_file").set_input_files(tmp_path / "shop.key")
        await page.get_by_role("button", name="Upload it").click()
        await expect(page.get_by_text("It is uploaded")).to_be_visible()
