"""What a person may call a certificate or a target."""

import pytest

from tests.api.places import add
from tests.api.world import World
from tests.cli.desk import Desk


async def test_a_certificate_goes_by_many_names(desk: Desk, world: World) -> None:
    """Its id, the beginning of the id, a name in any case, and its label all mean the same certificate."""
    await world.issued("single", "mail.example.com")
    bought = await world.buy("multi", label="Our Shop")
    form = {"names": ["www.example.com", "bücher.example.com"], "validation": "dns-01", "key": {"type": "ecdsa-p256"}}
    await world.call("POST", f"/v1/certificates/{bought['id']}/application", form)
    calls = (bought["id"], bought["id"][:13], "www.example.com", "WWW.Example.com", "bücher.example.com", "Our Shop")
    for typed in calls:
        assert (await desk.ok("status", typed, "--json")).json["id"] == bought["id"], typed


@pytest.mark.parametrize("typed", ["2606:4700::1111", "[2606:4700::1111]", "2606:4700:0:0::1111"])
async def test_an_address_is_found_however_it_is_written(desk: Desk, world: World, typed: str) -> None:
    """With brackets, or not shortened, it is the same host."""
    issued = await world.issued("addresses", "2606:4700::1111", validation="http-01")
    assert (await desk.ok("status", typed, "--json")).json["id"] == issued["id"]


async def test_a_name_that_fits_several_asks_for_more(desk: Desk, world: World) -> None:
    """With two certificates of one name, both are listed with their ids, and nothing is done to either."""
    first, second = await world.issued(), await world.issued()
    done = await desk.run("revoke", "www.example.com", "--yes")
    assert done.code == 2
    assert "www.example.com fits 2 certificates; give the id of one:" in done.err
    assert first["id"] in done.err
    assert second["id"] in done.err
    assert (await world.get(f"/v1/certificates/{first['id']}"))["status"] == "issued"


@pytest.mark.parametrize("typed", ["www", "www.example.co", "cert_", "shop"])
async def test_a_beginning_of_a_name_is_not_enough(desk: Desk, world: World, typed: str) -> None:
    """A name has to fit whole; what begins so is offered."""
    await world.issued()
    await world.buy(label="shopping")
    done = await desk.run("revoke", typed, "--yes")
    assert done.code == 1
    assert f"There is no certificate {typed}; these begin so:" in done.err


async def test_a_deleted_certificate_is_found_when_nothing_else_fits(desk: Desk, world: World) -> None:
    """What happened to a deleted certificate can be read under its old name."""
    bought = await world.buy(label="gone")
    await desk.ok("cancel", "gone", "--yes")
    await desk.ok("delete", "gone", "--yes")
    assert "The certificate was deleted" in (await desk.ok("events", "gone")).out
    again = await world.buy(label="gone")
    assert (await desk.ok("status", "gone", "--json")).json["id"] == again["id"] != bought["id"]


async def test_a_target_goes_by_name_or_id(desk: Desk, world: World) -> None:
    """A target is found by its name, its id and the beginning of it; two of one name ask for the id."""
    target = await add(world, name="edge 1")
    for typed in ("edge 1", target["id"], target["id"][:12]):
        assert (await desk.ok("targets", "show", typed, "--json")).json["id"] == target["id"]
    other = await add(world, name="edge 1")
    done = await desk.run("targets", "delete", "edge 1", "--yes")
    assert done.code == 2
    assert target["id"] in done.err
    assert other["id"] in done.err


async def test_what_is_not_there_ends_with_1(desk: Desk) -> None:
    """Unknown certificates, targets and deployments are told in a sentence each."""
    whole = "cert_" + "a" * 26
    for arguments, sentence in {
        ("status", "nothing"): "There is no certificate nothing.",
        ("status", whole): "There is no such certificate.",
        ("targets", "show", "nothing"): "There is no target nothing.",
        ("rollback", "dep_1"): "There is no such deployment.",
    }.items():
        done = await desk.run(*arguments)
        assert (done.code, done.err.splitlines()[0]) == (1, f"certloom: {sentence}")
