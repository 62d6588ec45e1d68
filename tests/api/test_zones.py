"""DNS zones: added, listed, shown, tried, forgotten; what they are written with is never shown."""

import re
from pathlib import Path
from typing import Any

import pytest

from certloom.dns.interface import DnsRefused
from certloom.domain.errors import Outage
from certloom.domain.zone import MOST_ZONES, LexiconCredentials, Rfc2136Credentials
from tests.api.world import OURS, THEIRS, World, assert_problem, fresh, ok

ZONES = "/v1/zones"
SECRET = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I="
TOKEN = "a-token-of-the-vendor"
FIELDS = {"id", "account_id", "zone", "kind", "settings", "has_credentials", "created_at", "links"}
FORMS: dict[str, dict[str, Any]] = {
    "manual": {"kind": "manual"},
    "rfc2136": {
        "kind": "rfc2136",
        "settings": {"server": "ns1.example.net", "key_name": "certloom-key"},
        "credentials": {"secret": SECRET},
    },
    "lexicon": {
        "kind": "lexicon",
        "settings": {"provider": "cloudflare"},
        "credentials": {"auth_token": TOKEN},
    },
}


def form(kind: str = "rfc2136", zone: str = "example.com", **changes: Any) -> dict[str, Any]:
    return {"zone": zone, **FORMS[kind], **changes}


async def add(world: World, kind: str = "rfc2136", *, who: str = "member", **changes: Any) -> dict[str, Any]:
    return ok(await world.call("POST", ZONES, form(kind, **changes), who=who, idempotency_key=fresh()))


async def test_a_zone_is_added(world: World) -> None:
    """It answers 201 with its place, and shows what was filled in, in ASCII and with what was left out."""
    answer = await world.call("POST", ZONES, form(zone=" Bücher.example.COM. "))
    view = ok(answer)
    assert answer.status_code == 201
    assert answer.headers["location"] == f"{ZONES}/{view['id']}" == view["links"]["self"]
    assert set(view) == FIELDS
    assert re.fullmatch(r"zone_[a-z2-7]{26}", view["id"])
    assert (view["account_id"], view["zone"], view["has_credentials"]) == (OURS, "xn--bcher-kva.example.com", True)
    assert view["settings"] == {
        "server": "ns1.example.net", "port": 53, "key_name": "certloom-key", "algorithm": "hmac-sha256",
    }  # fmt: skip
    assert await world.get(view["links"]["self"], who="viewer") == view


@pytest.mark.parametrize("kind", FORMS)
async def test_every_kind_can_be_added_by_a_member(world: World, kind: str) -> None:
    """None of them reaches anything inside by itself, so none is kept for operators."""
    view = await add(world, kind)
    assert (view["kind"], view["has_credentials"]) == (kind, "credentials" in FORMS[kind])


@pytest.mark.parametrize("zone", ["_acme-challenge.www.example.com", "shop.example.co.uk", "a.lab.test", "lab.test"])
async def test_zones_that_somebody_may_own(world: World, zone: str) -> None:
    """A registered name, one below it, a proof's own name as a zone, and internal names."""
    assert (await add(world, zone=zone))["zone"] == zone


@pytest.mark.parametrize(
    ("zone", "code"),
    [
        ("com", "name_is_suffix"),
        ("co.uk", "name_is_suffix"),
        ("*.example.com", "zone_starred"),
        ("", "name_empty"),
        ("_foo.example.com", "name_underscore"),
        ("_acme-challenge.com", "name_is_suffix"),
        ("10.0.0.1", "name_ip_address"),
        ("example.nosuchsuffix", "name_unknown_suffix"),
        ("https://example.com/", "name_not_a_host"),
    ],
)
async def test_other_names_are_refused(world: World, zone: str, code: str) -> None:
    """Where many parties hold names, or nobody can, no zone is kept."""
    answer = await world.call("POST", ZONES, form(zone=zone))
    (fault,) = assert_problem(answer, 422, "invalid")["errors"]
    assert (fault["pointer"], fault["code"]) == ("/zone", code)


