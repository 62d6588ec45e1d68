"""Every way a command can end, as a script sees it."""

import socket
from typing import Any

import pytest

from certloom.domain import fact as f
from certloom.domain.step import StepKind
from tests.api.world import World
from tests.architecture.sources import ROOT
from tests.cli.desk import Desk, serving
from tests.lives import NOW

NO_TRACE = "Traceback"


def calm(err: str) -> bool:
    """Whether a failure is told in sentences."""
    return NO_TRACE not in err and "Error" not in err


async def test_what_the_service_does_ends_with_0(desk: Desk) -> None:
    """A command that did what was asked for exits with 0 and says what to do next."""
    done = await desk.run("buy", "single", "--yes", "--label", "shop")
    assert (done.code, "Bought for 9.00 EUR." in done.out) == (0, True)
    assert "Next: certloom apply cert_" in done.err


async def test_a_refusal_ends_with_1_and_its_sentence(desk: Desk, world: World) -> None:
    """What the service refuses exits with 1, in the service's own words on one line, and costs nothing."""
    done = await desk.run("buy", "dear", "--yes")
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines()[0].startswith("certloom: The balance is 10000.00 EUR, and dear costs")
    assert calm(done.err)
    assert await world.balance() == 10**6


async def test_each_bad_field_has_its_line(desk: Desk, world: World) -> None:
    """A form with several faults names each of them on a line of its own."""
    bought = await world.buy("multi")
    done = await desk.run("apply", bought["id"], "www.example.com", "bad_name.example.com", "10.0.0.1")
    assert done.code == 1
    lines = done.err.splitlines()
    assert lines[0] == "certloom: The input is not valid:"
    assert [line.split(":")[0] for line in lines[1:3]] == ["  names 2", "  names 3"]


async def test_a_state_that_does_not_allow_it_says_what_is_possible(desk: Desk, world: World) -> None:
    """A command that comes at the wrong time names what may be done instead."""
    bought = await world.buy()
    done = await desk.run("renew", bought["id"])
    assert done.code == 1
    assert "Next: Possible now: apply, cancel order." in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("status",),
        ("list", "--limit", "0"),
        ("apply", "cert_1", "www.example.com", "--csr", "f", "--key-type", "rsa-2048"),
        ("upload", "--certificate", "missing.pem", "--private-key", "missing.key"),
        ("targets", "create", "--file", "missing.json"),
        ("rollback", "../accounts"),
    ],
    ids=lambda given: given[0],
)
async def test_what_is_not_understood_ends_with_2(desk: Desk, arguments: tuple[str, ...]) -> None:
    """A command line that cannot be carried out exits with 2 and a sentence."""
    done = await desk.run(*arguments)
    assert (done.code, NO_TRACE in done.err) == (2, False), done
    assert done.err


async def test_a_question_without_a_terminal_ends_with_2(desk: Desk, world: World) -> None:
    """A script that forgot --yes is told so, and nothing is bought."""
    done = await desk.run("buy", "single")
    assert done.code == 2
    assert "give --yes" in done.err
    assert await world.balance() == 10**6


async def test_a_wrong_key_ends_with_3(desk: Desk) -> None:
    """A key that the service does not accept exits with 3 and leads to the login."""
    done = await desk.run("list", CERTLOOM_API_KEY="clm_nobody_" + "x" * 43)
    assert done.code == 3
    assert done.err.splitlines() == ["certloom: The service does not accept this API key.", "Next: certloom login"]


async def test_no_key_ends_with_3(desk: Desk) -> None:
    """Who never signed in is told how."""
    desk.api_key = ""
    done = await desk.run("list")
    assert (done.code, done.err.splitlines()) == (3, ["certloom: You are not signed in.", "Next: certloom login"])


