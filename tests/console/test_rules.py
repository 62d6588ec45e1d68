"""Rules that hold for every page there is, and for those that will come."""

import re
from collections.abc import Iterator

import httpx
import pytest
from fastapi.routing import iter_route_contexts

from api.console.app import FIRST, create_console
from certloom.domain.deployment import DeploymentState
from certloom.domain.look import Finding, Tried
from tests.api.places import add, deploy, end
from tests.api.world import World
from tests.console.conftest import Meet
from tests.console.visitor import Visitor, text_of
from tests.keys.authority import root, sign

PUBLIC = {"/", "/session", "/session/end", "/signin", "/static/{version}/{name}"}
SCRIPT = '"><script>alert(1)</script><img src=x onerror=alert(1)>'


def routes(world: World, method: str) -> Iterator[str]:
    for context in iter_route_contexts(create_console(world.services).routes):
        if method in (context.methods or ()):
            yield str(context.path)


def addresses(world: World, method: str, certificate_id: str) -> list[str]:
    found = [path for path in routes(world, method) if path not in PUBLIC]
    return [re.sub(r"\{\w+\}", "x", path.replace("{certificate_id}", certificate_id)) for path in found]


async def test_every_route_is_led_to_the_console(world: World) -> None:
    """The fork knows the first part of each address, and takes none of the API's."""
    found = {path.split("/")[1] for method in ("GET", "POST") for path in routes(world, method)}
    assert found == FIRST
    assert not FIRST & {"v1", "pki", "docs", "codec", "openapi.json", "healthz", "readyz"}


async def test_every_page_but_the_public_ones_asks_for_a_key(meet: Meet, world: World) -> None:
    """Without a session there is the form to sign in, and nothing else."""
    view = await world.issued()
    visitor = await meet(None)
    await visitor.get("/")
    for method in ("GET", "POST"):
        found = addresses(world, method, view["id"])
        assert len(found) >= 4
        for path in found:
            answer = await visitor.http.request(method, path, data={"csrf": "x"} if method == "POST" else None)
            assert answer.status_code == 401, (method, path)
            assert "API key" in text_of(answer)
            assert view["names"][0] not in answer.text
    assert (await world.client.row(view["id"])).version == view["version"]


@pytest.mark.parametrize("token", [None, "", "wrong", "é"])
async def test_a_form_without_its_token_changes_nothing(meet: Meet, world: World, token: str | None) -> None:
    """Every form is refused when the token is missing or another session's."""
    view = await world.issued()
    visitor = await meet()
    for path in ["/session/end", *addresses(world, "POST", view["id"])]:
        body = {"confirm": "www.example.com", "reason": "superseded", "format": "nginx", "x": "y"}
        answer = await visitor.http.post(path, data=body if token is None else {**body, "csrf": token})
        assert answer.status_code == 403, path
        assert "Nothing was changed" in text_of(answer)
    assert (await world.client.row(view["id"])).version == view["version"]
    assert (await visitor.get("/certificates")).status_code == 200


async def test_a_token_of_another_session_is_none(meet: Meet, world: World) -> None:
    """Each session has its own."""
    view = await world.buy()
    one, other = await meet(), await meet()
    await one.get(f"/certificates/{view['id']}")
    await other.get("/certificates")
    answer = await one.send(f"/certificates/{view['id']}/cancel_order", csrf=other.forms["/session/end"]["csrf"])
    assert answer.status_code == 403


async def test_no_page_shows_another_account(meet: Meet, world: World) -> None:
    """To a stranger a certificate does not exist, whichever form is sent."""
    view = await world.issued()
    visitor = await meet("stranger")
    token = visitor.forms["/session/end"]["csrf"]
    assert (await visitor.get(f"/certificates/{view['id']}")).status_code == 404
    for path in addresses(world, "POST", view["id"]):
        if "/certificates/" in path:
            body = {"csrf": token, "names": "a.example.com", "validation": "dns-01", "reason": "superseded"}
            answer = await visitor.http.post(path, data={**body, "format": "nginx", "targets": "tgt_1"})
            assert answer.status_code == (403 if path.endswith("/review") else 404), path
    assert view["id"] not in (await visitor.get("/certificates")).text


