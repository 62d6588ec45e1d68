"""The list: groups with counts, search, page after page, cards or rows."""

import re

import pytest

from api.console import certificates
from tests.api.world import World
from tests.console.conftest import Meet
from tests.console.visitor import text_of


def names(html: str) -> list[str]:
    return re.findall(r'<a href="/certificates/cert_\w+">([^<]+)</a>', html)


def turned(html: str, which: str) -> str:
    found = re.search(rf'href="([^"]+)" rel="{which}"', html)
    assert found
    return found[1].replace("&amp;", "&")


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
    ordered = "Ordered 1 Ordered: Paid 1 Pending verification 0 Revoked 0"
    assert f"All 2 Unpaid 0 {ordered} Issued 1 Expiring soon 0 Expired 0 Closed 0" in text
    assert names((await visitor.get("/certificates?group=issued")).text) == ["www.example.com"]
    assert names((await visitor.get("/certificates?group=ordered")).text) == ["second"]
    assert "No certificate fits" in text_of(await visitor.get("/certificates?group=closed"))


async def test_orders_have_their_parts(meet: Meet, world: World) -> None:
    """Paid, pending verification and revoked can each be shown alone, and keep search and order."""
    await world.buy(label="first")
    await world.apply("single", "www.example.com")
    visitor = await meet()
    page = await visitor.get("/certificates?query=w&sort=name")
    assert "/certificates?status=paid&amp;sort=name&amp;query=w" in page.text
    assert names((await visitor.get("/certificates?status=paid")).text) == ["first"]
    page = await visitor.get("/certificates?status=pending_verification")
    assert names(page.text) == ["www.example.com"]
    assert re.search(r'aria-current="true">Pending verification', page.text)


async def test_what_ends_soon_is_a_group(meet: Meet, world: World) -> None:
    """What is in force and ends within thirty days, the soonest first."""
    await world.issued("single", "old.example.com")
    world.clock.advance(days=20)
    await world.issued("single", "new.example.com")
    world.clock.advance(days=150)
    visitor = await meet()
    page = await visitor.get("/certificates?soon=yes")
    assert names(page.text) == ["old.example.com"]
    assert "Expiring soon 1" in text_of(page)
    world.clock.advance(days=20)
    visitor = await meet()
    assert names((await visitor.get("/certificates?soon=yes")).text) == ["old.example.com", "new.example.com"]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("newest", ["Zebra", "b.example.com", "*.a.example.com"]),
        ("name", ["*.a.example.com", "b.example.com", "Zebra"]),
        ("expiry", ["*.a.example.com", "b.example.com", "Zebra"]),
    ],
)
async def test_one_chooses_the_order(meet: Meet, world: World, sort: str, expected: list[str]) -> None:
    """By age, by name without a star, or by the end of what is in force."""
    await world.issued("wildcard", "*.a.example.com")
    world.clock.advance(seconds=1)
    await world.issued("single", "b.example.com")
    world.clock.advance(seconds=1)
    await world.buy(label="Zebra")
    page = await (await meet()).get(f"/certificates?sort={sort}")
    assert names(page.text) == expected
    assert f'<input type="hidden" name="sort" value="{sort}">' in page.text


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
    assert "/certificates?sort=name&amp;query=sho" in page.text
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


@pytest.mark.parametrize("sort", ["newest", "name", "expiry"])
async def test_one_turns_back(meet: Meet, world: World, monkeypatch: pytest.MonkeyPatch, sort: str) -> None:
    """Back is the page that was there before; the first one leads only on."""
    monkeypatch.setattr(certificates, "PAGE", 2)
    for number in range(5):
        await world.buy(label=f"no {number}")
        world.clock.advance(seconds=1)
    visitor = await meet()
    pages = [await visitor.get(f"/certificates?query=no&sort={sort}")]
    for _ in range(2):
        pages.append(await visitor.get(turned(pages[-1].text, "next")))
    back = await visitor.get(turned(pages[2].text, "prev"))
    assert names(back.text) == names(pages[1].text)
    first = await visitor.get(turned(back.text, "prev"))
    assert names(first.text) == names(pages[0].text)
    assert 'rel="prev"' not in first.text
    assert turned(first.text, "next")


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


async def test_a_page_costs_no_statement_for_each_certificate(
    meet: Meet, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the last looks found is asked once for all, whatever is on the page."""
    for number in range(3):
        await world.proving("single", f"n{number}.example.com")
    visitor = await meet()
    asked = []

    async def no_looks(_: object, *ids: str) -> list[object]:
        asked.append(len(ids))
        return []

    async with world.storage.read() as tables:
        monkeypatch.setattr(type(tables.looks), "list", no_looks)
    assert len(names((await visitor.get("/certificates")).text)) == 3
    assert asked == [3]
