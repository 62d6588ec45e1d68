"""Changing how a DNS zone is written: another key, server or vendor under the same id."""

import json
from typing import Any

import pytest

from tests.api.test_zones import FORMS, SECRET, TOKEN, add
from tests.api.world import World, assert_problem, ok

OTHER_SECRET = "b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXItb3Q="


def access(kind: str = "rfc2136", **changes: Any) -> dict[str, Any]:
    """What PUT takes: a zone's form without its name."""
    return {**FORMS[kind], **changes}


async def secrets_of(world: World, view: dict[str, Any]) -> dict[str, Any]:
    """Return what the service would write with."""
    async with world.storage.read() as tx:
        sealed = await tx.secrets.get(f"{view['id']}/credentials")
    assert sealed is not None
    found: dict[str, Any] = json.loads(world.services.sealer.unseal(sealed, identity=f"{view['id']}/credentials"))
    return found


async def test_a_zone_is_written_another_way(world: World) -> None:
    """Settings and credentials are replaced together, under the same id; a repetition changes nothing more."""
    view = await add(world)
    settings = {"server": "ns2.example.net", "key_name": "newer-key", "algorithm": "hmac-sha512"}
    body = access(settings=settings, credentials={"secret": OTHER_SECRET})
    for _ in range(2):
        changed = ok(await world.call("PUT", view["links"]["self"], body, idempotency_key="k"))
    assert changed == {**view, "settings": {"port": 53, **settings}}
    assert await world.get(view["links"]["self"]) == changed
    assert (await secrets_of(world, view))["secret"] == OTHER_SECRET


async def test_a_zone_moves_to_a_vendor(world: World) -> None:
    """Who writes it may be another one; what was published there is still known by the zone's id."""
    view = await add(world)
    changed = ok(await world.call("PUT", view["links"]["self"], access("lexicon")))
    assert (changed["id"], changed["kind"], changed["settings"]) == (view["id"], "lexicon", {"provider": "cloudflare"})
    assert (await secrets_of(world, view))["options"] == {"auth_token": TOKEN}


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        (access(credentials=None), "/credentials", "credentials_missing"),
        (access(settings={"server": "a b", "key_name": "k"}), "/settings/server", "value_error"),
        (access("manual"), "/kind", "kind_fixed"),
        ({**access(), "zone": "other.example.com"}, "/zone", "extra_forbidden"),
    ],
)
async def test_what_is_wrong_changes_nothing(world: World, body: dict[str, Any], pointer: str, code: str) -> None:
    """Each fault is told in its place; the credentials are never taken over, since they go where the settings lead."""
    view = await add(world)
    problem = assert_problem(await world.call("PUT", view["links"]["self"], body), 422, "invalid")
    assert [(one["pointer"], one["code"]) for one in problem["errors"]] == [(pointer, code)]
    assert await world.get(view["links"]["self"]) == view
    assert (await secrets_of(world, view))["secret"] == SECRET


async def test_a_manual_zone_does_not_become_one_of_ours(world: World) -> None:
    """It says that nobody writes there."""
    view = await add(world, "manual")
    problem = assert_problem(await world.call("PUT", view["links"]["self"], access()), 422, "invalid")
    assert [one["code"] for one in problem["errors"]] == ["kind_fixed"]


@pytest.mark.parametrize(("who", "status"), [("stranger", 404), ("viewer", 403)])
async def test_only_its_owner_changes_a_zone(world: World, who: str, status: int) -> None:
    """Nobody else's key gets in."""
    view = await add(world)
    answer = await world.call("PUT", view["links"]["self"], access(credentials={"secret": OTHER_SECRET}), who=who)
    assert answer.status_code == status
    assert (await secrets_of(world, view))["secret"] == SECRET


async def test_a_forgotten_zone_is_not_changed(world: World) -> None:
    """No secret comes back to it."""
    view = await add(world)
    assert (await world.call("DELETE", view["links"]["self"])).status_code == 204
    assert_problem(await world.call("PUT", view["links"]["self"], access()), 404, "not_found")
    async with world.storage.read() as tx:
        assert await tx.secrets.get(f"{view['id']}/credentials") is None
