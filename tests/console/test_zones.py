"""DNS zones in the console: listed, added by a form for each kind and vendor, tried, forgotten."""

import re
from typing import Any

import pytest

from api.console.target_kinds import Shape
from api.console.zone_kinds import KINDS, VENDORS, kind_of
from certloom.dns.interface import DnsRefused
from certloom.domain.errors import Outage
from certloom.domain.zone import CREDENTIALS, SETTINGS, VENDOR_OPTIONS, Vendor, ZoneKind
from tests.api.test_zones import FORMS, SECRET, TOKEN, add
from tests.api.world import OURS, World
from tests.console.conftest import Meet
from tests.console.visitor import text_of

RFC2136 = {
    "zone": "example.com",
    "settings.server": "ns1.example.net",
    "settings.key_name": "certloom-key",
    "credentials.secret": SECRET,
}
SCRIPT = '"><script>alert(1)</script>'


def typed(kind: str) -> dict[str, str]:
    """Fill in the form of a kind with what the API's own tests send."""
    parts: dict[str, Any] = {part: FORMS[kind].get(part, {}) for part in ("settings", "credentials")}
    fields = {f"{part}.{name}": str(value) for part, values in parts.items() for name, value in values.items()}
    return {"zone": "example.com", **fields}


@pytest.mark.parametrize("kind", [ZoneKind.MANUAL, ZoneKind.RFC2136])
def test_a_form_asks_for_all_that_a_kind_takes(kind: ZoneKind) -> None:
    """No field of settings or credentials is missing, and what is needed is needed in the form."""
    settings, credentials = SETTINGS[kind].model_fields, CREDENTIALS[kind]
    assert {one.name for one in KINDS[kind].settings} == set(settings) - {"kind"}
    assert {one.name for one in KINDS[kind].credentials} == set(credentials.model_fields if credentials else ())
    assert all(one.needed == settings[one.name].is_required() for one in KINDS[kind].settings)
    assert all(one.shape is Shape.HIDDEN for one in KINDS[kind].credentials)


@pytest.mark.parametrize("vendor", Vendor)
def test_a_form_asks_for_all_that_a_vendor_takes(vendor: Vendor) -> None:
    """Every option has its words, and each is a secret."""
    entries, options = kind_of(ZoneKind.LEXICON, vendor).credentials, VENDOR_OPTIONS[vendor]
    assert tuple(one.name for one in entries) == (*options.needed, *options.optional)
    assert tuple(one.name for one in entries if one.needed) == options.needed
    assert all(one.shape is Shape.HIDDEN and one.title for one in entries)
    assert VENDORS[vendor]


async def test_zones_tell_what_is_there(meet: Meet, world: World) -> None:
    """What it is good for, and each zone with who writes it; a stranger's list is empty."""
    await add(world)
    await add(world, "lexicon", zone="shop.example.net")
    text = text_of(await (await meet()).get("/zones"))
    for words in ("certificates renew without anybody", "example.com", "ns1.example.net", "Cloudflare"):
        assert words in text
    assert "example.com" not in text_of(await (await meet("stranger")).get("/zones"))


@pytest.mark.parametrize("kind", FORMS)
async def test_each_kind_is_added(meet: Meet, world: World, kind: str) -> None:
    """What was typed becomes the zone that the API would make of it; its secrets are on no page."""
    visitor = await meet()
    provider = FORMS[kind].get("settings", {}).get("provider", "")
    await visitor.get(f"/zones/new?kind={kind}&provider={provider}")
    page = await visitor.send("/zones", **typed(kind))
    assert "The zone is added" in text_of(page)
    (made,) = (await world.get("/v1/zones"))["items"]
    assert (made["kind"], made["account_id"], made["zone"]) == (kind, OURS, "example.com")
    assert FORMS[kind].get("settings", {}).items() <= made["settings"].items()
    assert made["has_credentials"] == ("credentials" in FORMS[kind])
    for one in (page, await visitor.get("/zones")):
        assert not [secret for secret in (SECRET, TOKEN) if secret in one.text]


