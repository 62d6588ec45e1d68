"""Targets in the console: listed, added by a form for each kind, shown, tried, forgotten."""

import re
from datetime import timedelta
from typing import Any

import pytest

from api.console.target_kinds import KINDS, Entry, Shape
from certloom.domain.look import Finding, Tried
from certloom.domain.target import CREDENTIALS, HOST_KINDS, SETTINGS, TargetKind
from tests.api.places import ACCESS, FORMS, HOST_KEY, KEY, SECRET, add, deploy, end, look, served
from tests.api.world import OURS, World
from tests.console.conftest import Meet
from tests.console.visitor import text_of

HIDDEN = (Shape.HIDDEN, Shape.HIDDEN_LINES)
SSH = {
    "name": "Edge",
    "settings.address": "web.example.com",
    "settings.user": "deploy",
    "settings.host_key": HOST_KEY,
    "settings.folder": "/etc/nginx/certloom/www",
    "credentials.private_key": KEY,
    "endpoints": "www.example.com",
}


def typed(of: str, /, **more: str) -> dict[str, str]:
    """Fill in the form of a kind with what the API's own tests send."""
    parts: dict[str, dict[str, Any]] = FORMS[of]
    fields = {f"{part}.{name}": str(value) for part, values in parts.items() for name, value in values.items()}
    return {"name": f"a {of}", "endpoints": "www.example.com", **fields, **more}


def fields(entries: Any) -> set[str]:
    return {entry.name for entry in entries}


@pytest.mark.parametrize("kind", TargetKind)
def test_a_form_asks_for_all_that_a_kind_takes(kind: TargetKind) -> None:
    """No field of settings or credentials is missing, and what is needed is needed in the form."""
    settings, credentials = SETTINGS[kind].model_fields, CREDENTIALS[kind]
    assert fields(KINDS[kind].settings) == set(settings) - {"kind"}
    assert fields(KINDS[kind].credentials) == set(credentials.model_fields if credentials else ())
    assert all(entry.needed == settings[entry.name].is_required() for entry in KINDS[kind].settings)


@pytest.mark.parametrize("entry", [one for kind in KINDS.values() for one in kind.credentials])
def test_what_is_secret_is_hidden(entry: Entry) -> None:
    """All of the credentials but the name of an access key."""
    assert (entry.shape in HIDDEN) == (entry.name != "access_key_id")


async def test_targets_tell_what_is_there(meet: Meet, world: World) -> None:
    """Each with its endpoints and the certificate that is deployed."""
    certificate, target, _ = await served(world, target=await add(world, "nginx_ssh"))
    page = await (await meet()).get("/targets")
    assert target["name"] in text_of(page)
    assert "www.example.com:443" in text_of(page)
    assert f"/certificates/{certificate['id']}" in page.text
    assert target["name"] not in text_of(await (await meet("stranger")).get("/targets"))


@pytest.mark.parametrize("kind", TargetKind)
async def test_each_kind_is_added(meet: Meet, world: World, kind: TargetKind) -> None:
    """What was typed becomes the target that the API would make of it."""
    visitor = await meet("operator")
    await visitor.get(f"/targets/new?kind={kind}")
    page = await visitor.send("/targets", **typed(kind, account_id=OURS))
    assert "The target is added" in text_of(page)
    (made,) = (await world.get("/v1/targets"))["items"]
    assert (made["kind"], made["account_id"]) == (kind, OURS)
    assert FORMS[kind]["settings"].items() <= made["settings"].items()
    assert made["endpoints"] == [{"host": "www.example.com", "port": 443, "server_name": None}]


async def test_credentials_arrive_whole(meet: Meet, world: World) -> None:
    """A key keeps its lines, which browsers send with CR LF."""
    visitor = await meet()
    await visitor.get("/targets/new?kind=nginx_ssh")
    page = await visitor.send("/targets", **{**SSH, "credentials.private_key": KEY.replace("\n", "\r\n")})
    assert page.status_code == 200
    (made,) = (await world.get("/v1/targets"))["items"]
    ref = f"{made['id']}/credentials"
    async with world.storage.read() as tables:
        sealed = await tables.secrets.get(ref)
    assert sealed
    assert KEY.strip().replace("\n", "\\n") in world.services.sealer.unseal(sealed, identity=ref).decode()