@pytest.mark.parametrize(
    ("kind", "changes", "pointer"),
    [
        ("manual", {"credentials": {"secret": SECRET}}, "/credentials"),
        ("manual", {"settings": {"server": "x"}}, "/settings/server"),
        ("rfc2136", {"credentials": None}, "/credentials"),
        ("rfc2136", {"credentials": {}}, "/credentials/secret"),
        ("rfc2136", {"credentials": {"secret": "short"}}, "/credentials/secret"),
        ("rfc2136", {"credentials": {"secret": SECRET, SECRET: "x"}}, "/credentials"),
        ("rfc2136", {"settings": {}}, "/settings/server"),
        ("rfc2136", {"settings": {"server": "a b", "key_name": "k"}}, "/settings/server"),
        ("rfc2136", {"settings": {"server": "ns", "key_name": "a b"}}, "/settings/key_name"),
        ("rfc2136", {"settings": {"server": "ns", "key_name": "a..b"}}, "/settings/key_name"),
        ("rfc2136", {"settings": {"server": "ns", "key_name": "a" * 64}}, "/settings/key_name"),
        ("rfc2136", {"settings": {"server": "ns", "key_name": "k", "algorithm": "hmac-md5"}}, "/settings/algorithm"),
        ("rfc2136", {"settings": {"server": "ns", "key_name": "k", "port": 0}}, "/settings/port"),
        ("rfc2136", {"settings": {"server": "ns", "key_name": "k", "kind": "manual"}}, "/settings/kind"),
        ("lexicon", {"settings": {"provider": "powerdns"}}, "/settings/provider"),
        ("lexicon", {"settings": {"provider": "ddns"}}, "/settings/provider"),
        ("lexicon", {"settings": {"provider": "cloudflare", "api_endpoint": "http://x/"}}, "/settings/api_endpoint"),
        ("lexicon", {"credentials": {"auth_token": TOKEN, "api_endpoint": "http://10.0.0.1/"}}, "/credentials"),
        ("lexicon", {"credentials": {"zone_id": "x"}}, "/credentials/auth_token"),
        ("lexicon", {"credentials": {"auth_token": "two words"}}, "/credentials/auth_token"),
        ("lexicon", {"credentials": {"auth_token": 7}}, "/credentials/auth_token"),
        ("lexicon", {"credentials": None}, "/credentials"),
    ],
)
async def test_a_fault_says_where_it_is(world: World, kind: str, changes: dict[str, Any], pointer: str) -> None:
    """Every bad field has its pointer and a sentence, in which no secret is repeated."""
    answer = await world.call("POST", ZONES, form(kind, **changes))
    faults = assert_problem(answer, 422, "invalid")["errors"]
    assert pointer in [fault["pointer"] for fault in faults]
    assert all(fault["detail"].endswith(".") for fault in faults)
    assert not [word for word in (SECRET, TOKEN, "10.0.0.1") if word in answer.text]


@pytest.mark.parametrize(("kind", "secret"), [("rfc2136", SECRET), ("lexicon", TOKEN)])
async def test_secrets_are_sealed_and_never_shown(world: World, tmp_path: Path, kind: str, secret: str) -> None:
    """What a zone is written with is in no answer and, in clear, in no byte of the database."""
    answers = [await world.call("POST", ZONES, form(kind), idempotency_key="k") for _ in range(2)]
    zone_id = ok(answers[0])["id"]
    answers += [await world.call("GET", f"{ZONES}/{zone_id}"), await world.call("GET", ZONES)]
    assert [answer.status_code for answer in answers] == [201, 201, 200, 200]
    assert not [answer.text for answer in answers if secret in answer.text]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(zone_id.encode() in path.read_bytes() for path in files)
    assert not [path for path in files if secret.encode() in path.read_bytes()]


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("rfc2136", Rfc2136Credentials.model_validate({"secret": SECRET})),
        ("lexicon", LexiconCredentials.model_validate({"options": {"auth_token": TOKEN}})),
    ],
)
async def test_workers_can_read_what_was_sealed(world: World, kind: str, wanted: Any) -> None:
    """The sealed value opens under the zone's own reference and is what was filled in; it dies with the zone."""
    view = await add(world, kind)
    ref = f"{view['id']}/credentials"
    async with world.storage.read() as tx:
        sealed = await tx.secrets.get(ref)
    assert sealed is not None
    assert type(wanted).model_validate_json(world.services.sealer.unseal(sealed, identity=ref)) == wanted
    assert (await world.call("DELETE", view["links"]["self"])).status_code == 204
    async with world.storage.read() as tx:
        assert await tx.secrets.count_owned(view["id"]) == 0


async def test_a_zone_can_be_forgotten_again_and_again(world: World) -> None:
    """It answers 204 each time, is not shown any more, and its name is free."""
    view = await add(world)
    for _ in range(2):
        assert (await world.call("DELETE", view["links"]["self"])).status_code == 204
    assert_problem(await world.call("GET", view["links"]["self"]), 404, "not_found")
    assert (await world.get(ZONES))["items"] == []
    await add(world)


async def test_the_same_key_adds_one(world: World) -> None:
    """A repeated request gets the same answer, and there is one zone."""
    first = ok(await world.call("POST", ZONES, form(), idempotency_key="k"))
    assert ok(await world.call("POST", ZONES, form(), idempotency_key="k")) == first
    assert len((await world.get(ZONES))["items"]) == 1


async def test_an_account_has_each_zone_once(world: World) -> None:
    """A second one of the same name is refused; another account may have it."""
    await add(world)
    assert_problem(await world.call("POST", ZONES, form()), 409, "zone_taken")
    await add(world, who="stranger")


async def test_an_account_has_so_many_zones(world: World) -> None:
    """The limit is told, and counts undeleted ones."""
    for number in range(MOST_ZONES):
        await add(world, "manual", zone=f"n{number}.example.com")
    answer = await world.call("POST", ZONES, form())
    assert str(MOST_ZONES) in assert_problem(answer, 409, "too_many_zones")["detail"]
    page = await world.get(f"{ZONES}?limit=1")
    await world.call("DELETE", page["items"][0]["links"]["self"])
    await add(world)


