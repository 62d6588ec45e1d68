"""API keys, and what happens without a good one."""

from datetime import timedelta

import pytest

from api.auth import make_key
from api.throttle import TRIES, Throttle
from certloom.domain.role import Role
from certloom.storage.records import ApiKey
from tests.api.world import OURS, World, assert_problem, ok
from tests.lives import NOW

PATH = "/v1/account"


async def test_a_missing_key_is_told_how(world: World) -> None:
    """401 says which scheme is wanted."""
    answer = await world.call("GET", PATH, who=None)
    assert_problem(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"] == 'Bearer realm="certloom"'


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Basic Zm9vOmJhcg==",
        "Bearer clm_x",
        "Bearer clm_keymember_short",
        "Bearer clm_keymember_" + "A" * 43,
    ],
)
async def test_a_wrong_key_is_refused(world: World, header: str) -> None:
    """Whatever is not exactly a stored key is no key."""
    assert_problem(await world.call("GET", PATH, who=None, authorization=header), 401, "unauthenticated")


async def test_an_unknown_id_looks_like_a_wrong_secret(world: World) -> None:
    """The answer does not tell which ids exist."""
    wrong = await world.call("GET", PATH, who=None, authorization=f"Bearer clm_keymember_{'A' * 43}")
    unknown = await world.call("GET", PATH, who=None, authorization=f"Bearer clm_nobody_{'A' * 43}")
    assert wrong.json() == unknown.json()


async def test_a_revoked_key_opens_nothing(world: World) -> None:
    """From the moment it is revoked."""
    made = ok(await world.call("POST", "/v1/account/keys", {"role": "member", "label": "x"}))
    world.tokens["new"] = made["secret"]
    await world.get(PATH, who="new")
    assert (await world.call("DELETE", f"/v1/account/keys/{made['id']}")).status_code == 204
    assert_problem(await world.call("GET", PATH, who="new"), 401, "unauthenticated")


async def test_an_expired_key_opens_nothing(world: World) -> None:
    """From its end on."""
    made = make_key("keyold")
    key = ApiKey(
        id="keyold",
        account_id=OURS,
        role=Role.MEMBER,
        label="old",
        hash=made.hash,
        created_at=NOW,
        expires_at=NOW + timedelta(hours=1),
    )
    async with world.storage.begin() as tx:
        await tx.accounts.add_key(key)
    world.tokens["old"] = made.token
    await world.get(PATH, who="old")
    world.clock.advance(hours=1)
    assert_problem(await world.call("GET", PATH, who="old"), 401, "unauthenticated")


async def test_the_last_use_is_kept_by_the_minute(world: World) -> None:
    """It is written at the first use, and again when a minute has passed."""
    await world.get(PATH)
    world.clock.advance(seconds=30)
    await world.get(PATH)
    assert await _used(world) == NOW
    world.clock.advance(seconds=40)
    await world.get(PATH)
    assert await _used(world) == NOW + timedelta(seconds=70)


async def _used(world: World) -> object:
    async with world.storage.read() as tx:
        key = await tx.accounts.get_key("keymember")
    assert key is not None
    return key.last_used_at


async def test_too_many_wrong_keys_are_slowed_down(world: World) -> None:
    """After many wrong keys from one place comes 429, and a valid key still passes."""
    for _ in range(TRIES):
        assert_problem(await world.call("GET", PATH, who=None), 401, "unauthenticated")
    held = await world.call("GET", PATH, who=None)
    assert_problem(held, 429, "too_many_failures")
    assert held.headers["retry-after"] == "6"
    await world.get(PATH)
    world.clock.advance(seconds=6)
    assert_problem(await world.call("GET", PATH, who=None), 401, "unauthenticated")


def test_an_ipv6_line_is_one_place() -> None:
    """All addresses of a /64 share their tries; another /64 has its own."""
    throttle = Throttle()
    for number in range(TRIES):
        assert throttle.fail(f"2001:db8::{number:x}", NOW) == 0
    assert throttle.fail("2001:db8::ffff", NOW) > 0
    assert throttle.fail("2001:db8:0:1::1", NOW) == 0


def test_every_key_is_another() -> None:
    """Secrets are drawn, and only their hash is kept."""
    one, two = make_key("k"), make_key("k")
    assert one.token != two.token
    assert one.hash not in one.token
    assert len(one.token.split("_", 2)[2]) == 43
