"""certloom console: a link that signs in once, for the holder of the key."""

import json
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.api.world import World
from tests.cli.desk import Desk
from tests.console.visitor import Visitor


async def opens(desk: Desk, link: str) -> str:
    """Follow the link as a browser does, and return the page it leads to."""
    async with httpx.AsyncClient(base_url=desk.url) as http:
        visitor = Visitor(http)
        (code,) = parse_qs(urlsplit(link).query)["code"]
        await visitor.get(f"/signin?code={code}")
        return (await visitor.send("/signin", code=code)).url.path


async def test_the_link_opens_signed_in_once(desk: Desk) -> None:
    """The link alone is on standard output, whole on a narrow terminal, too, and its second use opens nothing."""
    done = await desk.ok("console")
    link = done.out.strip()
    assert "It signs in once, until" in done.err
    assert desk.api_key not in done.out
    assert (await opens(desk, link), await opens(desk, link)) == ("/certificates", "/signin")
    narrow = await desk.typed("console", columns=40)
    whole = next(line for line in narrow.plain.splitlines() if "/signin?code=" in line)
    assert await opens(desk, whole.strip()) == "/certificates"


async def test_make_run_is_opened_without_signing_in(desk: Desk, world: World) -> None:
    """With --dev the key is the one of `make run`, for either role, and nothing is kept."""
    facts = {
        "api_url": desk.url,
        "customer_api_key": world.tokens["member"],
        "operator_api_key": world.tokens["operator"],
    }
    (desk.home / "var").mkdir()
    (desk.home / "var" / "dev.json").write_text(json.dumps(facts))
    desk.api_key = ""
    for role in ((), ("--operator",)):
        made = (await desk.ok("console", "--dev", *role, "--json")).json
        assert set(made) == {"code", "url", "expires_at"}
        assert await opens(desk, made["url"]) != "/signin"
    assert not desk.config.exists()


async def test_without_a_key_it_says_how_to_sign_in(desk: Desk) -> None:
    """Nobody gets a link without a key."""
    desk.api_key = ""
    done = await desk.run("console")
    assert (done.code, "certloom login" in done.err) == (3, True)
