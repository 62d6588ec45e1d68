"""Names judged while somebody types them, by the rules of the application that follows."""

from typing import Any

import pytest

from tests.api.world import JSON, World
from tests.console.conftest import Meet
from tests.console.test_rules import SCRIPT
from tests.console.visitor import Visitor, text_of


async def judged(visitor: Visitor, view: JSON, names: str) -> dict[str, Any]:
    page = f"/certificates/{view['id']}"
    await visitor.get(page)
    answer = await visitor.http.post(
        f"{page}/names", data={"csrf": visitor.forms[f"{page}/apply"]["csrf"], "names": names}
    )
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize(
    ("typed", "name", "shown"),
    [
        ("WWW.Example.com", "www.example.com", None),
        ("bücher.example.com", "xn--bcher-kva.example.com", "bücher.example.com"),
        ("xn--bcher-kva.example.com", "xn--bcher-kva.example.com", "bücher.example.com"),
        ("[2606:4700:0::1111]", "2606:4700::1111", None),
    ],
)
async def test_a_good_name_is_shown_as_it_will_be(
    meet: Meet, world: World, typed: str, name: str, shown: str | None
) -> None:
    """With the form that people read, where that is another one."""
    found = await judged(await meet(), await world.buy("addresses"), typed)
    assert found == {"names": [{"typed": typed, "name": name, "shown": shown, "why": None}], "why": []}


async def test_a_bad_name_is_told_as_the_application_does(meet: Meet, world: World) -> None:
    """Each in its place, whatever stands before it."""
    view = await world.buy("multi")
    found = await judged(await meet(), view, "http://a.test/, *.example.com\nwww.example.com")
    first, second, third = found["names"]
    assert "is not a host name alone" in first["why"]
    assert "does not cover wildcard names" in second["why"]
    assert third["why"] is None
    assert found["why"] == []


async def test_an_address_that_is_not_covered_is_told_beside_it(meet: Meet, world: World) -> None:
    """With the kind of product that covers it."""
    found = await judged(await meet(), await world.buy("multi"), "www.example.com 1.1.1.1")
    assert found["names"][0]["why"] is None
    assert "buy a DV product that" in found["names"][1]["why"]


@pytest.mark.parametrize(("product", "told"), [("addresses", True), ("multi", False)])
async def test_the_form_says_when_addresses_are_fine(meet: Meet, world: World, product: str, *, told: bool) -> None:
    """How they are written and proven; and nothing of it where the product does not cover them."""
    page = text_of(await (await meet()).get(f"/certificates/{(await world.buy(product))['id']}"))
    assert ("IP addresses too, written as 203.0.113.7 or 2001:db8::7." in page) is told
    assert ("The only way for IP addresses." in page) is told


async def test_what_is_wrong_with_all_is_told_once(meet: Meet, world: World) -> None:
    """A product covers so many names."""
    found = await judged(await meet(), await world.buy(), "a.example.com b.example.com")
    assert found["why"] == ["single covers 1 name(s), and 2 were given."]


async def test_nothing_typed_is_nothing_wrong(meet: Meet, world: World) -> None:
    """An empty field is told when the form is sent."""
    assert await judged(await meet(), await world.buy(), " \n") == {"names": [], "why": []}


async def test_nothing_is_kept(meet: Meet, world: World) -> None:
    """Looking is not applying."""
    view = await world.buy()
    await judged(await meet(), view, "www.example.com")
    assert (await world.client.row(view["id"])).version == view["version"]


async def test_a_name_is_no_markup(meet: Meet, world: World) -> None:
    """It is answered as data, which no browser takes for a page."""
    view = await world.buy()
    visitor = await meet()
    page = f"/certificates/{view['id']}"
    await visitor.get(page)
    answer = await visitor.http.post(f"{page}/names", data={**visitor.forms[f"{page}/apply"], "names": SCRIPT})
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_without_a_script_the_form_tells_it(meet: Meet, world: World) -> None:
    """The list for what is typed is there, empty and hidden, and the refusal says the same."""
    view = await world.buy()
    visitor = await meet()
    page = await visitor.get(f"/certificates/{view['id']}")
    assert 'id="apply-names-checked"' in page.text
    refused = await visitor.send(
        f"/certificates/{view['id']}/apply", names="http://a.test/", validation="dns-01", key_type="ecdsa-p256"
    )
    assert "is not a host name alone" in text_of(refused)
