"""--json: the API's own JSON, unchanged, and nothing else on standard output."""

import json
from pathlib import Path

import pytest

from tests.api.places import add, form, served
from tests.api.world import JSON, World
from tests.cli.desk import Desk

VOLATILE = {"as_of", "last_used_at"}


def still(found: JSON) -> JSON:
    """Leave out what changes by being asked for."""
    body: JSON = json.loads(
        json.dumps(found), object_hook=lambda one: {k: v for k, v in one.items() if k not in VOLATILE}
    )
    return body


async def test_what_is_read_is_the_apis_own_json(desk: Desk, world: World) -> None:
    """Every command that reads prints exactly what the API answers."""
    certificate, target, _ = await served(world)
    own = f"/v1/certificates/{certificate['id']}"
    reads = {
        ("products",): "/v1/products",
        ("list",): "/v1/certificates",
        ("list", "www", "--status", "issued", "--limit", "1"): "/v1/certificates?query=www&status=issued&limit=1",
        ("status", certificate["id"]): own,
        ("events", certificate["id"], "--limit", "2"): f"{own}/events?limit=2",
        ("targets", "list"): "/v1/targets",
        ("targets", "show", target["id"]): f"/v1/targets/{target['id']}",
        ("account",): "/v1/account",
        ("account", "statement"): "/v1/account/statement",
        ("account", "keys"): "/v1/account/keys",
    }
    for arguments, path in reads.items():
        done = await desk.ok(*arguments, "--json")
        assert still(done.json) == still(await world.get(path)), arguments
        assert done.err == ""


async def test_what_is_changed_is_shown_as_the_api_shows_it(desk: Desk, world: World) -> None:
    """Commands that change something print the view that the API shows afterwards."""
    bought = (await desk.ok("buy", "single", "--label", "shop", "--yes", "--json")).json
    own = f"/v1/certificates/{bought['id']}"
    assert bought == await world.get(own)
    cancelled = (await desk.ok("cancel", "shop", "--yes", "--json")).json
    assert cancelled == await world.get(own)
    assert (cancelled["status"], cancelled["refund"]["state"]) == ("cancelled", "done")


async def test_a_target_is_shown_as_the_api_shows_it(desk: Desk, world: World, tmp_path: Path) -> None:
    """A target made from a file is printed as it is kept, and the file may come by standard input."""
    (tmp_path / "target.json").write_text(json.dumps(form()))
    made = (await desk.ok("targets", "create", "--file", str(tmp_path / "target.json"), "--json")).json
    assert made == await world.get(f"/v1/targets/{made['id']}")
    other = json.dumps(form("nginx_ssh", name="other"))
    piped = await desk.run("targets", "create", "--file", "-", "--json", stdin=other)
    assert (piped.code, piped.json["name"]) == (0, "other")


async def test_a_refusal_is_a_problem_in_json(desk: Desk) -> None:
    """A script gets the whole problem on standard output, with its stable code, and the sentence beside it."""
    done = await desk.run("buy", "dear", "--yes", "--json")
    assert (done.code, done.json["code"], done.json["status"]) == (1, "insufficient_balance", 402)
    assert done.err.startswith("certloom: The balance is")


async def test_deployments_are_shown_in_json(desk: Desk, world: World) -> None:
    """A deployment that is not waited for is printed as the API announced it."""
    certificate, target = await world.issued(), await add(world)
    done = await desk.ok("deploy", certificate["id"], target["name"], "--no-wait", "--json")
    (item,) = done.json["items"]
    assert item == await world.get(f"/v1/deployments/{item['id']}")


@pytest.mark.parametrize("arguments", [("list", "--json"), ("account", "--json")])
async def test_letters_that_steer_a_terminal_are_escaped(desk: Desk, world: World, arguments: tuple[str, ...]) -> None:
    """Output is ASCII: whatever a label holds is written as JSON escapes."""
    await world.buy(label="Café [bold]x[/bold]")
    done = await desk.ok(*arguments)
    assert done.out.isascii()


async def test_what_ends_is_shown_as_it_was_left(desk: Desk, world: World) -> None:
    """A deleted certificate is printed as the API shows it, and a forgotten target as it was."""
    certificate, target = await world.issued(), await add(world)
    await desk.ok("revoke", certificate["id"], "--yes")
    gone = (await desk.ok("delete", certificate["id"], "--yes", "--json")).json
    assert gone == await world.get(f"/v1/certificates/{certificate['id']}")
    assert gone["status"] == "deleted"
    assert (await desk.ok("targets", "delete", target["id"], "--yes", "--json")).json == target
    assert (await world.call("GET", f"/v1/targets/{target['id']}")).status_code == 404


async def test_downloaded_files_are_named(desk: Desk, world: World) -> None:
    """A download prints which certificate, in which format, and every file it wrote."""
    certificate = await world.issued()
    done = (await desk.ok("download", certificate["id"], "--format", "nginx", "--output", "tls", "--json")).json
    assert (done["certificate_id"], done["format"]) == (certificate["id"], "nginx")
    assert {str(path.relative_to(desk.home)) for path in (desk.home / "tls").iterdir()} == set(done["files"])
