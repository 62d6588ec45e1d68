"""Buying: products side by side, one confirmation, one charge."""

from tests.api.world import World
from tests.console.conftest import Meet
from tests.console.visitor import text_of


async def test_one_buys_after_one_confirmation(meet: Meet, world: World) -> None:
    """Price and balance are shown before, and the account is charged once."""
    before = await world.balance()
    visitor = await meet()
    page = await visitor.get("/purchase")
    assert "/purchase" not in visitor.forms
    page = await visitor.get("/purchase?product=wildcard")
    assert "Balance afterwards 9951.00 EUR" in text_of(page)
    page = await visitor.send("/purchase", label="Shop")
    assert "It is bought." in text_of(page)
    assert page.url.path.startswith("/certificates/cert_")
    assert await world.balance() == before - 4_900


async def test_the_same_purchase_twice_is_one(meet: Meet, world: World) -> None:
    """A second click leads to the same certificate; another label is another purchase."""
    before = await world.balance()
    visitor = await meet()
    await visitor.get("/purchase?product=single")
    body = dict(visitor.forms["/purchase"])
    places = [(await visitor.http.post("/purchase", data=body)).headers["location"] for _ in range(2)]
    assert places[0] == places[1]
    assert await world.balance() == before - 900
    other = await visitor.http.post("/purchase", data={**body, "label": "another"})
    assert other.headers["location"] != places[0]


async def test_an_answer_that_got_lost_is_found_again(meet: Meet, world: World) -> None:
    """When no answer came in time, the same form finds what was bought."""
    before = await world.balance()
    visitor = await meet()
    await visitor.get("/purchase?product=single")
    body = dict(visitor.forms["/purchase"])
    world.client.lost_answers = True
    first = await visitor.http.post("/purchase", data=body)
    world.client.lost_answers = False
    second = await visitor.http.post("/purchase", data=body)
    assert first.headers["location"] == second.headers["location"]
    assert await world.balance() == before - 900


async def test_too_little_money_is_told_before_and_after(meet: Meet, world: World) -> None:
    """There is no button, and whoever sends the form anyway is charged nothing."""
    before = await world.balance()
    visitor = await meet()
    page = await visitor.get("/purchase?product=dear")
    assert "The balance is too low" in text_of(page)
    assert "/purchase" not in visitor.forms
    await visitor.get("/purchase?product=single")
    page = await visitor.send("/purchase", product="dear")
    assert page.status_code == 402
    assert "Nothing was charged" in text_of(page)
    assert await world.balance() == before


async def test_another_currency_is_told(meet: Meet) -> None:
    """An account buys in its own currency."""
    visitor = await meet()
    page = await visitor.get("/purchase?product=yen")
    assert "sold in JPY" in text_of(page)


async def test_an_unknown_product_is_told(meet: Meet) -> None:
    """The page comes back with the sentence."""
    visitor = await meet()
    await visitor.get("/purchase?product=single")
    page = await visitor.send("/purchase", product="none")
    assert page.status_code == 422
    assert "No such product is on sale." in text_of(page)