async def test_every_vendor_is_led_to(meet: Meet) -> None:
    """From the vendor's name to its form, which has no other vendor's fields."""
    visitor = await meet()
    page = await visitor.get("/zones/new?kind=lexicon")
    found = re.findall(r"provider=(\w+)", page.text)
    assert set(found) == set(Vendor)
    for vendor in found:
        page = await visitor.get(f"/zones/new?kind=lexicon&provider={vendor}")
        names = re.findall(r'name="credentials\.(\w+)"', page.text)
        assert tuple(names) == (*VENDOR_OPTIONS[vendor].needed, *VENDOR_OPTIONS[vendor].optional)


async def test_the_same_form_twice_is_one_zone(meet: Meet, world: World) -> None:
    """A second click leads to the first one's zone."""
    visitor = await meet()
    await visitor.get("/zones/new?kind=rfc2136")
    body = {**visitor.forms["/zones"], **RFC2136}
    one, two = [await visitor.http.post("/zones", data=body) for _ in range(2)]
    assert one.headers["location"] == two.headers["location"]
    assert len((await world.get("/v1/zones"))["items"]) == 1


async def test_a_refusal_keeps_all_but_secrets(meet: Meet, world: World) -> None:
    """Each fault stands at its field, all at once, and what was typed is still there."""
    visitor = await meet()
    await visitor.get("/zones/new?kind=rfc2136")
    wrong = {"zone": "com", "settings.key_name": "a b", "settings.algorithm": "hmac-sha512"}
    page = await visitor.send("/zones", **{**RFC2136, **wrong})
    assert page.status_code == 422
    assert 'value="com"' in page.text
    assert 'value="a b"' in page.text
    assert "<option selected>hmac-sha512</option>" in page.text
    assert SECRET not in page.text
    assert "give them once more" in text_of(page)
    assert set(re.findall(r'id="fault-([\w.]+?)(?:-\d+)?"', page.text)) == {"zone", "settings.key_name"}
    assert not (await world.get("/v1/zones"))["items"]


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("zone", "", "empty"),
        ("zone", "*.example.com", "without a star"),
        ("settings.server", "", "needed"),
        ("settings.server", "a b", "host name"),
        ("settings.port", "many", "whole number"),
        ("credentials.secret", "", "needed"),
        ("credentials.secret", "short", "in base64"),
    ],
)
async def test_what_is_wrong_stands_at_its_field(
    meet: Meet, world: World, name: str, value: str, sentence: str
) -> None:
    """One sentence, beside the field that it is about."""
    visitor = await meet()
    await visitor.get("/zones/new?kind=rfc2136")
    page = await visitor.send("/zones", **{**RFC2136, name: value})
    assert page.status_code == 422
    found = re.findall(r'id="fault-([\w.]+?)(?:-\d+)?">([^<]*)<', page.text)
    assert {one[0] for one in found} == {name}
    assert sentence in found[0][1]


async def test_a_vendors_fault_stands_at_its_option(meet: Meet) -> None:
    """The vendor stays chosen, and its secret is not shown."""
    visitor = await meet()
    await visitor.get("/zones/new?kind=lexicon&provider=godaddy")
    page = await visitor.send("/zones", **{"zone": "example.com", "credentials.auth_key": TOKEN})
    assert page.status_code == 422
    assert re.findall(r'id="fault-([\w.]+?)"', page.text) == ["credentials.auth_secret"]
    assert "GoDaddy" in text_of(page)
    assert TOKEN not in page.text


async def test_a_zone_that_is_there_already_is_told(meet: Meet, world: World) -> None:
    """The sentence is above the form, which is still filled in."""
    await add(world)
    visitor = await meet()
    await visitor.get("/zones/new?kind=rfc2136")
    page = await visitor.send("/zones", **RFC2136)
    assert page.status_code == 409
    assert "has the zone example.com already" in text_of(page)
    assert 'value="ns1.example.net"' in page.text


async def test_an_operator_says_whose_it_is(meet: Meet, world: World) -> None:
    """Without an account it is told at that field, with all the rest."""
    visitor = await meet("operator")
    await visitor.get("/zones/new?kind=rfc2136")
    page = await visitor.send("/zones", **{**RFC2136, "zone": "com"})
    assert set(re.findall(r'id="fault-(\w+)"', page.text)) == {"account_id", "zone"}
    await visitor.send("/zones", **RFC2136, account_id=OURS)
    assert (await world.get("/v1/zones"))["items"]