async def test_adding_and_forgetting_are_written_down(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who added and who forgot which zone, once each."""
    lines: list[tuple[object, ...]] = []
    async with world.storage.begin() as tx:
        kind = type(tx.audit)

    async def write(_: object, **line: object) -> None:
        lines.append((line["action"], line["actor"], line["account_id"], line["subject"]))

    monkeypatch.setattr(kind, "add", write)
    view = await add(world)
    for _ in range(2):
        await world.call("DELETE", view["links"]["self"], who="operator")
    assert lines == [
        ("zone.create", "keymember", OURS, view["id"]),
        ("zone.delete", "keyoperator", OURS, view["id"]),
    ]


async def test_viewers_only_look(world: World) -> None:
    """A viewer sees zones, and neither adds nor tries nor forgets one."""
    path = (await add(world))["links"]["self"]
    assert (await world.get(ZONES, who="viewer"))["items"]
    for method, where, body in (("POST", ZONES, form()), ("POST", f"{path}/test", None), ("DELETE", path, None)):
        assert_problem(await world.call(method, where, body, who="viewer"), 403, "forbidden")


async def test_operators_say_for_whom(world: World) -> None:
    """An operator names an account that exists; a member needs none, and none but the own."""
    for changes in ({}, {"account_id": "acct_nobody"}, {"account_id": "../x"}):
        answer = await world.call("POST", ZONES, form(**changes), who="operator")
        assert assert_problem(answer, 422, "invalid")["errors"][0]["pointer"] == "/account_id"
    answer = await world.call("POST", ZONES, form(account_id=THEIRS))
    assert assert_problem(answer, 422, "invalid")["errors"][0]["code"] == "account_not_yours"
    assert (await add(world, who="operator", account_id=OURS))["account_id"] == OURS


@pytest.mark.parametrize("name", ["{foreign}", "zone_none", "%00", "..%2Faccounts", "x" * 200])
async def test_another_accounts_zone_does_not_exist(world: World, name: str) -> None:
    """Whatever a stranger asks of it, the answer is that of an unknown one."""
    view = await add(world)
    path = f"{ZONES}/{name.format(foreign=view['id'])}"
    for method, rest in (("GET", ""), ("DELETE", ""), ("POST", "/test")):
        assert_problem(await world.call(method, f"{path}{rest}", who="stranger"), 404, "not_found")
    assert (await world.get(ZONES, who="stranger"))["items"] == []
    assert await world.get(view["links"]["self"]) == view
    assert world.dns.calls == {}


async def test_a_try_writes_and_takes_away(world: World) -> None:
    """A random value comes and goes under the test's own label, and nothing is left to sweep."""
    view = await add(world)
    answer = ok(await world.call("POST", view["links"]["test"]))
    assert answer["works"]
    assert answer["detail"].endswith(".")
    ((did, name, value), (undid, _, _)) = world.dns.calls
    assert (did, undid, name) == ("present", "clean_up", "_certloom-test.example.com")
    assert re.fullmatch(r"test_[a-z2-7]{26}", value)
    assert world.dns.shown == {}
    async with world.storage.read() as tx:
        assert await tx.published.of_certificate(view["id"]) == []


@pytest.mark.parametrize(
    ("error", "left"), [(DnsRefused("The key k is refused."), 0), (Outage("The server is away."), 1)]
)
async def test_a_try_tells_what_is_wrong(world: World, error: DnsRefused | Outage, left: int) -> None:
    """The sentence is the adapter's; what may stand there all the same is left to the sweep."""
    view = await add(world)
    world.dns.broken = error
    answer = ok(await world.call("POST", view["links"]["test"]))
    assert answer == {"works": False, "detail": error.detail}
    async with world.storage.read() as tx:
        rows = await tx.published.of_certificate(view["id"])
    assert len(rows) == left
    assert all(row.unwanted_since and row.how == view["id"] for row in rows)


async def test_there_is_nothing_to_try_by_hand(world: World) -> None:
    """A manual zone works by definition."""
    view = await add(world, "manual")
    assert ok(await world.call("POST", view["links"]["test"]))["works"]
    assert world.dns.calls == {}


async def test_pages_follow_each_other(world: World) -> None:
    """Walking by cursor shows each zone once, newest first; operators walk over all accounts."""
    added = []
    for who, zone in (("member", "a.test.example.com"), ("stranger", "b.example.com"), ("member", "c.example.com")):
        added.append((await add(world, who=who, zone=zone))["id"])
        world.clock.advance(seconds=1)
    first = await world.get(f"{ZONES}?limit=1")
    second = await world.get(f"{ZONES}?limit=1&cursor={first['next_cursor']}")
    assert [one["id"] for page in (first, second) for one in page["items"]] == [added[2], added[0]]
    assert second["next_cursor"] is None
    assert [one["id"] for one in (await world.get(ZONES, who="operator"))["items"]] == added[::-1]
