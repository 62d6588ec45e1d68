"""Putting issuances on targets, and following how it goes."""

from typing import Any

import pytest

from certloom.domain import fact as f
from certloom.domain.deployment import DeploymentState, DriftProblem
from certloom.domain.errors import OutcomeUnknown
from tests.api.places import add, deploy, end, report, row, served
from tests.api.world import JSON, World, assert_problem, ok
from tests.lives import NOW

FIELDS = {
    "id", "certificate_id", "target_id", "target_name", "kind", "issuance", "fingerprint_sha256", "trigger", "actor",
    "state", "current", "started_at", "updated_at", "ended_at", "why", "seen", "served_before", "restores", "links",
}  # fmt: skip


def path(view: JSON) -> str:
    return f"/v1/certificates/{view['id']}/deployments"


async def refused(
    world: World, certificate: JSON, targets: Any, status: int, code: str, *, who: str = "member"
) -> JSON:
    answer = await world.call("POST", path(certificate), {"targets": targets}, who=who)
    return assert_problem(answer, status, code)


async def test_a_deployment_begins_on_each_target(world: World) -> None:
    """One deployment per target, in the order asked for, each waiting for its turn."""
    certificate = await world.issued()
    targets = [await add(world), await add(world, "alibaba_cdn")]
    items = await deploy(world, certificate, *targets)
    assert [set(item) for item in items] == [FIELDS, FIELDS]
    assert [item["target_id"] for item in items] == [target["id"] for target in targets]
    assert [item["target_name"] for item in items] == ["a haproxy_tcp", "a alibaba_cdn"]
    first = items[0]
    assert (first["state"], first["trigger"], first["actor"]) == ("waiting", "request", "keymember")
    assert (first["issuance"], first["current"], first["ended_at"], first["seen"]) == (1, False, None, [])
    assert first["fingerprint_sha256"] == certificate["issuance"]["fingerprint_sha256"]
    assert first["links"] == {
        "self": f"/v1/deployments/{first['id']}",
        "certificate": f"/v1/certificates/{certificate['id']}",
        "target": f"/v1/targets/{targets[0]['id']}",
    }
    state = await world.client.row(certificate["id"])
    assert set(state.deploying) == {item["id"] for item in items}


async def test_a_host_kind_goes_to_its_host(world: World) -> None:
    """The certificate remembers which machine's worker drives the target."""
    certificate = await world.issued()
    await deploy(world, certificate, await add(world, "nginx", who="operator"))
    assert [one.host for one in (await world.client.row(certificate["id"])).placements] == ["edge-1"]


async def test_the_same_key_deploys_once(world: World) -> None:
    """A repetition shows the same deployments, also after a lost answer and when the target is gone since."""
    certificate, target = await world.issued(), await add(world)
    world.client.lost_answers = True
    body = {"targets": [target["id"]]}
    lost = await world.call("POST", path(certificate), body, idempotency_key="k")
    assert_problem(lost, 503, "outcome_unknown")
    world.client.lost_answers = False
    (begun,) = (await world.get(path(certificate)))["items"]
    await end(world, begun["id"], DeploymentState.ROLLED_BACK)
    assert (await world.call("DELETE", target["links"]["self"])).status_code == 204
    (again,) = await deploy(world, certificate, target, idempotency_key="k")
    assert (again["id"], again["state"]) == (begun["id"], "rolled_back")
    assert len((await world.get(path(certificate)))["items"]) == 1


async def test_what_has_ended_is_in_no_way(world: World) -> None:
    """Who saw a deployment end may begin the next at once, though the certificate hears of that end only now."""
    certificate, target = await world.issued(), await add(world)
    (first,) = await deploy(world, certificate, target)
    await end(world, first["id"], DeploymentState.ROLLED_BACK, tell=False)

    async def hear() -> None:
        world.client.after_refusal = None
        await world.client.tell(report(await row(world, first["id"])))

    world.client.after_refusal = hear
    (second,) = await deploy(world, certificate, target)
    assert second["state"] == "waiting"
    assert world.client.after_refusal is None


async def test_a_repetition_that_began_nothing_begins(world: World) -> None:
    """When nobody took the command the first time, the second is checked and sent like a new one."""
    certificate, target = await world.issued(), await add(world)
    world.client.silent = True
    body = {"targets": [target["id"]]}
    assert_problem(await world.call("POST", path(certificate), body, idempotency_key="k"), 503, "outcome_unknown")
    world.client.silent = False
    assert len(await deploy(world, certificate, target, idempotency_key="k")) == 1


