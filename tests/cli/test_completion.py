"""What a shell offers while somebody types."""

from tests.api.places import add
from tests.api.world import World
from tests.cli.desk import Desk


async def offered(desk: Desk, *words: str) -> list[str]:
    """Ask as bash does."""
    line = {"COMP_WORDS": " ".join(("certloom", *words)), "COMP_CWORD": str(len(words))}
    done = await desk.run(_CERTLOOM_COMPLETE="complete_bash", **line)
    assert done.err == "", done
    return done.out.split()


async def test_names_labels_and_ids_are_offered(desk: Desk, world: World) -> None:
    """A certificate is offered by whatever was begun; products and targets by theirs."""
    certificate = await world.issued()
    await world.buy(label="webshop")
    await add(world, name="west-edge")
    assert set(await offered(desk, "status", "w")) == {"www.example.com", "webshop"}
    assert await offered(desk, "status", certificate["id"][:8]) == [certificate["id"]]
    assert await offered(desk, "buy", "wild") == ["wildcard"]
    assert await offered(desk, "deploy", "webshop", "w") == ["west-edge"]
    assert "status" in await offered(desk, "sta")


async def test_nothing_is_offered_where_nobody_answers(desk: Desk) -> None:
    """Without a key, or with a service that is down, the shell gets nothing and no error."""
    desk.url = "http://127.0.0.1:9"
    assert await offered(desk, "status", "w") == []
    desk.api_key = ""
    assert await offered(desk, "status", "w") == []
