"""Signing in: checked first, kept for its owner alone, and never given to others."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.api.world import World
from tests.cli.desk import Desk, desk_of, serving


@pytest.fixture
def nobody(desk: Desk) -> Desk:
    """A desk where nobody has signed in."""
    desk.api_key = ""
    return desk


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def sign_in(desk: Desk, key: str) -> None:
    done = await desk.run("login", "--url", desk.url, "--key-stdin", stdin=f"{key}\n")
    assert done.code == 0, done


async def test_address_and_key_are_kept_for_their_owner_alone(nobody: Desk, world: World) -> None:
    """After a login the file is 0600 in a folder of 0700, other commands use it, and the key was not shown."""
    key = world.tokens["member"]
    done = await nobody.run("login", "--url", f"{nobody.url}/", "--key-stdin", stdin=f"{key}\n")
    assert done.code == 0, done
    assert f"Signed in to {nobody.url}, account acct_ours with a balance of 10,000.00 EUR" in done.out
    assert key not in done.out + done.err
    assert (mode(nobody.config), mode(nobody.config.parent)) == (0o600, 0o700)
    assert json.loads(nobody.config.read_text()) == {"url": nobody.url, "api_key": key}
    assert "acct_ours" in (await nobody.ok("account")).out


async def test_a_key_that_is_not_accepted_is_not_kept(nobody: Desk) -> None:
    """A wrong key exits with 3, and nothing is stored."""
    done = await nobody.run("login", "--url", nobody.url, "--key-stdin", stdin="clm_nobody_" + "x" * 43)
    assert done.code == 3
    assert not nobody.config.exists()


@pytest.mark.parametrize("text", ["", "password", "clm_a b", "clm_\x1b[31m"])
async def test_what_is_no_key_is_not_sent(nobody: Desk, text: str) -> None:
    """A text that cannot be a key is told at once and not repeated."""
    done = await nobody.run("login", "--url", nobody.url, "--key-stdin", stdin=text)
    assert (done.code, done.err) == (2, "certloom: That is no API key; it begins with clm_.\n")


@pytest.mark.parametrize("url", ["certs.example.com", "ftp://example.com", "http://", "http://me:pw@127.0.0.1:1"])
async def test_what_is_no_address_is_told(nobody: Desk, url: str) -> None:
    """An address that leads nowhere exits with 2 and shows how one is written."""
    done = await nobody.run("login", "--url", url, "--key-stdin", stdin="clm_x")
    assert (done.code, "https://certloom.example.com" in done.err) == (2, True)


async def test_a_file_that_others_may_read_is_not_used(nobody: Desk, world: World) -> None:
    """When others may read the file its key is not used, and the remedy is named."""
    await sign_in(nobody, world.tokens["member"])
    nobody.config.chmod(0o640)
    done = await nobody.run("account")
    assert done.code == 3
    assert "may be read by others" in done.err
    assert f"chmod 600 {nobody.config}" in done.err
    nobody.config.chmod(0o600)
    nobody.config.parent.chmod(0o720)
    assert "may be changed by others" in (await nobody.run("account")).err


async def test_a_new_login_mends_a_file_that_others_may_read(nobody: Desk, world: World) -> None:
    """A login replaces the file and closes the folder again."""
    await sign_in(nobody, world.tokens["member"])
    nobody.config.chmod(0o644)
    nobody.config.parent.chmod(0o755)
    await sign_in(nobody, world.tokens["member"])
    assert (mode(nobody.config), mode(nobody.config.parent)) == (0o600, 0o700)
    assert [path.name for path in nobody.config.parent.iterdir()] == ["config.json"]


async def test_a_broken_file_is_told(nobody: Desk, world: World) -> None:
    """A file that is no configuration exits with 3 and leads to the login."""
    await sign_in(nobody, world.tokens["member"])
    nobody.config.write_text("[]")
    done = await nobody.run("account")
    assert (done.code, "is no configuration of certloom" in done.err) == (3, True)


async def test_half_of_the_environment_is_not_used(desk: Desk) -> None:
    """A key is never sent to an address that it was not given with."""
    done = await desk.run("account", CERTLOOM_URL="")
    assert (done.code, "CERTLOOM_API_KEY is set and CERTLOOM_URL is not" in done.err) == (3, True)


async def test_a_person_types_the_key_unseen(nobody: Desk, world: World) -> None:
    """In a terminal address and key are asked for, and the key does not appear on the screen."""
    key = world.tokens["member"]
    answers = [("Address of the service", f"{nobody.url}\n"), ("API key", f"{key}\n")]
    done = await nobody.typed("login", answers=answers)
    assert (done.code, "Signed in to" in done.told) == (0, True), done
    assert key not in done.out
    assert json.loads(nobody.config.read_text())["api_key"] == key


async def test_an_operator_signs_in_as_one(world: World, tmp_path: Path) -> None:
    """An operator, who belongs to no account, is told so."""
    async with desk_of(world, tmp_path, who="operator") as desk:
        done = await desk.ok("login")
        assert "as an operator" in done.out


async def test_make_run_needs_no_typing(nobody: Desk, world: World) -> None:
    """With --dev address and key come from the dev.json of `make run`."""
    facts = {"api_url": nobody.url, "customer_api_key": world.tokens["member"], "operator_api_key": "clm_x"}
    (nobody.home / "var").mkdir()
    (nobody.home / "var" / "dev.json").write_text(json.dumps(facts))
    assert "account acct_ours" in (await nobody.ok("login", "--dev")).out
    assert "account acct_ours" in (await nobody.ok("login", "--dev", str(nobody.home / "var"))).out


async def test_without_make_run_it_says_so(nobody: Desk) -> None:
    """Without a running service --dev names what would write the file."""
    done = await nobody.run("login", "--dev", "elsewhere")
    assert (done.code, "There is no elsewhere/dev.json" in done.err) == (2, True)


async def test_something_else_is_not_taken_for_the_service(nobody: Desk) -> None:
    """An address that answers, and not as Certloom does, exits with 4, and the key is not kept."""

    async def website(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
        await send({"type": "http.response.body", "body": b"<h1>Hello</h1>"})

    async with serving(website) as url:
        done = await nobody.run("login", "--url", url, "--key-stdin", stdin="clm_a_b")
    assert (done.code, "does not answer as Certloom does" in done.err) == (4, True)
    assert not nobody.config.exists()


async def test_a_login_for_a_script_is_json(nobody: Desk, world: World) -> None:
    """With --json a login prints the address, the file and the account as the API shows it, and never the key."""
    key = world.tokens["member"]
    done = await nobody.run("login", "--url", nobody.url, "--key-stdin", "--json", stdin=key)
    assert (done.code, set(done.json)) == (0, {"url", "file", "account"}), done
    assert done.json["account"] == await world.get("/v1/account")
    assert key not in done.out + done.err


async def test_after_signing_out_nothing_is_kept(nobody: Desk, world: World) -> None:
    """A logout removes the file and says that the key stays valid; a second one has nothing to do."""
    await sign_in(nobody, world.tokens["member"])
    done = await nobody.ok("logout")
    assert "the key itself stays valid" in done.out
    assert not nobody.config.exists()
    assert (await nobody.run("account")).code == 3
    assert (await nobody.ok("logout", "--json")).json == {
        "file": str(nobody.config),
        "removed": False,
        "revoked": False,
    }


async def test_signing_out_may_revoke_the_key(nobody: Desk, world: World) -> None:
    """With --revoke the key is ended at the service, too; where that fails, the file stays."""
    await sign_in(nobody, world.tokens["member"])
    nobody.lose_answers()
    assert (await nobody.run("logout", "--revoke", CERTLOOM_PATIENCE="1")).code == 4
    assert nobody.config.exists()
    nobody.lose_answers(losing=False)
    assert "and the key is revoked" in (await nobody.ok("logout", "--revoke")).out
    assert (await world.call("GET", "/v1/account")).status_code == 401


async def test_signing_out_says_what_the_environment_still_holds(desk: Desk) -> None:
    """A key in the environment is named, since no file stands for it."""
    assert "CERTLOOM_API_KEY is still set" in (await desk.ok("logout")).err
