"""Places to deploy to: added, listed, shown, tried; what they are driven with is never shown."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from certloom.domain.errors import NotFound, Outage
from certloom.domain.look import Finding, Look, Sight, Tried
from certloom.domain.target import PROVE_WITHIN, AlibabaCredentials, NginxSshCredentials, TargetKind
from certloom.storage.records import IdempotencyClaim
from tests.api.places import ACCESS, FORMS, KEY, SECRET, TARGETS, add, form, look, served
from tests.api.world import OURS, THEIRS, World, assert_problem, fresh, ok
from tests.lives import NOW

FIELDS = {
    "id", "account_id", "name", "kind", "settings", "has_credentials", "endpoints", "host", "prove_within",
    "created_at", "deleted_at", "deployment", "looked_at", "looks", "links",
}  # fmt: skip


async def test_a_target_is_added(world: World) -> None:
    """It answers 201 with its place, and shows what was filled in with the usual patience."""
    answer = await world.call("POST", TARGETS, form(endpoints=[{"host": "WWW.example.com"}]))
    view = ok(answer)
    assert answer.status_code == 201
    assert answer.headers["location"] == f"{TARGETS}/{view['id']}" == view["links"]["self"]
    assert set(view) == FIELDS
    assert view["id"].startswith("tgt_")
    assert (view["account_id"], view["kind"], view["host"]) == (OURS, "haproxy_tcp", None)
    assert view["endpoints"] == [{"host": "www.example.com", "port": 443, "server_name": None}]
    assert view["prove_within"] == 30
    assert view["settings"]["replace_unknown_with_no_way_back"] is False
    assert (view["deployment"], view["looked_at"], view["looks"]) == (None, None, [])
    assert await world.get(view["links"]["self"], who="viewer") == view


@pytest.mark.parametrize("kind", FORMS)
async def test_every_kind_can_be_added(world: World, kind: str) -> None:
    """An operator adds any kind for an account, with the patience of its kind."""
    view = await add(world, kind, who="operator", settings=FORMS[kind]["settings"])
    assert view["kind"] == kind
    assert view["prove_within"] == PROVE_WITHIN[TargetKind(kind)].total_seconds()
    assert view["has_credentials"] == ("credentials" in FORMS[kind])
    assert FORMS[kind]["settings"].items() <= view["settings"].items()
    assert "kind" not in view["settings"]


@pytest.mark.parametrize(("kind", "secret"), [("nginx_ssh", "AAAAAsecret"), ("alibaba_cdn", SECRET)])
async def test_secrets_are_sealed_and_never_shown(world: World, tmp_path: Path, kind: str, secret: str) -> None:
    """What a target is driven with is in no answer and, in clear, in no byte of the database."""
    answers = [await world.call("POST", TARGETS, form(kind), idempotency_key="k") for _ in range(2)]
    target_id = ok(answers[0])["id"]
    answers += [await world.call("GET", f"{TARGETS}/{target_id}"), await world.call("GET", TARGETS)]
    assert [answer.status_code for answer in answers] == [201, 201, 200, 200]
    assert not [answer.text for answer in answers if secret in answer.text]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(target_id.encode() in path.read_bytes() for path in files)
    assert not [path for path in files if secret.encode() in path.read_bytes()]


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("nginx_ssh", NginxSshCredentials.model_validate({"private_key": KEY})),
        ("alibaba_slb", AlibabaCredentials.model_validate(ACCESS)),
    ],
)
async def test_workers_can_read_what_was_sealed(world: World, kind: str, wanted: Any) -> None:
    """The sealed value opens under the target's own reference and is what was filled in."""
    target_id = (await add(world, kind))["id"]
    ref = f"{target_id}/credentials"
    async with world.storage.read() as tx:
        sealed = await tx.secrets.get(ref)
        assert await tx.secrets.count_owned(target_id) == 1
    assert sealed is not None
    assert type(wanted).model_validate_json(world.services.sealer.unseal(sealed, identity=ref)) == wanted


async def test_the_same_key_adds_one(world: World) -> None:
    """A repeated request gets the same answer, and there is one target."""
    first = ok(await world.call("POST", TARGETS, form(), idempotency_key="k"))
    assert ok(await world.call("POST", TARGETS, form(), idempotency_key="k")) == first
    assert len((await world.get(TARGETS))["items"]) == 1
    other = await world.call("POST", TARGETS, form(name="other"), idempotency_key="k")
    assert_problem(other, 422, "idempotency_mismatch")