async def test_a_service_that_is_down_ends_with_4(desk: Desk) -> None:
    """An address where nobody listens exits with 4 at once, for reads and changes alike: nothing was sent."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        for arguments in (("list",), ("buy", "single", "--yes")):
            done = await desk.run(*arguments, CERTLOOM_URL=url)
            assert (done.code, calm(done.err)) == (4, True), done
            assert f"{url} cannot be reached" in done.err


async def test_an_unknown_outcome_ends_with_4_and_may_be_repeated(desk: Desk, world: World) -> None:
    """Without an answer it exits with 4 and names the key under which the same command happens once."""
    desk.lose_answers()
    first = await desk.run("buy", "single", "--yes", CERTLOOM_PATIENCE="1")
    assert (first.code, first.out) == (4, "")
    assert "whether it was done is not known" in first.err
    key = first.err.partition("--idempotency-key ")[2].partition(" ")[0].rstrip(";")
    desk.lose_answers(losing=False)
    second = await desk.run("buy", "single", "--yes", "--json", "--idempotency-key", key)
    assert (second.code, second.json["status"]) == (0, "paid")
    assert await world.balance() == 10**6 - 900


async def test_an_unknown_outcome_is_asked_for_again(desk: Desk, world: World) -> None:
    """While no answer comes the same request is sent again, and the first answer is taken; it happened once."""
    world.client.silent = True
    running = await desk.start("buy", "single", "--yes")
    await running.until("the same request is sent again")
    world.client.silent = False
    done = await running.end()
    assert done.code == 0
    assert done.err.count("the same request is sent again") == 1
    assert await world.balance() == 10**6 - 900


async def test_an_interrupted_wait_ends_with_130(desk: Desk, world: World) -> None:
    """Ctrl-C while something is awaited exits with 130, says that it goes on, and how to look again."""
    bought = await world.buy()
    running = await desk.start("apply", bought["id"], "www.example.com")
    await running.until("are made")
    running.interrupt()
    done = await running.end()
    assert done.code == 130
    assert "Interrupted; it goes on in the service." in done.err
    assert f"certloom status {bought['id'][:13]} --watch" in done.err
    assert NO_TRACE not in done.err


async def test_an_interrupted_start_ends_with_130(desk: Desk) -> None:
    """Ctrl-C while the command line is still being loaded ends it with one sentence."""
    (desk.home / "typer.py").write_text("import sys\nprint('loading', flush=True)\nsys.stdin.read()\n")
    running = await desk.start("list", PYTHONPATH=f"{desk.home}:{ROOT}")
    await running.until("loading")
    running.interrupt()
    done = await running.end()
    assert (done.code, done.err) == (130, "certloom: Interrupted.\n")


async def test_an_interrupted_request_names_its_key(desk: Desk, world: World) -> None:
    """Ctrl-C before the answer came says that the outcome is not known, and the key to repeat it with."""
    world.client.silent = True
    running = await desk.start("buy", "single", "--yes", "--idempotency-key", "mine")
    await running.until("the same request is sent again")
    running.interrupt()
    done = await running.end()
    assert done.code == 130
    assert "Repeat the same command with --idempotency-key mine" in done.err


async def test_an_interrupted_question_ends_with_130(desk: Desk, world: World) -> None:
    """Ctrl-C at a question does nothing and exits with 130."""
    done = await desk.typed("buy", "single", answers=[("[y/N]", "\x03")])
    assert (done.code, "Interrupted." in done.told, NO_TRACE in done.out) == (130, True, False)
    assert await world.balance() == 10**6


async def test_a_service_that_is_gone_for_a_while_is_waited_for(desk: Desk, world: World) -> None:
    """A wait goes on over an outage of the service and ends when the service does."""
    view = await world.proving()
    running = await desk.start("status", view["id"], "--watch", CERTLOOM_PATIENCE="30")
    await running.until("looking for 1 proof")
    desk.lose_answers()
    await running.until("The service does not answer")
    desk.lose_answers(losing=False)
    await world.client.prove(view["id"])
    await world.client.issue(view["id"])
    done = await running.end()
    assert (done.code, "issued" in done.out) == (0, True)


async def test_what_needs_an_operator_ends_a_wait_with_1(desk: Desk, world: World) -> None:
    """A step that nobody planned for ends the wait, with what is the matter."""
    view = await world.proving()
    running = await desk.start("status", view["id"], "--watch")
    await running.until("looking for 1 proof")
    await world.client.happen(view["id"], f.Parked(at=NOW, step=StepKind.LOOK, why="The resolver is broken."))
    done = await running.end()
    assert (done.code, "It needs an operator: The resolver is broken." in done.err) == (1, True)


async def test_help_names_the_exit_codes(desk: Desk) -> None:
    """Every command's help says what its exit codes mean."""
    for arguments in ((), ("buy",), ("targets", "test"), ("account", "keys")):
        done = await desk.ok(*arguments, "--help")
        assert "Exit codes: 0 done; 1 refused" in done.told
        assert "130 interrupted." in done.told


async def test_a_repeated_command_finds_what_the_first_one_did(desk: Desk, world: World) -> None:
    """Under its key a command ends as the first time, although everything has happened since."""
    view = await world.proving()
    await world.call("DELETE", f"/v1/certificates/{view['id']}/application")
    apply = ("apply", view["id"], "www.example.com", "--no-wait", "--idempotency-key", "mine")
    running = await desk.start(*apply)
    await running.until("are made")
    await world.client.prepare(view["id"])
    first = await running.end()
    second = await desk.run(*apply)
    assert (first.code, second.code, second.out) == (0, 0, first.out)


async def test_an_answer_of_another_shape_is_told(desk: Desk, world: World) -> None:
    """An answer that this version does not understand ends with 4 and a sentence."""

    async def other(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": b'{"products": []}'})

    async with serving(other) as url:
        done = await desk.run("products", CERTLOOM_URL=url)
    assert (done.code, "in another way than this certloom expects" in done.err) == (4, True)
    assert NO_TRACE not in done.err


@pytest.mark.parametrize("key", ["", "two words", "ü", "x" * 256])
async def test_a_key_that_cannot_be_sent_is_told(desk: Desk, key: str) -> None:
    """An Idempotency-Key of other letters exits with 2, and nothing is sent."""
    done = await desk.run("buy", "single", "--yes", "--idempotency-key", key)
    assert (done.code, "visible ASCII" in done.err) == (2, True)


async def test_bytes_that_are_no_text_are_told(desk: Desk) -> None:
    """An argument that is no UTF-8 exits with 2."""
    done = await desk.run("status", b"\xff".decode(errors="surrogateescape"))
    assert (done.code, "no text in UTF-8" in done.err) == (2, True)
