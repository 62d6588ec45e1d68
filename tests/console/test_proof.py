"""The proof's part of a certificate's page: what to publish, what was found, and looking again."""

from tests.api.world import World
from tests.console.conftest import Meet
from tests.console.test_certificate import at
from tests.console.visitor import text_of


async def test_the_proof_is_written_out(meet: Meet, world: World) -> None:
    """Record and value, what was found at the last look, and when the next one is."""
    view = await world.proving()
    await world.client.look(view["id"], seen="v=spf1 -all")
    visitor = await meet()
    text = text_of(await visitor.get(at(view)))
    for part in ("_certloom-challenge.www.example.com", "value", "v=spf1 -all", "The record is another one."):
        assert part in text
    assert "The next look is in a moment" in text


async def test_a_file_is_written_out(meet: Meet, world: World) -> None:
    """Address and content of the file."""
    view = await world.proving(validation="http-01")
    visitor = await meet()
    text = text_of(await visitor.get(at(view)))
    assert "http://www.example.com/.well-known/certloom-challenge/token" in text


async def test_one_has_the_proof_looked_for(meet: Meet, world: World) -> None:
    """Asked again too soon, the page says so."""
    view = await world.proving()
    visitor = await meet()
    await visitor.get(at(view))
    assert "We are looking" in text_of(await visitor.send(at(view, "check_now")))
    again = await visitor.send(at(view, "check_now"))
    assert again.status_code == 429
    assert "It was looked for a moment ago." in text_of(again)
    assert again.headers["retry-after"] == "10"


async def test_the_lab_publishes(meet: Meet, world: World) -> None:
    """Under `make run` one button publishes the proof."""
    view = await world.proving()
    visitor = await meet()
    await visitor.get(at(view))
    await visitor.send(at(view, "publish"))
    assert [one.name for one in world.board.published] == ["www.example.com"]
