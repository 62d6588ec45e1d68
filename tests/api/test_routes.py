"""Rules that hold for every route there is, and for those that will come."""

import re
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from api.app import RESOURCES, create_app
from api.roles import ACTING
from certloom.domain.certificate import Action
from tests.api.places import served
from tests.api.world import World

PUBLIC = {
    "/", "/docs", "/openapi.json", "/healthz", "/readyz", "/pki/{issuer}.{kind}",
}  # fmt: skip
PREFLIGHT = {("OPTIONS", "/codec/encode"), ("OPTIONS", "/codec/decode")}
BODY = {"POST", "PATCH"}


def routes(app: FastAPI) -> Iterator[tuple[str, str]]:
    for context in iter_route_contexts(app.routes):
        for method in context.methods or ():
            yield method, str(context.path)


def closed(world: World) -> list[tuple[str, str]]:
    found = [one for one in routes(create_app(world.services)) if one[1] not in PUBLIC and one not in PREFLIGHT]
    assert len(found) >= 38
    return sorted(found)


async def test_every_route_but_the_public_ones_needs_a_key(world: World) -> None:
    """Without a key every route answers 401, before it looks at anything."""
    world.services.throttle.fail = lambda *_: 0.0  # type: ignore[method-assign]
    for method, path in closed(world):
        answer = await world.call(method, re.sub(r"\{\w+\}", "x", path), {} if method in BODY else None, who=None)
        assert answer.status_code == 401, (method, path, answer.text)


async def test_no_route_shows_another_account(world: World) -> None:
    """With a stranger's key every route of a certificate answers as if it did not exist."""
    view = await world.issued()
    routes_of_one = [one for one in closed(world) if "{certificate_id}" in one[1]]
    assert len(routes_of_one) >= 16
    bodies = {
        "application": {"names": ["www.example.com"], "validation": "dns-01", "key": {}},
        "review": {"application_id": view["application"]["id"], "decision": "approve", "note": "x"},
        "replacement": {"reason": "superseded", "key": {}},
        "revocation": {"reason": "superseded"},
        "download": {"format": "nginx"},
        "deployments": {"targets": ["tgt_1"]},
    }
    for method, path in routes_of_one:
        last = path.rpartition("/")[2]
        body = bodies.get(last, {"label": "x"} if method == "PATCH" else None) if method in BODY else None
        answer = await world.call(method, path.replace("{certificate_id}", view["id"]), body, who="stranger")
        assert answer.status_code == (403 if last == "review" else 404), (method, path, answer.text)
    assert (await world.client.row(view["id"])).version == view["version"]


async def test_no_route_shows_another_accounts_target_or_deployment(world: World) -> None:
    """With a stranger's key their routes answer as if they did not exist, and nothing changes."""
    certificate, target, deployment = await served(world)
    before = await world.client.row(certificate["id"])
    ids = {"target_id": target["id"], "deployment_id": deployment["id"]}
    theirs = [one for one in closed(world) if re.search(r"\{(target|deployment)_id\}", one[1])]
    assert len(theirs) >= 5
    for method, path in theirs:
        answer = await world.call(method, path.format(**ids), {} if method == "PUT" else None, who="stranger")
        assert answer.status_code == 404, (method, path, answer.text)
    assert await world.get(deployment["links"]["self"]) == deployment
    assert await world.client.row(certificate["id"]) == before


async def test_a_viewer_changes_nothing(world: World) -> None:
    """With a viewer's key every route that changes something answers 403 or refuses the form."""
    view = await world.issued()
    for method, path in closed(world):
        if method in ("GET", "HEAD"):
            continue
        address = re.sub(r"\{\w+\}", "x", path.replace("{certificate_id}", view["id"]))
        answer = await world.call(method, address, {} if method in BODY else None, who="viewer")
        assert answer.status_code in (403, 422), (method, path, answer.text)
    assert (await world.client.row(view["id"])).version == view["version"]


def test_every_action_has_its_roles() -> None:
    """The table of roles is total."""
    assert set(ACTING) == set(Action)


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda module: module.__name__)
def test_resources_explain_themselves(resource: object) -> None:
    """Every resource's module says which calls it answers."""
    assert resource.__doc__
