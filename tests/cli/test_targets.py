"""Targets: described in a file, tried, and forgotten after a question."""

import json

from certloom.domain.look import Finding, Tried
from tests.api.places import KEY, add, form, look
from tests.api.test_target_credentials import NEWER, secrets_of
from tests.api.world import World
from tests.cli.desk import Desk


async def test_a_target_is_added_from_a_file(desk: Desk) -> None:
    """A file as in docs/targets.md makes a target, whose credentials are not shown again."""
    (desk.home / "target.json").write_text(json.dumps(form("nginx_ssh", name="edge")))
    done = await desk.ok("targets", "create", "--file", "target.json")
    assert "name         edge" in done.out
    assert "credentials  kept sealed" in done.out
    assert KEY.splitlines()[1] not in done.out + done.err
    assert "Next: certloom targets test tgt_" in done.err
    listed = await desk.ok("targets", "list")
    assert "edge" in listed.out


async def test_a_bad_file_is_told_field_by_field(desk: Desk) -> None:
    """A field that the service does not take has its line; a file that is no JSON never leaves."""
    (desk.home / "target.json").write_text(json.dumps(form(settings={"address": "a b", "port": 0})))
    done = await desk.run("targets", "create", "--file", "target.json")
    assert done.code == 1
    assert "\n  settings address: " in done.err
    assert "\n  settings port: " in done.err
    (desk.home / "target.json").write_text('{"name": "edge",')
    done = await desk.run("targets", "create", "--file", "target.json")
    assert (done.code, "target.json is not JSON" in done.err) == (2, True)


async def test_a_trial_tells_what_is_missing(desk: Desk, world: World) -> None:
    """Every finding has its line, and it exits with 1 while something is missing."""
    target = await add(world, name="edge")
    works = Finding(what="address", works=True, detail="It answers.")
    world.client.tried = Tried(findings=(works,), looks=(look("ab" * 32),))
    done = await desk.ok("targets", "test", "edge")
    assert "✓ address" in done.out
    assert "serves a certificate" in done.out
    broken = Finding(what="crt_list", works=False, detail="There is no such list.")
    world.client.tried = Tried(findings=(works, broken), looks=(look(None),))
    done = await desk.run("targets", "test", target["id"])
    assert (done.code, "It does not work yet." in done.err) == (1, True)
    assert "✗ crt list" in done.out
    assert "cannot be reached: Nobody answers." in done.out


async def test_forgetting_a_target_is_asked_first(desk: Desk, world: World) -> None:
    """A no keeps it; a yes forgets it."""
    await add(world, name="edge")
    kept = await desk.typed("targets", "delete", "edge", answers=[("Forget it?", "n\n")])
    assert kept.code == 1
    gone = await desk.typed("targets", "delete", "edge", answers=[("Forget it?", "y\n")])
    assert (gone.code, "edge is forgotten." in gone.told) == (0, True)
    assert "There is no target yet." in (await desk.ok("targets", "list")).out


async def test_credentials_are_changed_from_a_file(desk: Desk, world: World) -> None:
    """From standard input, too; they are in no output, and the test of the target is what comes next."""
    target = await add(world, "alibaba_cdn")
    done = await desk.run("targets", "credentials", target["name"], "--file", "-", stdin=json.dumps(NEWER))
    assert (done.code, NEWER["access_key_secret"] in done.out + done.err) == (0, False)
    assert "Next: certloom targets test" in done.err
    assert await secrets_of(world, target) == NEWER
