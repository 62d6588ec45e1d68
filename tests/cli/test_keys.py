"""API keys at the command line: made, shown once, used, and revoked."""

from tests.api.world import World
from tests.cli.desk import Desk


async def test_a_new_key_opens_what_it_is_for(desk: Desk) -> None:
    """The key is alone on standard output, works at once, and is a viewer's when that was asked for."""
    made = await desk.ok("account", "keys", "create", "monitoring", "--role", "viewer", "--days", "30")
    key = made.out.strip()
    assert key.startswith("clm_")
    assert "not shown again" in made.err
    assert (await desk.ok("list", CERTLOOM_API_KEY=key)).out
    refused = await desk.run("buy", "single", "--yes", CERTLOOM_API_KEY=key)
    assert (refused.code, "role" in refused.err) == (1, True)
    listed = await desk.ok("account", "keys")
    assert "monitoring  viewer  expires" in " ".join(listed.out.split("   ")).replace("   ", "  ")
    assert key not in listed.out


async def test_a_new_key_is_shown_as_the_api_shows_it(desk: Desk, world: World) -> None:
    """With --json the whole answer is printed, with the secret that no later answer holds."""
    made = (await desk.ok("account", "keys", "create", "robot", "--json")).json
    assert made.pop("secret").startswith(f"clm_{made['id']}_")
    assert made in (await world.get("/v1/account/keys"))["items"]


async def test_a_repeated_try_does_not_show_the_key_again(desk: Desk) -> None:
    """Under the same idempotency key there is one API key, and the second try says that its secret is gone."""
    create = ("account", "keys", "create", "robot", "--idempotency-key", "mine")
    first, second = await desk.ok(*create), await desk.run(*create)
    assert first.out.startswith("clm_")
    assert (second.code, second.out) == (1, "")
    assert "was made by an earlier try, which alone showed the key" in second.err


async def test_a_revoked_key_opens_nothing(desk: Desk) -> None:
    """A key is named by its label or its id, and after the question it is not accepted any more."""
    key = (await desk.ok("account", "keys", "create", "robot")).out.strip()
    kept = await desk.typed("account", "keys", "revoke", "robot", answers=[("for good?", "n\n")])
    assert (kept.code, "Nothing was revoked." in kept.told) == (1, True)
    done = await desk.ok("account", "keys", "revoke", "robot", "--yes", "--json")
    assert done.json["revoked_at"]
    assert (await desk.run("list", CERTLOOM_API_KEY=key)).code == 3
    again = await desk.ok("account", "keys", "revoke", done.json["id"], "--yes")
    assert f"robot ({done.json['id']}) is revoked." in again.out


async def test_ones_own_key_is_named_as_such(desk: Desk) -> None:
    """Who is about to lock himself out is told so before the question."""
    done = await desk.typed("account", "keys", "revoke", desk.api_key.split("_")[1], answers=[("for good?", "n\n")])
    assert "This is the key that you are signed in with." in done.told


async def test_a_label_that_fits_several_keys_revokes_none(desk: Desk) -> None:
    """Two keys of one label are listed with their ids, and a label that fits none is told."""
    for _ in range(2):
        await desk.ok("account", "keys", "create", "robot")
    done = await desk.run("account", "keys", "revoke", "robot", "--yes")
    assert (done.code, "robot fits 2 keys; give the id of one:" in done.err) == (2, True)
    assert (await desk.run("account", "keys", "revoke", "nobody", "--yes")).code == 1


async def test_a_role_that_is_not_ones_own_to_give_is_refused(desk: Desk) -> None:
    """A member makes no operator's key, and the sentence says whose keys are whose."""
    done = await desk.run("account", "keys", "create", "root", "--role", "operator")
    assert (done.code, "role: An account's key is a viewer's or a member's" in done.err) == (1, True)
