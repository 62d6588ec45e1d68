"""Sessions: how one begins, what its cookie is like, and what ends it."""

import re
from dataclasses import replace

import httpx
import pytest

from api.app import create_app
from api.auth import Caller
from api.console.codes import make_code
from certloom.domain.role import Role
from tests.api.world import HOST, OURS, World
from tests.console.conftest import Meet
from tests.console.visitor import Visitor, text_of

MEMBER = Caller("keymember", Role.MEMBER, OURS)


async def test_a_valid_key_leads_to_the_certificates(meet: Meet, world: World) -> None:
    """After signing in one sees the list, and at / as well."""
    visitor = await meet(None)
    page = await visitor.sign_in(world.tokens["member"])
    assert (page.status_code, page.url.path) == (200, "/certificates")
    again = await visitor.get("/")
    assert (again.status_code, again.headers["location"]) == (303, "/certificates")


async def test_the_key_is_not_in_the_cookie(meet: Meet, world: World) -> None:
    """What the browser keeps opens nothing but this console."""
    visitor = await meet()
    secret = world.tokens["member"].split("_", 2)[2]  # it may hold underscores itself
    assert secret not in str(visitor.http.cookies)
    assert "keymember" not in str(visitor.http.cookies)
    cookie = visitor.http.cookies["certloom"]
    refused = await world.http.get("/v1/account", headers={"Cookie": f"certloom={cookie}"})
    assert refused.status_code == 401


async def test_a_wrong_key_is_told_and_slowed_down(meet: Meet) -> None:
    """It is told what is wrong; after too many of them there is a pause, as for the API."""
    visitor = await meet(None)
    await visitor.get("/")
    answer = await visitor.send("/session", key="clm_x_" + "A" * 43)
    assert answer.status_code == 401
    assert "This key is not valid" in text_of(answer)
    for _ in range(20):
        answer = await visitor.send("/session", key="clm_wrong")
    assert answer.status_code == 429
    assert "Too many wrong API keys" in text_of(answer)


@pytest.mark.parametrize(
    ("url", "name"), [("http://certs.test", "certloom"), ("https://certs.test", "__Host-certloom")]
)
async def test_the_cookie_is_kept_close(world: World, url: str, name: str) -> None:
    """No script reads it, no other site's form sends it, it ends; with HTTPS it never goes without."""
    services = replace(world.services, public_url=url)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(create_app(services)), base_url=f"https://{HOST}"
    ) as http:
        answer = await http.get("/")
    cookie = answer.headers["set-cookie"]
    parts = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert cookie.startswith(f"{name}=")
    assert {"httponly", "path=/", "samesite=lax", "max-age=43200"} <= parts
    assert ("secure" in parts) == url.startswith("https")
    assert not any(part.startswith("domain") for part in parts)


async def test_signing_in_begins_another_session(meet: Meet, world: World) -> None:
    """What a visitor had before signing in is worth nothing afterwards."""
    visitor = await meet(None)
    await visitor.get("/")
    before, token = visitor.http.cookies["certloom"], visitor.forms["/session"]["csrf"]
    await visitor.sign_in(world.tokens["member"])
    assert visitor.http.cookies["certloom"] != before
    assert visitor.forms["/session/end"]["csrf"] != token


async def test_a_form_from_an_older_visit_is_told_so(meet: Meet) -> None:
    """Nobody is told that his role is too low when only the page was left open too long."""
    visitor = await meet()
    answer = await visitor.http.post("/session/end", data={"csrf": "from another visit"})
    assert answer.status_code == 403
    assert "This form cannot be used any more" in text_of(answer)


async def test_signing_out_forgets_the_session(meet: Meet) -> None:
    """Afterwards every page asks for a key again."""
    visitor = await meet()
    answer = await visitor.send("/session/end")
    assert answer.url.path == "/"
    assert "certloom" not in visitor.http.cookies or (await visitor.get("/certificates")).status_code == 401
    assert (await visitor.get("/certificates")).status_code == 401


async def test_a_session_ends_after_twelve_hours(meet: Meet, world: World) -> None:
    """The cookie's content says so, whatever the browser keeps."""
    visitor = await meet()
    world.clock.advance(hours=11, minutes=59)
    assert (await visitor.get("/certificates")).status_code == 200
    world.clock.advance(minutes=1)
    assert (await visitor.get("/certificates")).status_code == 401