async def test_the_same_form_twice_is_one_target(meet: Meet, world: World) -> None:
    """A second click leads to the first one's target."""
    visitor = await meet()
    await visitor.get("/targets/new?kind=nginx_ssh")
    body = {**visitor.forms["/targets"], **SSH}
    one, two = [await visitor.http.post("/targets", data=body) for _ in range(2)]
    assert one.headers["location"] == two.headers["location"]
    assert len((await world.get("/v1/targets"))["items"]) == 1


@pytest.mark.parametrize("who", ["member", "operator"])
async def test_only_what_a_role_may_add_is_offered(meet: Meet, world: World, who: str) -> None:
    """Kinds that touch the service's own machines are the operators'."""
    visitor = await meet(who)
    page = await visitor.get("/targets/new")
    found = set(re.findall(r"/targets/new\?kind=(\w+)", page.text))
    assert found == set(TargetKind) - (HOST_KINDS if who == "member" else frozenset())
    page = await visitor.get("/targets/new?kind=haproxy")
    assert ("/targets" in visitor.forms) == (who == "operator")


async def test_what_is_not_offered_is_refused(meet: Meet, world: World) -> None:
    """Whoever sends the form of another kind is told by the API's rule."""
    visitor = await meet()
    await visitor.get("/targets/new?kind=nginx_ssh")
    page = await visitor.send("/targets", **typed("haproxy", kind="haproxy"))
    assert page.status_code == 403
    assert "ask an operator for it" in text_of(page)


async def test_a_viewer_adds_none(meet: Meet) -> None:
    """He sees no way to it either."""
    visitor = await meet("viewer")
    assert "/targets/new" not in (await visitor.get("/targets")).text
    assert (await visitor.get("/targets/new")).status_code == 403


async def test_a_refusal_keeps_all_but_secrets(meet: Meet, world: World) -> None:
    """Each fault stands at its field, all at once, and what was typed is still there."""
    visitor = await meet()
    await visitor.get("/targets/new?kind=alibaba_cdn")
    wrong = {"name": "The CDN", "settings.domain": "Bad Domain", "endpoints": "www.example.com:0\nwww.example.com nope"}
    page = await visitor.send("/targets", **typed("alibaba_cdn", **wrong))
    text = text_of(page)
    assert page.status_code == 422
    assert 'value="The CDN"' in page.text
    assert 'value="Bad Domain"' in page.text
    assert f'value="{ACCESS["access_key_id"]}"' in page.text
    assert SECRET not in page.text
    assert "Write a domain in lower case" in text
    assert "www.example.com:0: Write host" in text
    assert "www.example.com nope: Write a DNS name" in text
    assert page.text.count('aria-invalid="true"') == 2
    assert not (await world.get("/v1/targets"))["items"]


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("name", "", "needed"),
        ("settings.port", "many", "whole number"),
        ("settings.host_key", "nonsense", "as in known_hosts"),
        ("credentials.private_key", "", "This is needed"),
        ("credentials.private_key", "nonsense", "in OpenSSH or PKCS#8 form"),
        ("endpoints", "", "at least one"),
        ("endpoints", "a b c", "Write host, host:port"),
        ("prove_within", "long", "whole number"),
        ("prove_within", "0", "greater"),
    ],
)
async def test_what_is_wrong_stands_at_its_field(
    meet: Meet, world: World, name: str, value: str, sentence: str
) -> None:
    """One sentence, beside the field that it is about."""
    visitor = await meet()
    await visitor.get("/targets/new?kind=nginx_ssh")
    page = await visitor.send("/targets", **{**SSH, name: value})
    assert page.status_code == 422
    found = re.findall(r'id="fault-([\w.]+?)(?:-\d+)?">([^<]*)<', page.text)
    assert {one[0] for one in found} == {name}
    assert sentence in found[0][1]


async def test_a_place_that_is_taken_is_told(meet: Meet, world: World) -> None:
    """Two targets for one place would undo each other's work."""
    await add(world, "nginx_ssh")
    visitor = await meet()
    await visitor.get("/targets/new?kind=nginx_ssh")
    page = await visitor.send("/targets", **SSH)
    assert page.status_code == 409
    assert "There is a target for this very place already" in text_of(page)
    assert KEY.splitlines()[1] not in page.text