async def test_a_viewer_changes_nothing(meet: Meet, world: World) -> None:
    """A viewer sees the same pages without forms, and is refused when he sends one."""
    view = await world.issued()
    visitor = await meet("viewer")
    page = await visitor.get(f"/certificates/{view['id']}")
    assert page.status_code == 200
    assert set(visitor.forms) == {"/session/end"}
    token = visitor.forms["/session/end"]["csrf"]
    for path in addresses(world, "POST", view["id"]):
        answer = await visitor.http.post(path, data={"csrf": token, "format": "nginx"})
        assert answer.status_code == 403, path
        assert "role" in text_of(answer)
    assert (await world.client.row(view["id"])).version == view["version"]


async def pages(visitor: Visitor, *ids: str) -> list[httpx.Response]:
    """Return every kind of page, problems among them."""
    paths = [
        "/certificates",
        "/certificates?layout=list",
        "/certificates?query=none",
        "/purchase",
        "/certificates?group=ordered&sort=name",
        "/certificates?soon=yes",
        "/targets",
        "/targets/new",
        "/targets/new?kind=nginx_ssh",
        "/upload",
        "/account",
    ]
    paths += [f"/certificates/{one}" for one in ids]
    paths += [
        "/purchase?product=single",
        "/certificates/none",
        "/certificates/a/b",
        "/signin",
        "/certificates?limit=x&group=x",
    ]
    return [await visitor.get(path) for path in paths]


async def test_pages_load_nothing_but_our_own_files(meet: Meet, world: World) -> None:
    """The policy allows our own style and script; no page has any of its own, nor anything from elsewhere."""
    ids = [(await world.buy())["id"], (await world.proving())["id"], (await world.issued())["id"]]
    visitor = await meet()
    for page in await pages(visitor, *ids):
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert page.headers["x-content-type-options"] == "nosniff"
        assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=|javascript:", page.text), page.url
        assert not re.search(r'(?:src|href|action)="(?:https?:)?//', page.text), page.url


async def test_what_people_typed_is_shown_as_text(meet: Meet, world: World) -> None:
    """A label, a search, a target's name and a form that comes back hold no markup, whatever was typed."""
    view = await world.buy(label=SCRIPT)
    visitor = await meet()
    found = [await visitor.get("/certificates"), await visitor.get("/certificates?layout=list")]
    found.append(await visitor.http.get("/certificates", params={"query": SCRIPT, "layout": "list"}))
    found.append(await visitor.get(f"/certificates/{view['id']}"))
    found.append(await visitor.send(f"/certificates/{view['id']}/apply", names=SCRIPT, validation=SCRIPT, csr=SCRIPT))
    assert found[-1].status_code == 422
    found.append(await visitor.http.get("/signin", params={"code": SCRIPT}))
    found.append(await visitor.http.get("/purchase", params={"product": SCRIPT}))
    found.append(await visitor.http.get("/targets/new", params={"kind": SCRIPT}))
    for page in found:
        assert "<script>alert" not in page.text, page.url
        assert "<img" not in page.text, page.url
    assert "alert(1)" in text_of(found[0])


