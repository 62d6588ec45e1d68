"""The list: groups with counts, search, page after page, cards or rows."""

import re

import pytest

from api.console import certificates
from tests.api.world import World
from tests.console.conftest import Meet
from tests.console.visitor import text_of


def names(html: str) -> list[str]:
    return re.findall(r'<a href="/certificates/cert_\w+">([^<]+)</a>', html)


@pytest.mark.parametrize("layout", ["cards", "list"])
async def test_each_certificate_tells_how_it_stands(meet: Meet, world: World, layout: str) -> None:
    """Name, status in words, days left, what is next, and what may be done."""
    view = await world.issued()
    visitor = await meet()
    page = await visitor.get(f"/certificates?layout={layout}")
    text = text_of(page)
    assert "www.example.com" in text
    assert "Issued" in text
    assert "199 days left" in text
    assert "We look for the proof again on 2027-03-22 04:00 UTC" in text
    assert f"/certificates/{view['id']}?do=revoke#revoke" in page.text
    assert f"/certificates/{view['id']}?do=apply" not in page.text


async def test_a_layout_is_remembered(meet: Meet, world: World) -> None:
    """The browser keeps what was chosen last."""
    await world.buy()
    visitor = await meet()
    assert 'class="cards"' in (await visitor.get("/certificates")).text
    assert 'class="rows"' in (await visitor.get("/certificates?layout=list")).text
    assert 'class="rows"' in (await visitor.get("/certificates")).text
    assert 'class="cards"' in (await visitor.get("/certificates?layout=cards")).text
    assert 'class="cards"' in (await visitor.get("/certificates")).text


async def test_groups_are_counted_and_chosen(meet: Meet, world: World) -> None:
    """Each group says how many it has, and shows those alone."""
    await world.issued()
    await world.buy(label="second")
    visitor = await meet()
    text = text_of(await visitor.get("/certificates"))
    assert re.search(r"All 2 Unpaid 0 Ordered 1 Issued 1 Expired 0 Closed 0", text)
    assert names((await visitor.get("/certificates?group=issued")).text) == ["www.example.com"]
    assert names((await visitor.get("/certificates?group=ordered")).text) == ["second"]
    assert "No certificate fits" in text_of(await visitor.get("/certificates?group=closed"))


async def test_search_finds_names_and_labels(meet: Meet, world: World) -> None:
    """A prefix is enough; what was searched for stays in the field and in the groups' addresses."""
    await world.issued("single", "shop.example.org")
    await world.buy(label="Shoes")
    await world.buy(label="Other")
    visitor = await meet()
    page = await visitor.get("/certificates?query=sho")
    assert set(names(page.text)) == {"Shoes", "shop.example.org"}
    assert 'value="sho"' in page.text
    assert "/certificates?group=issued&amp;query=sho" in page.text
    assert names((await visitor.get("/certificates?query=sho&group=issued")).text) == ["shop.example.org"]


async def test_one_turns_page_after_page(meet: Meet, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every certificate is on exactly one page, the newest first."""
    monkeypatch.setattr(certificates, "PAGE", 2)
    for number in range(5):
        await world.buy(label=f"no {number}")
        world.clock.advance(seconds=1)
    visitor = await meet()
    page, seen = await visitor.get("/certificates?query=no"), []
    for _ in range(3):
        seen += names(page.text)
        older = re.search(r'href="([^"]+)" rel="next"', page.text)
        page = await visitor.get(older[1].replace("&amp;", "&")) if older else page
    assert seen == ["no 4", "no 3", "no 2", "no 1", "no 0"]
    assert older is None
    assert "Newest" in page.text


async def test_a_bad_cursor_is_told(meet: Meet) -> None:
    """Nothing of it is echoed."""
    visitor = await meet()
    assert (await visitor.get("/certificates?cursor=nonsense")).status_code == 422


async def test_operators_see_whose_it_is(meet: Meet, world: World) -> None:
    """They see all accounts' certificates, and can buy none."""
    await world.buy(who="stranger", label="theirs")
    visitor = await meet("operator")
    page = await visitor.get("/certificates")
    assert "acct_theirs" in page.text
    assert "/purchase" not in page.text
    assert (await visitor.get("/purchase")).status_code == 403


async def test_an_empty_account_is_led_on(meet: Meet) -> None:
    """Who has nothing yet is shown where to begin."""
    visitor = await meet()
    assert "Buy the first one" in text_of(await visitor.get("/certificates"))


async def test_a_page_costs_two_statements_however_many_there_are(
    meet: Meet, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One search and one count, and none for each certificate on the page."""
    for number in range(3):
        await world.proving("single", f"n{number}.example.com")
    visitor = await meet()
    asked = []

    async def no_looks(*_: object) -> list[object]:
        asked.append("looks")
        return []

    async with world.storage.read() as tables:
        monkeypatch.setattr(type(tables.looks), "list", no_looks)
    assert len(names((await visitor.get("/certificates")).text)) == 3
    assert asked == []
