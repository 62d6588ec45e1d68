"""DNS zones, delegations, limits and delays at the command line; secrets are typed unseen or come from a file."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from certloom.dns.interface import DnsRefused
from certloom.domain import fact as f
from certloom.domain.step import StepKind
from tests.api.test_issuers import reserve
from tests.api.test_zone_change import OTHER_SECRET, secrets_of
from tests.api.test_zones import SECRET, TOKEN, add
from tests.api.world import DELEGATION, World
from tests.cli.desk import Desk, desk_of
from tests.lives import NOW

RFC2136 = ("--kind", "rfc2136", "--server", "ns1.example.net", "--key-name", "certloom-key")
CLOUDFLARE = ("--kind", "lexicon", "--provider", "cloudflare")
ESCAPES = "\x1b]0;owned\x07"


@pytest.mark.parametrize(
    ("arguments", "question", "secret"),
    [(RFC2136, "secret (not shown):", SECRET), (CLOUDFLARE, "auth token (not shown):", TOKEN)],
)
async def test_a_secret_is_typed_unseen(
    desk: Desk, world: World, arguments: tuple[str, ...], question: str, secret: str
) -> None:
    """The service says what it needs; what is typed is not echoed, and is kept sealed."""
    done = await desk.typed("zones", "create", "example.com", *arguments, answers=[(question, f"{secret}\n")])
    assert done.code == 0, done
    assert secret not in done.out
    assert "credentials kept sealed" in done.told
    (made,) = (await world.get("/v1/zones"))["items"]
    ref = f"{made['id']}/credentials"
    async with world.storage.read() as tx:
        sealed = await tx.secrets.get(ref)
    assert sealed
    assert secret in world.services.sealer.unseal(sealed, identity=ref).decode()


async def test_secrets_come_from_a_file_or_standard_input(desk: Desk, world: World) -> None:
    """A script needs no terminal, and gets the API's own JSON."""
    (desk.home / "key.json").write_text(json.dumps({"secret": SECRET}))
    done = await desk.ok("zones", "create", "example.com", *RFC2136, "--credentials", "key.json", "--json")
    assert done.json == await world.get(f"/v1/zones/{done.json['id']}")
    piped = json.dumps({"auth_token": TOKEN})
    done = await desk.run("zones", "create", "example.net", *CLOUDFLARE, "--credentials", "-", stdin=piped)
    assert (done.code, "zone         example.net" in done.out) == (0, True)
    assert "Next: certloom zones test example.net" in done.err


async def test_a_script_is_not_asked(desk: Desk, world: World) -> None:
    """Where nobody can type, the option is named and nothing is added."""
    done = await desk.run("zones", "create", "example.com", *RFC2136)
    assert (done.code, "give --credentials FILE" in done.err) == (2, True)
    assert (await world.get("/v1/zones"))["items"] == []


async def test_there_is_no_option_for_a_secret(desk: Desk) -> None:
    """Others on the machine could read it."""
    told = (await desk.ok("zones", "create", "--help")).told
    assert "--secret" not in told
    assert "--token" not in told


async def test_what_else_is_wrong_is_told_before_secrets_are_asked(desk: Desk) -> None:
    """Every fault has its line; nobody types a secret in vain."""
    done = await desk.typed("zones", "create", "com", "--kind", "rfc2136", "--server", "a b", "--key-name", "k")
    assert done.code == 1
    assert "settings server: Write a host name" in done.told
    assert "not shown" not in done.told


async def test_a_manual_zone_needs_no_secret(desk: Desk) -> None:
    """It says that it needs none."""
    done = await desk.ok("zones", "create", "shop.example.com", "--kind", "manual")
    assert "credentials  none needed" in done.out


async def test_zones_are_listed(desk: Desk, world: World) -> None:
    """With who writes them; as JSON exactly as the API has it."""
    await add(world)
    await add(world, "lexicon", zone="example.net")
    await add(world, "manual", zone="shop.example.com")
    done = await desk.ok("zones", "list")
    for words in ("example.com", "ns1.example.net", "cloudflare", "by hand"):
        assert words in done.out
    assert "Next: certloom zones test" in done.err
    assert (await desk.ok("zones", "list", "--json")).json == await world.get("/v1/zones")


async def test_a_zone_is_tried(desk: Desk, world: World) -> None:
    """What happened is told; what does not work ends with 1, in words that steer no terminal."""
    await add(world)
    done = await desk.ok("zones", "test", "example.com")
    assert "taken away again" in done.out
    world.dns.broken = DnsRefused(f"The key is refused {ESCAPES}.")
    done = await desk.run("zones", "test", "EXAMPLE.com.")
    assert (done.code, "The key is refused" in done.err, "\x1b]" in done.err) == (1, True, False)
    done = await desk.run("zones", "test", "example.com", "--json")
    assert (done.code, done.json["works"]) == (1, False)


