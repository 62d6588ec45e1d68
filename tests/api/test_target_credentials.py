"""New credentials for a target: the old ones are gone, all the rest stays."""

import json
from typing import Any

import pytest

from tests.api.places import ACCESS, add, served
from tests.api.world import JSON, World, assert_problem, ok

NEWER = {"access_key_id": "LTAI5tNewer", "access_key_secret": "newer-secret-of-the-cloud-30"}


async def secrets_of(world: World, target: JSON) -> dict[str, Any]:
    """Return what the service would drive it with."""
    ref = f"{target['id']}/credentials"
    async with world.storage.read() as tx:
        sealed = await tx.secrets.get(ref)
    assert sealed is not None
    found: dict[str, Any] = json.loads(world.services.sealer.unseal(sealed, identity=ref))
    return found


def path(target: JSON) -> str:
    return f"/v1/targets/{target['id']}/credentials"


async def test_they_are_replaced(world: World) -> None:
    """What was proven there stays, the answer holds no secret, and a repetition changes nothing more."""
    _, target, deployment = await served(world, "www.example.com", target=await add(world, "alibaba_cdn"))
    before = await world.get(target["links"]["self"])
    for _ in range(2):
        answer = await world.call("PUT", path(target), {"credentials": NEWER}, idempotency_key="k")
        assert ok(answer) == before
    assert NEWER["access_key_secret"] not in answer.text
    assert before["deployment"]["id"] == deployment["id"]
    assert await secrets_of(world, target) == NEWER


@pytest.mark.parametrize(
    ("credentials", "pointer", "code"),
    [
        (None, "/credentials", "credentials_missing"),
        ({**NEWER, "access_key_id": "a b"}, "/credentials/access_key_id", "string_pattern_mismatch"),
        ({"private_key": "x"}, "/credentials", "extra_forbidden"),
    ],
)
async def test_what_is_wrong_changes_nothing(world: World, credentials: Any, pointer: str, code: str) -> None:
    """The fault has its place, and the old ones stay."""
    target = await add(world, "alibaba_cdn")
    problem = assert_problem(await world.call("PUT", path(target), {"credentials": credentials}), 422, "invalid")
    assert (pointer, code) in [(one["pointer"], one["code"]) for one in problem["errors"]]
    assert await secrets_of(world, target) == ACCESS


@pytest.mark.parametrize("credentials", [None, {}, NEWER])
async def test_a_target_that_needs_none_takes_none(world: World, credentials: Any) -> None:
    """Its kind is driven without any."""
    target = await add(world)
    problem = assert_problem(await world.call("PUT", path(target), {"credentials": credentials}), 422, "invalid")
    assert [one["code"] for one in problem["errors"]] == ["credentials_needless"]


@pytest.mark.parametrize(("who", "status"), [("stranger", 404), ("viewer", 403)])
async def test_only_its_owner_changes_them(world: World, who: str, status: int) -> None:
    """Nobody else's key gets in."""
    target = await add(world, "alibaba_cdn")
    assert (await world.call("PUT", path(target), {"credentials": NEWER}, who=who)).status_code == status
    assert await secrets_of(world, target) == ACCESS


async def test_a_forgotten_target_gets_none(world: World) -> None:
    """No secret comes back to it."""
    target = await add(world, "alibaba_cdn")
    assert (await world.call("DELETE", target["links"]["self"])).status_code == 204
    assert_problem(await world.call("PUT", path(target), {"credentials": NEWER}), 404, "not_found")
    async with world.storage.read() as tx:
        assert await tx.secrets.get(f"{target['id']}/credentials") is None