async def test_a_zone_tells_about_itself(meet: Meet, world: World) -> None:
    """Settings, never the secret; nobody else sees it, nor anybody once it is forgotten."""
    zone = await add(world)
    path = f"/zones/{zone['id']}"
    page = await (await meet("operator")).get(path)
    for words in ("ns1.example.net", "certloom-key", "hmac-sha256", "Kept sealed", OURS):
        assert words in text_of(page)
    assert SECRET not in page.text
    assert (await (await meet("stranger")).get(path)).status_code == 404
    await world.call("DELETE", f"/v1{path}")
    assert (await (await meet()).get(path)).status_code == 404


async def test_a_viewer_reads_zones(meet: Meet, world: World) -> None:
    """Without a form that does anything, or a way to one."""
    zone = await add(world)
    visitor = await meet("viewer")
    assert "/zones/new" not in (await visitor.get("/zones")).text
    assert (await visitor.get("/zones/new")).status_code == 403
    assert (await visitor.get(f"/zones/{zone['id']}")).status_code == 200
    assert set(visitor.forms) == {"/session/end"}


async def test_a_zone_is_tried(meet: Meet, world: World) -> None:
    """A record comes and goes; what is wrong is told as text in the adapter's sentence."""
    zone = await add(world)
    visitor = await meet()
    await visitor.get(f"/zones/{zone['id']}")
    works = await visitor.send(f"/zones/{zone['id']}/test")
    assert "It works" in text_of(works)
    assert "taken away again" in text_of(works)
    world.dns.broken = DnsRefused(f"The key is refused: {SCRIPT}.")
    await visitor.get(f"/zones/{zone['id']}")
    broken = await visitor.send(f"/zones/{zone['id']}/test")
    assert "It does not work yet" in text_of(broken)
    assert "alert(1)" in text_of(broken)
    assert "<script>alert" not in broken.text
    world.dns.broken = Outage("The server is away.")
    assert "The server is away." in text_of(await visitor.send(f"/zones/{zone['id']}/test"))


async def test_there_is_nothing_to_try_by_hand(meet: Meet, world: World) -> None:
    """A manual zone has only the form that forgets it."""
    zone = await add(world, "manual")
    visitor = await meet()
    await visitor.get(f"/zones/{zone['id']}")
    assert set(visitor.forms) == {"/session/end", f"/zones/{zone['id']}/delete"}


async def test_a_zone_is_forgotten(meet: Meet, world: World) -> None:
    """What that means is said before, and that it happened after."""
    zone = await add(world)
    visitor = await meet()
    assert "need their records by hand" in text_of(await visitor.get(f"/zones/{zone['id']}"))
    page = await visitor.send(f"/zones/{zone['id']}/delete")
    assert "The zone is forgotten" in text_of(page)
    assert not (await world.get("/v1/zones"))["items"]


async def test_many_zones_have_pages(meet: Meet, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Older ones are one step away, and back again."""
    monkeypatch.setattr("api.console.zones.PAGE", 1)
    await add(world, zone="old.example.com")
    world.clock.advance(seconds=1)
    await add(world, zone="new.example.com")
    visitor = await meet()
    page = await visitor.get("/zones")
    assert ("new.example.com" in page.text, "old.example.com" in page.text) == (True, False)
    older = re.search(r'href="([^"]+)" rel="next"', page.text)
    assert older
    page = await visitor.get(older[1])
    assert ("new.example.com" in page.text, "old.example.com" in page.text) == (False, True)


async def test_what_was_typed_is_shown_as_text(meet: Meet) -> None:
    """Whatever is sent as a zone, a server, a kind or a vendor holds no markup on the page that comes back."""
    visitor = await meet()
    await visitor.get("/zones/new?kind=rfc2136")
    sent = {"zone": SCRIPT, "settings.server": SCRIPT, "settings.key_name": SCRIPT, "settings.port": SCRIPT}
    found = [await visitor.send("/zones", **{**RFC2136, **sent})]
    assert "alert(1)" in found[0].text
    found.append(await visitor.http.get("/zones/new", params={"kind": SCRIPT, "provider": SCRIPT}))
    found.append(await visitor.http.get("/zones/new", params={"kind": "lexicon", "provider": SCRIPT}))
    found.append(await visitor.send("/zones", **{**RFC2136, "kind": SCRIPT, "settings.provider": SCRIPT}))
    for page in found:
        assert page.status_code in (200, 422)
        assert "<script>alert" not in page.text