async def test_an_accepted_command_shows_what_will_be(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the row is not written within 10 s, the deployments are shown as they will begin, and asked about again."""
    certificate, target = await world.issued(), await add(world)

    async def send(*_: object) -> Any:
        world.client.slow = True
        return world.client._answer(await world.client.row(certificate["id"]))

    with monkeypatch.context() as patch:
        patch.setattr(world.client, "send", send)
        (item,) = await deploy(world, certificate, target, idempotency_key="k")
    assert (item["state"], item["issuance"], item["trigger"]) == ("waiting", 1, "request")
    assert item["id"].startswith("dep_")
    world.client.slow = False
    (again,) = await deploy(world, certificate, target, idempotency_key="k")
    assert again["id"] == item["id"]
    assert (await world.get(f"/v1/deployments/{item['id']}"))["id"] == item["id"]


async def test_a_target_takes_one_deployment_of_a_certificate_at_a_time(world: World) -> None:
    """The second is told to wait, until the first has ended."""
    certificate, target = await world.issued(), await add(world)
    (first,) = await deploy(world, certificate, target)
    found = await refused(world, certificate, [target["id"]], 409, "deployment_under_way")
    assert first["id"] in found["detail"]
    await end(world, first["id"])
    await deploy(world, certificate, target)


async def test_members_deploy(world: World) -> None:
    """Neither viewers nor operators decide where a certificate is served, and strangers see none."""
    certificate, target = await world.issued(), await add(world)
    for who in ("viewer", "operator"):
        await refused(world, certificate, [target["id"]], 403, "forbidden", who=who)
    await refused(world, certificate, [target["id"]], 404, "not_found", who="stranger")
    shown = await world.call("GET", f"/v1/certificates/{certificate['id']}/deployments")
    assert shown.json()["items"] == []


async def test_a_change_can_be_bound_to_a_version(world: World) -> None:
    """If-Match holds for deployments as for everything asked of a certificate."""
    certificate, target = await world.issued(), await add(world)
    body = {"targets": [target["id"]]}
    stale = await world.call("POST", path(certificate), body, if_match='"1"')
    assert_problem(stale, 412, "precondition_failed")
    ok(await world.call("POST", path(certificate), body, if_match=f'"{certificate["version"]}"'))


async def test_a_proven_deployment_is_current(world: World) -> None:
    """What was seen is compared with the leaf, before and after; certificate and target say where it is served."""
    certificate, target, view = await served(world)
    assert (view["state"], view["current"], view["why"]) == ("deployed", True, None)
    assert view["ended_at"] is not None
    assert [(one["fingerprint_sha256"], one["matches"]) for one in view["served_before"]] == [("ee" * 32, False)]
    assert [(one["sight"], one["matches"]) for one in view["seen"]] == [("served", True)]
    assert set(view["seen"][0]) == {"endpoint", "address", "sight", "fingerprint_sha256", "detail", "matches"}
    assert view["links"]["rollback"] == f"/v1/deployments/{view['id']}/rollback"
    shown = await world.get(f"/v1/certificates/{certificate['id']}")
    assert shown["deployments_count"] == 1
    assert shown["placements"] == [
        {
            "target_id": target["id"], "proven": 1, "deployment_id": None, "retry_at": None, "last_error": None,
            "drifted_at": None,
        }
    ]  # fmt: skip
    assert shown["links"]["deployments"] == path(certificate)


async def test_a_failed_first_deployment_leaves_no_placement(world: World) -> None:
    """It says what was seen, is not current, and the certificate is not looked after there."""
    certificate, target = await world.issued(), await add(world)
    (begun,) = await deploy(world, certificate, target)
    assert (await world.get(f"/v1/certificates/{certificate['id']}"))["deployments_count"] == 0
    view = await end(world, begun["id"], DeploymentState.ROLLED_BACK, seen="ee" * 32, why="www served another one.")
    assert (view["state"], view["current"], view["why"]) == ("rolled_back", False, "www served another one.")
    assert "rollback" not in view["links"]
    assert (await world.get(f"/v1/certificates/{certificate['id']}"))["placements"] == []


async def test_trouble_at_a_target_is_shown_with_the_certificate(world: World) -> None:
    """Drift, the next try and the last error are in the view, and what is waited for is the deployment."""
    certificate, target, _ = await served(world)
    drift = f.DriftSeen(at=NOW, target_id=target["id"], problem=DriftProblem.WRONG, detail="www served another.")
    await world.client.happen(certificate["id"], drift)
    (begun,) = await deploy(world, certificate, target)
    await end(world, begun["id"], DeploymentState.FAILED, why="No answer.")
    view = await world.get(f"/v1/certificates/{certificate['id']}")
    (placement,) = view["placements"]
    assert (placement["drifted_at"], placement["last_error"]) == ("2026-11-23T12:00:00Z", "No answer.")
    assert view["next_wake"] == {"at": placement["retry_at"], "why": "deployment"}


async def test_a_newer_deployment_takes_the_place(world: World) -> None:
    """Of two certificates on one target only the last proven one is current."""
    _, target, first = await served(world)
    _, _, second = await served(world, target=target)
    assert second["current"] is True
    assert (await world.get(first["links"]["self"]))["current"] is False


async def test_deployments_are_listed_newest_first(world: World) -> None:
    """A certificate's own only, page by page."""
    certificate, target = await world.issued(), await add(world)
    await served(world)
    begun = []
    for _ in range(3):
        world.clock.advance(seconds=1)
        (item,) = await deploy(world, certificate, target)
        await end(world, item["id"])
        begun.append(item["id"])
    first = await world.get(f"{path(certificate)}?limit=2", who="viewer")
    second = await world.get(f"{path(certificate)}?limit=2&cursor={first['next_cursor']}")
    assert [one["id"] for page in (first, second) for one in page["items"]] == begun[::-1]
    assert second["next_cursor"] is None
    assert_problem(await world.call("GET", f"{path(certificate)}?cursor=nonsense"), 422, "invalid")
    assert_problem(await world.call("GET", path(certificate), who="stranger"), 404, "not_found")


async def test_a_tag_makes_polling_cheap(world: World) -> None:
    """304 while nothing changed; each step of the deployment is news."""
    certificate, target = await world.issued(), await add(world)
    (begun,) = await deploy(world, certificate, target)
    first = await world.call("GET", begun["links"]["self"])
    assert "private" in first.headers["cache-control"]
    same = await world.call("GET", begun["links"]["self"], if_none_match=first.headers["etag"])
    assert (same.status_code, same.content) == (304, b"")
    async with world.storage.begin() as tx:
        await tx.deployments.progress(begun["id"], DeploymentState.ROLLING_BACK, at=world.clock(), why="not yet")
    news = await world.call("GET", begun["links"]["self"], if_none_match=first.headers["etag"])
    assert (news.status_code, news.json()["state"], news.json()["why"]) == (200, "rolling_back", "not yet")


async def test_unknown_and_foreign_deployments_look_the_same(world: World) -> None:
    """Nobody learns that another account deploys; an operator sees all, and the way to Temporal."""
    _, _, view = await served(world)
    unknown = assert_problem(await world.call("GET", "/v1/deployments/dep_nobody"), 404, "not_found")
    foreign = await world.call("GET", view["links"]["self"], who="stranger")
    assert assert_problem(foreign, 404, "not_found") == unknown
    for name in ("%00", "..%2Fcertificates", "dep_%"):
        assert_problem(await world.call("GET", f"/v1/deployments/{name}"), 404, "not_found")
    links = (await world.get(view["links"]["self"], who="operator"))["links"]
    assert links["temporal_ui"].endswith(f"/workflows/deployment-{view['id']}")
    assert "rollback" not in links
    assert "temporal_ui" not in view["links"]


async def test_an_old_deployment_still_names_its_deleted_target(world: World) -> None:
    """What happened stays readable; the link to the target is gone, and it is not current."""
    _, target, view = await served(world)
    assert (await world.call("DELETE", target["links"]["self"])).status_code == 204
    old = await world.get(view["links"]["self"])
    assert (old["target_name"], old["current"]) == (target["name"], False)
    assert not {"target", "rollback"} & set(old["links"])


async def test_an_outage_begins_nothing(world: World) -> None:
    """503 with what to do, and no deployment in the list."""
    certificate, target = await world.issued(), await add(world)
    world.client.broken = OutcomeUnknown("No answer came in time; the same request may be sent again.")
    answer = await world.call("POST", path(certificate), {"targets": [target["id"]]})
    assert assert_problem(answer, 503, "outcome_unknown")["outcome"] == "unknown"
    world.client.broken = None
    assert (await world.get(path(certificate)))["items"] == []