async def test_an_operator_says_whose_it_is(meet: Meet, world: World) -> None:
    """Without an account, or with one that is not there, it is told at that field."""
    visitor = await meet("operator")
    await visitor.get("/targets/new?kind=nginx_ssh")
    page = await visitor.send("/targets", **SSH, account_id="acct_none")
    assert re.search(r'id="fault-account_id">There is no such account', page.text)


async def test_a_target_tells_all_about_itself(meet: Meet, world: World) -> None:
    """Settings, endpoints, what it serves, its last deployments and the last check; never its credentials."""
    certificate, target, _ = await served(world, target=await add(world, "nginx_ssh"))
    async with world.storage.begin() as tables:
        await tables.targets.saw(target["id"], [look(None)], world.clock())
    world.clock.advance(minutes=5)
    page = await (await meet()).get(f"/targets/{target['id']}")
    text = text_of(page)
    assert "/etc/nginx/certloom/www" in text
    assert HOST_KEY in text
    assert "Issuance 1 of www.example.com was proven last" in text
    assert f"/certificates/{certificate['id']}#deployments" in page.text
    assert "Unreachable" in text
    assert "The last check was 2026-11-23 12:00 UTC (5 minutes ago)" in text
    assert KEY.splitlines()[1] not in page.text


async def test_why_a_deployment_ended_is_told(meet: Meet, world: World) -> None:
    """With its state, newest first, also when another certificate was served since."""
    view, target = await world.issued(), await add(world, "nginx_ssh")
    (going,) = await deploy(world, view, target)
    await end(world, going["id"], why="Nobody answered.")
    text = text_of(await (await meet()).get(f"/targets/{target['id']}"))
    assert "Nobody answered." in text
    assert "Deployed" in text


async def test_nobody_sees_another_accounts_target(meet: Meet, world: World) -> None:
    """It does not exist for them, nor does one that is forgotten."""
    target = await add(world, "nginx_ssh")
    path = f"/targets/{target['id']}"
    assert (await (await meet("stranger")).get(path)).status_code == 404
    assert (await (await meet("operator")).get(path)).status_code == 200
    await world.call("DELETE", f"/v1{path}")
    assert (await (await meet()).get(path)).status_code == 404


async def test_a_viewer_reads_a_target(meet: Meet, world: World) -> None:
    """Without a form that does anything."""
    target = await add(world, "nginx_ssh")
    visitor = await meet("viewer")
    assert (await visitor.get(f"/targets/{target['id']}")).status_code == 200
    assert set(visitor.forms) == {"/session/end"}


async def test_a_target_is_tried(meet: Meet, world: World) -> None:
    """What was found is told on its page."""
    target = await add(world, "nginx_ssh")
    world.client.tried = Tried(
        findings=(Finding(what="address", works=False, detail="Nobody <answers> there."),), looks=(look(None),)
    )
    visitor = await meet()
    await visitor.get(f"/targets/{target['id']}")
    page = await visitor.send(f"/targets/{target['id']}/test")
    assert "It does not work yet" in text_of(page)
    assert "Nobody &lt;answers&gt; there." in page.text


async def test_a_target_is_forgotten(meet: Meet, world: World) -> None:
    """While a deployment is under way its page says so instead."""
    view, target = await world.issued(), await add(world, "nginx_ssh")
    other = await add(world, "alibaba_cdn", name="another one")
    await deploy(world, view, target)
    visitor = await meet()
    await visitor.get(f"/targets/{target['id']}")
    busy = await visitor.send(f"/targets/{target['id']}/delete")
    assert busy.status_code == 409
    assert "is under way; wait for its end" in text_of(busy)
    await visitor.get(f"/targets/{other['id']}")
    page = await visitor.send(f"/targets/{other['id']}/delete")
    assert "The target is forgotten" in text_of(page)
    assert "another one" not in text_of(page)


async def test_patience_is_kept(meet: Meet, world: World) -> None:
    """Seconds that were typed count; without any the kind's own do."""
    visitor = await meet()
    await visitor.get("/targets/new?kind=nginx_ssh")
    await visitor.send("/targets", **SSH, prove_within="90")
    (made,) = (await world.get("/v1/targets"))["items"]
    async with world.storage.read() as tables:
        record = await tables.targets.get(made["id"])
    assert record
    assert record.target.prove_within == timedelta(seconds=90)