async def test_a_zone_gets_another_key(desk: Desk, world: World) -> None:
    """What is not named stays; the secret is asked for, unseen, and the old one is gone."""
    zone = await add(world)
    done = await desk.typed(
        "zones", "change", "example.com", "--key-name", "newer", answers=[("secret (not shown):", f"{OTHER_SECRET}\n")]
    )
    assert (done.code, OTHER_SECRET in done.out) == (0, False), done
    assert "certloom zones test example.com" in done.told
    changed = await world.get(zone["links"]["self"])
    assert changed["settings"] == {**zone["settings"], "key_name": "newer"}
    assert (await secrets_of(world, zone))["secret"] == OTHER_SECRET


async def test_a_script_changes_a_zone(desk: Desk, world: World) -> None:
    """With the credentials from standard input, and the API's own JSON; a manual zone has nothing to change."""
    zone = await add(world, "lexicon")
    piped = json.dumps({"auth_token": "newer"})
    done = await desk.run("zones", "change", zone["id"], "--credentials", "-", "--json", stdin=piped)
    assert done.json == await world.get(zone["links"]["self"])
    assert (await secrets_of(world, zone))["options"] == {"auth_token": "newer"}
    await add(world, "manual", zone="shop.example.com")
    done = await desk.run("zones", "change", "shop.example.com")
    assert (done.code, "nothing to change" in done.err) == (1, True)


async def test_forgetting_a_zone_is_asked_first(desk: Desk, world: World) -> None:
    """A no keeps it; a yes forgets it. As JSON it is printed as it was."""
    zone = await add(world)
    kept = await desk.typed("zones", "delete", "example.com", answers=[("Forget it?", "n\n")])
    assert (kept.code, "need records by hand" in kept.told) == (1, True)
    done = await desk.ok("zones", "delete", zone["id"], "--yes", "--json")
    assert done.json == zone
    assert "There is no DNS zone yet" in (await desk.ok("zones", "list")).out
    assert (await desk.run("zones", "delete", "example.com", "--yes")).code == 1


async def test_a_delegation_is_shown(desk: Desk, world: World) -> None:
    """The one record to publish; asked again it is the same."""
    done = await desk.ok("delegation", "*.www.example.com")
    found = await world.get("/v1/delegations?name=www.example.com")
    assert "_acme-challenge.www.example.com" in done.out
    assert f"{found['record']['value']}\n" in done.out
    assert found["record"]["value"].endswith(f".{DELEGATION}.")
    assert (await desk.ok("delegation", "www.example.com", "--json")).json == found


async def test_operators_see_issuers(desk: Desk, world: World, tmp_path: Path) -> None:
    """What limits leave, and who waits why; customers are refused."""
    for number in range(6):
        await reserve(world, f"cert_{number}/order/1")
    home = tmp_path / "operator"
    home.mkdir()
    async with desk_of(world, home, who="operator") as operator:
        told = (await operator.ok("issuers")).told
        assert (await operator.ok("issuers", "--json")).json == await world.get("/v1/issuers", who="operator")
    for words in (
        "letsencrypt acme",
        "Limits of letsencrypt:",
        "www.example.com 5 none",
        "5 certificates for the same names in 7 days",
        "cert_5 waits until",
    ):
        assert words in told
    assert "allows 5 certificates for exactly these names" in told
    assert (await desk.run("issuers")).code == 1


@pytest.mark.parametrize(("limit", "words"), [(True, "waits for the issuer's limits"), (False, "is delayed")])
async def test_a_status_says_why_a_step_waits(desk: Desk, world: World, limit: bool, words: str) -> None:  # noqa: FBT001 - a parameter
    """Which step, since when, why, and when it goes on."""
    view = await world.apply()
    until = NOW + timedelta(hours=5)
    why = f"CAA of www.example.com forbids it {ESCAPES}."
    await world.client.happen(view["id"], f.Delayed(at=NOW, step=StepKind.PREPARE, why=why, until=until, limit=limit))
    done = await desk.ok("status", view["id"])
    assert f"prepare {words} since 2026-11-23 12:00 UTC" in done.told
    assert "CAA of www.example.com forbids it" in done.told
    assert "tried again 2026-11-23 17:00 UTC" in done.told
    assert "\x1b" not in done.out
