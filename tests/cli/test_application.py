"""Applying for names: what to publish, and the wait for it."""

import json
from pathlib import Path

import pytest

from certloom.domain import fact as f
from tests.api.csrs import csr
from tests.api.test_zones import add as add_zone
from tests.api.world import CONTACT, JSON, ORGANIZATION, World
from tests.cli.desk import Desk, Running
from tests.lives import NOW


async def applying(desk: Desk, world: World, *arguments: str, product: str = "single") -> tuple[Running, JSON]:
    """Begin to apply, and have the challenges made."""
    bought = await world.buy(product)
    running = await desk.start("apply", bought["id"], *arguments)
    await running.until("Key, order and challenges are made.")
    await world.client.prepare(bought["id"])
    return running, bought


async def test_it_shows_the_record_and_waits_until_it_was_seen(desk: Desk, world: World) -> None:
    """The record is shown to be copied, then what was found instead and when the next look is, then the end."""
    running, bought = await applying(desk, world, "www.example.com")
    await running.until("To prove www.example.com, publish this DNS record:")
    await running.until("name       _certloom-challenge.www.example.com\n")
    await running.until("value      value\n")
    await world.client.look(bought["id"], seen="another value")
    await running.until("saw another value: The record is another one; next look at 12:00:10 UTC")
    await world.client.prove(bought["id"])
    await world.client.issue(bought["id"])
    done = await running.end()
    assert done.code == 0
    assert "✓ Issued." in done.out
    assert f"Next: certloom download {bought['id'][:13]} --format nginx" in done.err


async def test_a_file_is_shown_with_its_address(desk: Desk, world: World) -> None:
    """For http-01 address and content are shown, and --no-wait ends there."""
    running, bought = await applying(desk, world, "www.example.com", "--validation", "http-01", "--no-wait")
    done = await running.end()
    assert done.code == 0
    assert "address    http://www.example.com/.well-known/certloom-challenge/token" in done.out
    assert "content    content" in done.out
    assert f"Next: certloom check {bought['id'][:13]}" in done.err


async def test_what_is_published_for_the_customer_is_not_asked_of_him(desk: Desk, world: World) -> None:
    """In a zone that the service writes there is nothing to copy."""
    await add_zone(world)
    running, _ = await applying(desk, world, "www.example.com", "--no-wait")
    done = await running.end()
    assert done.code == 0
    assert "The proof of www.example.com is published for you; there is nothing to do." in done.out
    assert "publish this" not in done.out


async def test_a_renewal_that_needs_the_proof_shows_it(desk: Desk, world: World) -> None:
    """A certificate in force tells what to publish before its next renewal."""
    view = await world.issued("single", "www.example.com")
    assert "publish this" not in (await desk.run("status", view["id"])).out
    await world.client.happen(view["id"], f.ProofWanted(at=NOW, renewal_at=NOW))
    assert "To prove www.example.com, publish this DNS record:" in (await desk.run("status", view["id"])).out


async def test_an_application_that_fails_ends_with_1(desk: Desk, world: World) -> None:
    """A proof that did not come in time is told with what the order is now."""
    running, bought = await applying(desk, world, "www.example.com")
    await running.until("publish this")
    await world.client.happen(bought["id"], f.NotProven(at=NOW))
    done = await running.end()
    assert (done.code, "The application ended: not proven. The order is paid." in done.err) == (1, True)


async def test_ones_own_request_is_sent(desk: Desk, world: World, tmp_path: Path) -> None:
    """With --csr the key stays with the customer."""
    (tmp_path / "own.csr").write_text(csr("www.example.com"))
    await applying(desk, world, "www.example.com", "--csr", str(tmp_path / "own.csr"), "--no-wait")
    (state,) = [await world.client.row((await world.get("/v1/certificates"))["items"][0]["id"])]
    assert state.application
    assert state.application.csr


async def test_a_key_of_another_type_is_made(desk: Desk, world: World) -> None:
    """--key-type says which key the service makes."""
    _, bought = await applying(desk, world, "www.example.com", "--key-type", "rsa-2048", "--no-wait")
    state = await world.client.row(bought["id"])
    assert state.application
    assert state.application.key_type == "rsa-2048"


async def test_an_organisation_is_read_from_a_file(desk: Desk, world: World, tmp_path: Path) -> None:
    """OV takes organisation and contact from --details; without them each is asked for on its line."""
    bought = await world.buy("ov")
    done = await desk.run("apply", bought["id"], "www.example.com", "--no-wait")
    assert done.code == 1
    assert "\n  organization: An OV certificate needs the organization" in done.err
    assert "\n  contact: An OV certificate needs the contact" in done.err
    details = {"organization": ORGANIZATION, "contact": CONTACT}
    (tmp_path / "details.json").write_text(json.dumps(details))
    running = await desk.start(
        "apply", bought["id"], "www.example.com", "--no-wait", "--details", str(tmp_path / "details.json")
    )
    await running.until("are made")
    await world.client.prepare(bought["id"])
    assert (await running.end()).code == 0


@pytest.mark.parametrize("text", ["{", "[]", '{"organisation": {}}'])
async def test_a_bad_file_of_details_is_told(desk: Desk, tmp_path: Path, text: str) -> None:
    """A file that is not what is expected exits with 2 before anything is sent."""
    (tmp_path / "details.json").write_text(text)
    done = await desk.run("apply", "cert_1", "www.example.com", "--details", str(tmp_path / "details.json"))
    assert (done.code, "details.json" in done.err, "Traceback" in done.err) == (2, True, False)


async def test_a_look_can_be_asked_for_once_in_10_seconds(desk: Desk, world: World) -> None:
    """The first request is taken up, the second says how long to wait."""
    view = await world.proving()
    assert "It is looked for now." in (await desk.ok("check", view["id"])).out
    done = await desk.run("check", view["id"])
    assert (done.code, "Next: Try again in 10 s." in done.err) == (1, True)


async def test_an_application_can_be_taken_back(desk: Desk, world: World) -> None:
    """Withdrawing leaves a paid order, for which one may apply again."""
    view = await world.proving()
    done = await desk.ok("withdraw", view["id"])
    assert "The application was withdrawn; www.example.com is paid." in done.out
    assert "certloom apply" in done.err
