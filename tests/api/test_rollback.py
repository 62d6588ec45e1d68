"""Putting back what a target held before."""

from typing import Any

import pytest

from certloom.domain.deployment import DeploymentState
from certloom.domain.issuance import IssuanceState
from tests.api.places import add, deploy, end, row, served
from tests.api.world import JSON, World, assert_problem, ok


async def back(world: World, deployment: JSON, *, who: str = "member", **headers: str) -> Any:
    return await world.call("POST", f"/v1/deployments/{deployment['id']}/rollback", who=who, **headers)


async def renewed(world: World) -> tuple[JSON, JSON, JSON]:
    """Return a certificate whose second issuance took the place of the first, its target, and that deployment."""
    certificate, target, first = await served(world)
    path = f"/v1/certificates/{certificate['id']}"
    ok(await world.call("POST", f"{path}/renewal"))
    await world.client.prepare(certificate["id"])
    await world.client.prove(certificate["id"])
    await world.client.issue(certificate["id"])
    (begun,) = await deploy(world, certificate, target)
    second = await end(world, begun["id"], before=first["fingerprint_sha256"])
    return await world.get(path), target, second


async def test_the_issuance_before_is_put_back(world: World) -> None:
    """A new deployment of the older issuance begins, and names what it restores."""
    _, target, second = await renewed(world)
    answer = await back(world, second)
    view = ok(answer)
    assert answer.status_code == 202
    assert (view["issuance"], view["trigger"], view["restores"]) == (1, "rollback", second["id"])
    assert (view["state"], view["target_id"]) == ("waiting", target["id"])
    assert view["fingerprint_sha256"] == second["served_before"][0]["fingerprint_sha256"]
    restored = await end(world, view["id"], before=second["fingerprint_sha256"], seen=view["fingerprint_sha256"])
    assert restored["current"] is True
    assert (await world.get(second["links"]["self"]))["current"] is False


async def test_what_came_from_elsewhere_is_put_back(world: World) -> None:
    """Then there is no issuance of ours, the leaf is the one from before, and afterwards we look after it no more."""
    certificate, _, view = await served(world)
    begun = ok(await back(world, view))
    assert (begun["issuance"], begun["fingerprint_sha256"]) == (None, "ee" * 32)
    ended = await end(world, begun["id"], before=view["fingerprint_sha256"], seen="ee" * 32)
    assert (ended["current"], [one["matches"] for one in ended["seen"]]) == (False, [True])
    assert (await world.get(f"/v1/certificates/{certificate['id']}"))["placements"] == []


async def test_the_same_key_rolls_back_once(world: World) -> None:
    """A repetition shows the same deployment, also when the one that was undone is not current any more."""
    _, _, view = await served(world)
    world.client.lost_answers = True
    assert_problem(await back(world, view, idempotency_key="k"), 503, "outcome_unknown")
    world.client.lost_answers = False
    state = await world.client.row(view["certificate_id"])
    await end(world, state.deploying[0], before=view["fingerprint_sha256"])
    again = ok(await back(world, view, idempotency_key="k"))
    assert (again["id"], again["state"]) == (state.deploying[0], "deployed")


async def test_an_accepted_rollback_shows_what_will_be(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the row is not written within 10 s, the deployment is shown as it will begin."""
    _, _, view = await served(world)

    async def send(*_: object) -> Any:
        world.client.slow = True
        return world.client._answer(await world.client.row(view["certificate_id"]))

    monkeypatch.setattr(world.client, "send", send)
    coming = ok(await back(world, view))
    assert (coming["state"], coming["restores"], coming["trigger"]) == ("waiting", view["id"], "rollback")


@pytest.mark.parametrize("outcome", [DeploymentState.ROLLED_BACK, DeploymentState.FAILED, DeploymentState.SUPERSEDED])
async def test_only_what_was_proven_can_be_rolled_back(world: World, outcome: DeploymentState) -> None:
    """Neither what is under way nor what ended otherwise."""
    certificate, target = await world.issued(), await add(world)
    (begun,) = await deploy(world, certificate, target)
    assert_problem(await back(world, begun), 409, "not_current")
    await end(world, begun["id"], outcome)
    found = assert_problem(await back(world, begun), 409, "not_current")
    assert found["current"] == "issued"


async def test_only_the_last_one_can_be_rolled_back(world: World) -> None:
    """What is served there now is named."""
    _, target, first = await served(world)
    _, _, second = await served(world, target=target)
    assert second["id"] in assert_problem(await back(world, first), 409, "not_current")["detail"]


async def test_nothing_is_rolled_back_while_another_deployment_runs(world: World) -> None:
    """Another certificate on its way to the same target is waited for."""
    _, target, first = await served(world)
    await deploy(world, await world.issued(), target)
    assert_problem(await back(world, first), 409, "deployment_under_way")


async def test_a_deleted_target_is_not_rolled_back(world: World) -> None:
    """It is not looked after any more."""
    _, target, view = await served(world)
    await world.call("DELETE", target["links"]["self"])
    assert_problem(await back(world, view), 409, "not_current")


async def test_the_same_leaf_is_nothing_to_go_back_to(world: World) -> None:
    """What was deployed twice has nothing else before it."""
    certificate, target, first = await served(world)
    (begun,) = await deploy(world, certificate, target)
    again = await end(world, begun["id"], before=first["fingerprint_sha256"])
    assert_problem(await back(world, again), 409, "nothing_to_restore")


async def test_a_revoked_issuance_is_not_put_back(world: World) -> None:
    """Also when it is the own one from before."""
    certificate, _, second = await renewed(world)
    async with world.storage.begin() as tx:
        await tx.issuances.mark(certificate["id"], {1: IssuanceState.REVOKED})
    assert_problem(await back(world, second), 409, "nothing_to_restore")


async def test_a_revoked_leaf_of_another_certificate_is_not_put_back(world: World) -> None:
    """A certificate that was displaced and revoked since does not come back by the back door."""
    _, target, first = await served(world)
    certificate = await world.issued()
    (begun,) = await deploy(world, certificate, target)
    record = await row(world, first["id"])
    assert record.number is not None
    async with world.storage.begin() as tx:
        old = await tx.issuances.get(record.certificate_id, record.number)
        assert old is not None
        odd = old.issuance.model_copy(update={"number": 9, "fingerprint_sha256": "dd" * 32})
        await tx.issuances.add(old.model_copy(update={"issuance": odd}))
        past = record.model_copy(update={"id": "dep_past", "number": 9})
        await tx.deployments.add(past)
        await tx.issuances.mark(record.certificate_id, {9: IssuanceState.REVOKED})
    view = await end(world, begun["id"], before="dd" * 32)
    assert_problem(await back(world, view), 409, "nothing_to_restore")


async def test_rolling_back_is_the_members(world: World) -> None:
    """Viewers and operators do not; for strangers there is nothing."""
    _, _, view = await served(world)
    for who in ("viewer", "operator"):
        assert_problem(await back(world, view, who=who), 403, "forbidden")
    assert_problem(await back(world, view, who="stranger"), 404, "not_found")
    assert_problem(await back(world, {"id": "dep_no"}), 404, "not_found")
    assert_problem(await back(world, {"id": "%00"}), 404, "not_found")