async def test_a_crash_before_the_answer_adds_one(world: World) -> None:
    """An attempt that died after its transaction is found by the next one, and deleted things stay deleted."""
    first = ok(await world.call("POST", TARGETS, form("alibaba_cdn"), idempotency_key="k"))
    await world.call("DELETE", first["links"]["self"])
    async with world.storage.begin() as tx:  # as if the answer had never been kept
        unused = IdempotencyClaim(scope=OURS, key="k", fingerprint="", subject="", claimed_at=NOW)
        claim = await tx.idempotency.claim(unused)
        await tx.idempotency.purge(NOW + timedelta(days=1))
        await tx.idempotency.claim(claim.model_copy(update={"status": None, "body": None, "headers": {}}))
    world.clock.advance(minutes=2)
    again = ok(await world.call("POST", TARGETS, form("alibaba_cdn"), idempotency_key="k"))
    assert (again["id"], again["has_credentials"]) == (first["id"], False)
    async with world.storage.read() as tx:
        assert await tx.secrets.count_owned(first["id"]) == 0


async def test_adding_and_deleting_are_written_down(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who added and who deleted which target."""
    lines: list[dict[str, Any]] = []
    async with world.storage.begin() as tx:
        kind = type(tx.audit)
    original = kind.add

    async def write(self: object, **line: object) -> None:
        lines.append(line)
        await original(self, **line)  # type: ignore[arg-type]

    monkeypatch.setattr(kind, "add", write)
    view = await add(world)
    for _ in range(2):
        await world.call("DELETE", view["links"]["self"], who="operator")
    told = [(line["action"], line["actor"], line["account_id"], line["subject"]) for line in lines]
    assert told == [
        ("target.create", "keymember", OURS, view["id"]),
        ("target.delete", "keyoperator", OURS, view["id"]),
    ]


async def test_viewers_only_look(world: World) -> None:
    """A viewer sees targets, and neither adds nor tries nor deletes one."""
    path = (await add(world))["links"]["self"]
    assert (await world.get(TARGETS, who="viewer"))["items"]
    for method, where, body in (("POST", TARGETS, form()), ("POST", f"{path}/test", None), ("DELETE", path, None)):
        assert_problem(await world.call(method, where, body, who="viewer"), 403, "forbidden")


@pytest.mark.parametrize("kind", ["haproxy", "nginx"])
async def test_kinds_of_our_own_machines_are_operators(world: World, kind: str) -> None:
    """A member is told to ask an operator, whatever else is wrong with the form."""
    answer = await world.call("POST", TARGETS, form(kind, settings={}))
    assert "operator" in assert_problem(answer, 403, "forbidden")["detail"]
    view = await add(world, kind, who="operator")
    assert (view["host"], view["account_id"]) == ("edge-1", OURS)
    assert (await world.get(TARGETS))["items"] == [view]


async def test_operators_say_for_whom(world: World) -> None:
    """An operator names an account that exists; a member needs none, and none but the own."""
    for changes in ({}, {"account_id": "acct_nobody"}, {"account_id": "../x"}):
        answer = await world.call("POST", TARGETS, form(**changes), who="operator")
        assert assert_problem(answer, 422, "invalid")["errors"][0]["pointer"] == "/account_id"
    answer = await world.call("POST", TARGETS, form(account_id=THEIRS))
    assert assert_problem(answer, 422, "invalid")["errors"][0]["code"] == "account_not_yours"
    assert ok(await world.call("POST", TARGETS, form(account_id=OURS)))["account_id"] == OURS


async def test_another_accounts_target_does_not_exist(world: World) -> None:
    """Whatever a stranger asks of it, the answer is that of an unknown one."""
    path = (await add(world))["links"]["self"]
    for method, where in (("GET", path), ("DELETE", path), ("POST", f"{path}/test")):
        unknown = assert_problem(await world.call(method, where.replace("tgt_", "tgt_x")), 404, "not_found")
        assert assert_problem(await world.call(method, where, who="stranger"), 404, "not_found") == unknown
    assert (await world.get(TARGETS, who="stranger"))["items"] == []
    assert (await world.get(path))["deleted_at"] is None


@pytest.mark.parametrize("name", ["%00", "..%2Faccounts", "' OR 1=1 --", "tgt_%", "x" * 200, "тест"])
async def test_odd_ids_are_not_found(world: World, name: str) -> None:
    """An id that cannot be one is asked of no database."""
    await add(world)
    for method, rest in (("GET", ""), ("DELETE", ""), ("POST", "/test")):
        assert_problem(await world.call(method, f"{TARGETS}/{name}{rest}"), 404, "not_found")


async def test_pages_follow_each_other(world: World) -> None:
    """Walking by cursor shows each target once, newest first; operators walk over all accounts."""
    added = []
    for who in ("member", "stranger", "member"):
        added.append((await add(world, who=who))["id"])
        world.clock.advance(seconds=1)
    first = await world.get(f"{TARGETS}?limit=1")
    second = await world.get(f"{TARGETS}?limit=1&cursor={first['next_cursor']}")
    assert [one["id"] for page in (first, second) for one in page["items"]] == [added[2], added[0]]
    assert second["next_cursor"] is None
    assert [one["id"] for one in (await world.get(TARGETS, who="operator"))["items"]] == added[::-1]
    assert_problem(await world.call("GET", f"{TARGETS}?cursor=nonsense"), 422, "invalid")


async def test_a_target_says_what_it_serves(world: World) -> None:
    """The deployment that was proven last is named with its certificate, and what the watch saw since."""
    certificate, target, deployment = await served(world)
    async with world.storage.begin() as tx:
        await tx.targets.saw(target["id"], [look("ab" * 32)], world.clock())
    view = await world.get(target["links"]["self"])
    assert view["deployment"] == {"id": deployment["id"], "certificate_id": certificate["id"], "number": 1}
    assert view["looked_at"] == "2026-11-23T12:00:00Z"
    assert [(one["sight"], one["fingerprint_sha256"]) for one in view["looks"]] == [("served", "ab" * 32)]
    assert view["links"]["deployment"] == deployment["links"]["self"]


def tried(*looks: Look, works: bool = True) -> Tried:
    return Tried(findings=(Finding(what="address", works=works, detail="It answers."),), looks=looks)


@pytest.mark.parametrize(
    ("found", "works"),
    [
        (tried(look("ab" * 32)), True),
        (tried(look("ab" * 32), works=False), False),
        (tried(look(None)), False),
        (tried(look(None).model_copy(update={"sight": Sight.NO_CERTIFICATE})), True),
        (tried(look("ab" * 32), look(None).model_copy(update={"sight": Sight.REFUSED, "address": None})), False),
    ],
)
async def test_a_try_tells_what_works(world: World, found: Tried, works: bool) -> None:  # noqa: FBT001
    """Findings and handshakes are shown; all must work, except that nothing needs to be served there yet."""
    target = await add(world)
    world.client.tried = found
    answer = ok(await world.call("POST", target["links"]["test"]))
    assert answer["works"] is works
    assert answer["findings"][0]["what"] == "address"
    assert set(answer["endpoints"][0]) == {
        "endpoint", "address", "sight", "fingerprint_sha256", "serial", "names", "not_after", "detail",
    }  # fmt: skip


async def test_a_try_is_made_where_the_target_can_be_driven(world: World) -> None:
    """A host kind is tried by its host's worker, by operators too."""
    target = await add(world, "nginx", who="operator")
    ok(await world.call("POST", target["links"]["test"], who="operator", idempotency_key=fresh()))
    assert world.client.tries == [(target["id"], "edge-1")]


async def test_a_try_that_takes_too_long_is_an_outage(world: World) -> None:
    """Nobody waits longer than 10 s, and the answer says when to ask again."""
    path = (await add(world))["links"]["test"]
    world.client.broken = Outage("The target was not tried in time; ask again.")
    answer = await world.call("POST", path)
    assert_problem(answer, 503, "outage")
    assert answer.headers["retry-after"]
    world.client.broken = NotFound("There is no such target.")
    assert_problem(await world.call("POST", path), 404, "not_found")


async def test_one_place_has_one_target(world: World) -> None:
    """A second target for the same place is refused, until the first is deleted; another account has its own."""
    first = await add(world, "nginx_ssh")
    again = await world.call("POST", TARGETS, form("nginx_ssh", name="the same"))
    assert_problem(again, 409, "slot_taken")
    assert (await world.call("DELETE", first["links"]["self"])).status_code == 204

    assert (await world.call("POST", TARGETS, form("nginx_ssh"))).status_code == 201
    assert (await world.call("POST", TARGETS, form("nginx_ssh"), who="stranger")).status_code == 201
