"""Forgetting targets: what is destroyed, who is told, and what the next attempt does after a crash."""

from typing import Any

import pytest

from tests.api.places import add, deploy, end, report, row, served
from tests.api.world import JSON, World, assert_problem, fresh


async def placements(world: World, certificate: JSON) -> tuple[str, ...]:
    return tuple(one.target_id for one in (await world.client.row(certificate["id"])).placements)


async def test_a_deleted_target_is_gone(world: World) -> None:
    """204 again and again, its secrets destroyed; it is neither shown nor listed nor tried."""
    target = await add(world, "nginx_ssh")
    path = target["links"]["self"]
    for _ in range(2):
        answer = await world.call("DELETE", path)
        assert (answer.status_code, answer.content) == (204, b"")
    for method, where in (("GET", path), ("POST", f"{path}/test")):
        assert_problem(await world.call(method, where), 404, "not_found")
    assert (await world.get("/v1/targets"))["items"] == []
    async with world.storage.read() as tx:
        assert await tx.secrets.count_owned(target["id"]) == 0


async def test_the_certificate_lets_go_of_a_deleted_target(world: World) -> None:
    """Who was served there looks after it no more, and says so in its timeline; other targets stay."""
    certificate, target, _ = await served(world)
    other = await add(world)
    (begun,) = await deploy(world, certificate, other)
    await end(world, begun["id"])
    assert (await world.call("DELETE", target["links"]["self"], who="operator")).status_code == 204
    assert await placements(world, certificate) == (other["id"],)
    event = (await world.get(f"/v1/certificates/{certificate['id']}/events"))["items"][0]
    assert (event["what"], event["who"]) == ("detached", "keyoperator")


async def test_a_target_is_not_deleted_under_a_deployment(world: World) -> None:
    """409 names the deployment, nothing changes, and after its end it goes."""
    certificate, target = await world.issued(), await add(world, "alibaba_cdn")
    (begun,) = await deploy(world, certificate, target)
    answer = await world.call("DELETE", target["links"]["self"])
    assert begun["id"] in assert_problem(answer, 409, "deployment_under_way")["detail"]
    assert (await world.get(target["links"]["self"]))["has_credentials"] is True
    await end(world, begun["id"])
    assert (await world.call("DELETE", target["links"]["self"])).status_code == 204


async def test_a_deletion_that_died_half_way_is_finished_by_the_next(world: World) -> None:
    """Marked, its secrets gone, nobody told: the same request again tells the certificate."""
    certificate, target, _ = await served(world)
    world.client.silent = True
    path = target["links"]["self"]
    assert_problem(await world.call("DELETE", path, idempotency_key=fresh()), 503, "outcome_unknown")
    assert_problem(await world.call("GET", path), 404, "not_found")
    assert await placements(world, certificate) == (target["id"],)
    world.client.silent = False
    assert (await world.call("DELETE", path)).status_code == 204
    assert await placements(world, certificate) == ()


async def test_a_certificate_that_has_yet_to_hear_of_an_end_is_told_after_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows say that the deployment ended, its workflow does not know yet: the deletion waits for that."""
    certificate, target = await world.issued(), await add(world)
    (begun,) = await deploy(world, certificate, target)
    await end(world, begun["id"], tell=False)
    refusals, send = [], world.client.send

    async def late(certificate_id: str, command: Any) -> Any:
        try:
            return await send(certificate_id, command)
        except Exception as error:
            refusals.append(error)
            record = await row(world, begun["id"])
            await world.client.tell(report(record))
            raise

    monkeypatch.setattr(world.client, "send", late)
    assert (await world.call("DELETE", target["links"]["self"])).status_code == 204
    assert len(refusals) == 1
    assert await placements(world, certificate) == ()


async def test_a_lost_workflow_is_an_outage(world: World) -> None:
    """A certificate without a workflow is told when it runs again: the same request may be sent then."""
    certificate, target, _ = await served(world)
    world.client.gone.add(certificate["id"])
    assert_problem(await world.call("DELETE", target["links"]["self"]), 503, "outage")
    world.client.gone.clear()
    assert (await world.call("DELETE", target["links"]["self"])).status_code == 204


async def test_a_deleted_certificate_holds_no_target_up(world: World) -> None:
    """Tombstones are not told anything."""
    certificate, target, _ = await served(world)
    path = f"/v1/certificates/{certificate['id']}?forfeit_refund=true"
    assert (await world.call("DELETE", path)).status_code == 204
    assert (await world.call("DELETE", target["links"]["self"])).status_code == 204