async def test_what_was_named_is_shown_as_text(meet: Meet, world: World) -> None:
    """A target's name, what was found there, and why a deployment ended hold no markup on any page that tells them."""
    certificate = await world.issued()
    target = await add(world, "nginx_ssh", name=SCRIPT)
    (going,) = await deploy(world, certificate, target)
    await end(world, going["id"], DeploymentState.ROLLED_BACK, why=SCRIPT)
    world.client.tried = Tried(findings=(Finding(what=SCRIPT, works=False, detail=SCRIPT),), looks=())
    visitor = await meet()
    at = f"/targets/{target['id']}"
    found = [await visitor.get("/targets"), await visitor.get(at), await visitor.send(f"{at}/test")]
    found.append(await visitor.get(f"/certificates/{certificate['id']}?do=deploy"))
    for page in found:
        assert page.status_code == 200
        assert "alert(1)" in text_of(page), page.url
        assert not re.search(r"<script>alert|<img", page.text), page.url


async def test_what_was_brought_in_is_shown_as_text(meet: Meet, world: World) -> None:
    """A subject may say anything, and so may whoever signed it."""
    between = sign(SCRIPT, root(), ca=True)
    leaf = sign("www.example.com", between, names=("www.example.com",))
    body = {"label": SCRIPT, "certificate": leaf.pem + between.pem, "private_key": leaf.key_pem}
    visitor = await meet()
    await visitor.get("/upload")
    page = await visitor.send("/upload", **body)
    assert page.status_code == 200
    await visitor.get("/upload")
    refused = await visitor.send("/upload", **{**body, "chain": f"{SCRIPT}\n{SCRIPT}", "private_key": SCRIPT})
    assert refused.status_code == 422
    for one in (page, refused):
        assert "alert(1)" in text_of(one)
        assert not re.search(r"<script>alert|<img", one.text)


async def test_what_is_not_there_is_a_page(meet: Meet) -> None:
    """An address that leads nowhere, and a method that does not exist, are told as pages."""
    visitor = await meet()
    for path in ("/certificates/cert_none", "/certificates/a/b/c", "/static/x/none.js"):
        answer = await visitor.get(path)
        assert answer.status_code == 404
        assert answer.headers["content-type"].startswith("text/html")
    answer = await visitor.http.post("/certificates", data={"csrf": visitor.forms["/session/end"]["csrf"]})
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


async def test_an_outage_is_a_page(meet: Meet, world: World) -> None:
    """It says that nothing is lost, and not what is broken."""
    view = await world.buy()
    visitor = await meet()
    await visitor.get(f"/certificates/{view['id']}")
    world.client.silent = True
    answer = await visitor.send(f"/certificates/{view['id']}/cancel_order")
    assert answer.status_code == 503
    assert "No answer came in time" in text_of(answer)


async def test_a_defect_is_a_page(meet: Meet, world: World) -> None:
    """What nobody expected is told without a word of it."""
    visitor = await meet()

    class Broken:
        def __getattr__(self, _: str) -> object:
            raise RuntimeError("the password is 123")

    object.__setattr__(world.services, "balances", Broken())
    answer = await visitor.get("/purchase")
    assert answer.status_code == 500
    assert "for a reason that is ours" in text_of(answer)
    assert "123" not in answer.text


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{}", "application/json", 415),
        (b"a=%FF%FE", "application/x-www-form-urlencoded", 400),
        (b"a=%00", "application/x-www-form-urlencoded", 400),
        (b"a=" + b"b" * 300_000, "application/x-www-form-urlencoded", 413),
        (b"&".join(b"a=b" for _ in range(600)), "application/x-www-form-urlencoded", 400),
    ],
)
async def test_what_is_no_form_is_refused(meet: Meet, body: bytes, kind: str, status: int) -> None:
    """It is told as a page, before anybody looks inside."""
    visitor = await meet()
    answer = await visitor.http.post("/session/end", content=body, headers={"content-type": kind})
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_files_are_kept_by_the_browser(meet: Meet) -> None:
    """Style, script and icon have addresses that change with them."""
    visitor = await meet(None)
    page = await visitor.get("/")
    found = re.findall(r'"(/static/[^"]+)"', page.text)
    assert len(found) == 3
    visitor.http.cookies.clear()
    for path in found:
        answer = await visitor.http.get(path)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        assert "set-cookie" not in answer.headers
