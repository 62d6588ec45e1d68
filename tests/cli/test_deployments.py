"""Putting certificates on targets, followed to the end at every endpoint."""

from certloom.domain.deployment import DeploymentState
from tests.api.places import add, end, served
from tests.api.world import JSON, World
from tests.cli.desk import Desk


async def begun(world: World, certificate: JSON) -> list[JSON]:
    """Return its deployments, in the order of their ids."""
    page = await world.get(f"/v1/certificates/{certificate['id']}/deployments")
    return sorted(page["items"], key=lambda one: str(one["id"]))


async def test_it_ends_when_every_endpoint_serves_it(desk: Desk, world: World) -> None:
    """Deploying tells each state, and exits with 0 once handshakes saw the leaf."""
    certificate, target = await world.issued(), await add(world, name="edge")
    running = await desk.start("deploy", "www.example.com", "edge")
    await running.until("edge: waiting")
    (deployment,) = await begun(world, certificate)
    await end(world, deployment["id"], seen=certificate["issuance"]["fingerprint_sha256"])
    done = await running.end()
    assert done.code == 0, done
    assert "✓ edge: deployed" in done.out
    assert "www.example.com:443 at 192.0.2.1 serves it" in done.out
    assert f"certloom rollback {deployment['id']}" in done.err
    assert target["id"] in [one["target_id"] for one in await begun(world, certificate)]


async def test_one_that_is_not_proven_ends_with_1(desk: Desk, world: World) -> None:
    """When one target of two is rolled back, both ends are told with why, and it exits with 1."""
    certificate = await world.issued()
    await add(world, name="good")
    await add(world, name="bad")
    running = await desk.start("deploy", certificate["id"], "good", "bad")
    await running.until("0 of 2 deployments ended")
    good, bad = await begun(world, certificate)
    await end(world, good["id"], seen=certificate["issuance"]["fingerprint_sha256"])
    await end(world, bad["id"], DeploymentState.ROLLED_BACK, seen=None, why="Nobody answers at www.example.com:443.")
    done = await running.end()
    assert done.code == 1
    assert "✓ good: deployed" in done.out
    assert "✗ bad: rolled back" in done.out
    assert "why        Nobody answers at www.example.com:443." in done.out
    assert "www.example.com:443 at 192.0.2.1 cannot be reached: Nobody answers." in done.out
    assert "certloom: 1 of 2 not deployed." in done.err


async def test_it_can_be_put_back(desk: Desk, world: World) -> None:
    """A rollback is followed like a deployment."""
    certificate, _, first = await served(world)
    running = await desk.start("rollback", first["id"])
    await running.until("a haproxy_tcp: waiting")
    second = next(one for one in await begun(world, certificate) if one["id"] != first["id"])
    await end(world, second["id"], seen="ee" * 32)
    done = await running.end()
    assert (done.code, "✓ a haproxy_tcp: deployed" in done.out) == (0, True), done


async def test_a_target_that_cannot_take_it_is_named(desk: Desk, world: World) -> None:
    """A target for other names is refused with its number on the command line."""
    certificate = await world.issued("single", "mail.example.com")
    await add(world, name="edge")
    done = await desk.run("deploy", certificate["id"], "edge")
    assert (done.code, "\n  targets 1: The endpoint www.example.com:443" in done.err) == (1, True)


async def test_status_tells_where_it_is_deployed(desk: Desk, world: World) -> None:
    """A certificate's status names every target with what was proven there."""
    certificate, target, _ = await served(world)
    shown = await desk.ok("status", certificate["id"])
    assert f"target       {target['id']}: number 1 was proven there" in shown.out