async def test_a_revoked_key_ends_its_sessions(meet: Meet, world: World) -> None:
    """The key is looked up at each request."""
    visitor = await meet()
    async with world.storage.begin() as tables:
        await tables.accounts.revoke_key("keymember", world.clock())
    assert (await visitor.get("/certificates")).status_code == 401


async def test_a_changed_cookie_is_no_session(meet: Meet) -> None:
    """It is sealed, so it cannot be made up."""
    visitor = await meet()
    kept = visitor.http.cookies["certloom"]
    for bad in (kept[:-8] + "AAAAAAA=", "x", "%", "é"):
        visitor.http.cookies.clear()
        answer = await visitor.http.get("/certificates", headers=[(b"cookie", f"certloom={bad}".encode("latin-1"))])
        assert answer.status_code == 401


async def test_one_comes_back_to_the_page_one_wanted(meet: Meet, world: World) -> None:
    """The page of a link is shown after signing in."""
    view = await world.buy()
    visitor = await meet(None)
    answer = await visitor.get(f"/certificates/{view['id']}?do=apply")
    assert answer.status_code == 401
    page = await visitor.send("/session", key=world.tokens["member"])
    assert str(page.url).endswith(f"/certificates/{view['id']}?do=apply")


@pytest.mark.parametrize(
    "address", ["https://evil.test/", "//evil.test", "/\\evil.test", "/certificates@evil.test", "/v1/account"]
)
async def test_signing_in_leads_nowhere_else(meet: Meet, world: World, address: str) -> None:
    """Whatever the form says, the next page is one of the console's."""
    visitor = await meet(None)
    await visitor.get("/")
    page = await visitor.send("/session", key=world.tokens["member"], next=address)
    assert page.url.path == "/certificates"


async def test_a_code_signs_in_once(meet: Meet, world: World) -> None:
    """Following its link changes nothing; the button uses it up."""
    code = make_code(world.services, MEMBER)
    visitor = await meet(None)
    for _ in range(2):
        assert (await visitor.get(f"/signin?code={code}")).status_code == 200
    assert (await visitor.send("/signin", code=code)).url.path == "/certificates"
    other = await meet(None)
    await other.get("/signin")
    answer = await other.send("/signin", code=code)
    assert answer.status_code == 401
    assert "not valid any more" in text_of(answer)


async def test_the_api_makes_such_a_link(meet: Meet, world: World) -> None:
    """Whoever may act gets one with his key; it is in no answer that is kept."""
    answer = await world.call("POST", "/v1/account/sign-in-codes")
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    visitor = await meet(None)
    page = await visitor.get(answer.json()["url"].removeprefix(f"http://{HOST}"))
    code = re.search(r'name="code"[^>]* value="([^"]+)"', page.text)
    assert code is not None
    assert (await visitor.send("/signin", code=code[1])).url.path == "/certificates"
    assert (await world.call("POST", "/v1/account/sign-in-codes", who="viewer")).status_code == 403


async def test_a_code_lasts_ten_minutes(meet: Meet, world: World) -> None:
    """Afterwards it is as good as none."""
    code = make_code(world.services, MEMBER)
    world.clock.advance(minutes=10)
    visitor = await meet(None)
    await visitor.get("/signin")
    assert (await visitor.send("/signin", code=code)).status_code == 401


async def test_a_code_of_a_revoked_key_is_worth_nothing(meet: Meet, world: World) -> None:
    """It stands for its key and for no more."""
    code = make_code(world.services, MEMBER)
    async with world.storage.begin() as tables:
        await tables.accounts.revoke_key("keymember", world.clock())
    visitor = await meet(None)
    await visitor.get("/signin")
    assert (await visitor.send("/signin", code=code)).status_code == 401


async def test_a_session_is_no_code(meet: Meet) -> None:
    """What is sealed for one purpose does not open another."""
    visitor: Visitor = await meet()
    cookie = visitor.http.cookies["certloom"].rstrip("=")
    await visitor.get("/signin")
    assert (await visitor.send("/signin", code=cookie)).status_code == 401
