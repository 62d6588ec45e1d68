"""Bad input about a target: each fault has its place and a sentence, and no fault repeats a secret."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.places import ACCESS, FORMS, HOST_KEY, KEY, TARGETS, form
from tests.api.test_fuzz import VALUES, Machine
from tests.api.world import JSON, OURS, World, assert_problem

SSH = FORMS["nginx_ssh"]["settings"]


async def faults(world: World, body: JSON, *, who: str = "operator") -> dict[str, str]:
    """Return code by pointer."""
    answer = await world.call("POST", TARGETS, {"account_id": OURS, **body}, who=who)
    found = assert_problem(answer, 422, "invalid")["errors"]
    assert all(one["detail"][0].isupper() and one["detail"].endswith(".") for one in found), found
    assert (await world.get(TARGETS))["items"] == []
    return {one["pointer"]: one["code"] for one in found}


@pytest.mark.parametrize("change", [{"name": ""}, {"name": "x" * 201}, {"name": "a\nb"}, {"name": 5}, {"colour": 1}])
async def test_a_name_is_one_line(world: World, change: JSON) -> None:
    """1 to 200 characters, and nothing that is not asked for."""
    assert list(await faults(world, form(**change))) == [f"/{next(iter(change))}"]


async def test_an_unknown_kind_is_told_the_kinds(world: World) -> None:
    """The sentence names every kind there is."""
    answer = await world.call("POST", TARGETS, {**form(), "kind": "iis"})
    (fault,) = assert_problem(answer, 422, "invalid")["errors"]
    assert fault["pointer"] == "/kind"
    assert all(kind in fault["detail"] for kind in FORMS)


@pytest.mark.parametrize(
    ("kind", "change", "field"),
    [
        ("haproxy", {"file": "certs/www.pem"}, "file"),
        ("haproxy", {"file": "/etc/haproxy/../shadow"}, "file"),
        ("haproxy", {"file": "/etc//x"}, "file"),
        ("haproxy", {"file": "/a\nset ssl cert"}, "file"),
        ("haproxy", {"crt_list": "list"}, "crt_list"),
        ("haproxy", {"host": "edge 1"}, "host"),
        ("haproxy", {"host": "targets/../x"}, "host"),
        ("haproxy", {"instance": "a b"}, "instance"),
        ("haproxy_tcp", {"port": 0}, "port"),
        ("haproxy_tcp", {"port": 65536}, "port"),
        ("haproxy_tcp", {"port": "9999"}, "port"),
        ("haproxy_tcp", {"port": True}, "port"),
        ("haproxy_tcp", {"port": 1.5}, "port"),
        ("haproxy_tcp", {"address": "a b"}, "address"),
        ("haproxy_tcp", {"address": "x; rm -rf /"}, "address"),
        ("haproxy_tcp", {"replace_unknown_with_no_way_back": "yes"}, "replace_unknown_with_no_way_back"),
        ("haproxy_tcp", {"file": None}, "file"),
        ("nginx", {"folder": "/"}, "folder"),
        ("nginx", {"folder": "/x" * 300}, "folder"),
        ("nginx_ssh", {"user": "root; id"}, "user"),
        ("nginx_ssh", {"host_key": f"web.example.com {HOST_KEY}"}, "host_key"),
        ("nginx_ssh", {"host_key": "ssh-ed25519 AAAA\nssh-rsa BBBB"}, "host_key"),
        ("nginx_ssh", {"sudo": 1}, "sudo"),
        ("alibaba_cdn", {"domain": "*.example.com"}, "domain"),
        ("alibaba_cdn", {"domain": "x/../y"}, "domain"),
        ("alibaba_cdn", {"region": "mars"}, "region"),
        ("alibaba_slb", {"region": "CN"}, "region"),
        ("alibaba_slb", {"load_balancer_id": "lb-1&Action=DeleteLoadBalancer"}, "load_balancer_id"),
        ("alibaba_slb", {"domain": "nodots"}, "domain"),
        ("alibaba_slb", {"listener_port": 70000}, "listener_port"),
    ],
)
async def test_a_bad_setting_is_named(world: World, kind: str, change: JSON, field: str) -> None:
    """Each setting is held to its kind's rules, strictly, and the fault stands at the setting."""
    body = form(kind, settings={**FORMS[kind]["settings"], **change})
    assert list(await faults(world, body)) == [f"/settings/{field}"]


@pytest.mark.parametrize("kind", FORMS)
async def test_needed_settings_are_asked_for_and_unknown_ones_refused(world: World, kind: str) -> None:
    """Nothing that is missing is guessed, and nothing that is misspelt is dropped."""
    found = await faults(world, form(kind, settings={"colour": "blue"}))
    assert found.pop("/settings/colour") == "extra_forbidden"
    assert set(found.values()) == {"missing"}
    assert await faults(world, form(kind, settings={**FORMS[kind]["settings"], "kind": kind})) == {
        "/settings/kind": "extra_forbidden"
    }


@pytest.mark.parametrize("settings", [None, [], "x", 5])
async def test_settings_are_an_object(world: World, settings: Any) -> None:
    """Anything else is a fault of the whole."""
    assert list(await faults(world, form(settings=settings))) == ["/settings"]


async def test_settings_of_another_kind_are_refused(world: World) -> None:
    """The kind decides which settings there are."""
    found = await faults(world, form("haproxy_tcp", settings=FORMS["nginx"]["settings"]))
    assert found == {
        "/settings/address": "missing", "/settings/port": "missing", "/settings/file": "missing",
        "/settings/host": "extra_forbidden", "/settings/folder": "extra_forbidden",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "credentials", "expected"),
    [
        ("nginx_ssh", None, {"/credentials": "credentials_missing"}),
        ("haproxy_tcp", {"private_key": KEY}, {"/credentials": "credentials_needless"}),
        ("haproxy_tcp", {}, {"/credentials": "credentials_needless"}),
        ("nginx_ssh", {}, {"/credentials/private_key": "missing"}),
        ("nginx_ssh", {"private_key": ""}, {"/credentials/private_key": "missing"}),
        ("alibaba_cdn", {**ACCESS, "access_key_secret": " "}, {"/credentials/access_key_secret": "missing"}),
        ("alibaba_cdn", {**ACCESS, "access_key_id": "a b"}, {"/credentials/access_key_id": "string_pattern_mismatch"}),
        ("alibaba_cdn", {**ACCESS, "kind": "x"}, {"/credentials/kind": "extra_forbidden"}),
    ],
)
async def test_credentials_are_those_of_the_kind(
    world: World, kind: str, credentials: JSON | None, expected: dict[str, str]
) -> None:
    """Missing where they are needed and given where they are not are both told."""
    assert await faults(world, form(kind, credentials=credentials)) == expected


HIDDEN = "s3cr3tOfMine"


@pytest.mark.parametrize(
    ("kind", "credentials", "code"),
    [
        ("nginx_ssh", {"private_key": HIDDEN}, "key_unreadable"),
        ("nginx_ssh", {"private_key": f"-----BEGIN PUBLIC KEY-----\n{HIDDEN}"}, "key_unreadable"),
        ("nginx_ssh", {"private_key": f"-----BEGIN ENCRYPTED PRIVATE KEY-----\n{HIDDEN}"}, "key_encrypted"),
        (
            "nginx_ssh",
            {"private_key": f"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n{HIDDEN}"},
            "key_encrypted",
        ),
        ("nginx_ssh", {"private_key": HIDDEN * 2000}, "too_long"),
        ("nginx_ssh", {"private_key": {HIDDEN: 1}}, "string_type"),
        ("nginx_ssh", {"private_key": [HIDDEN]}, "string_type"),
        ("nginx_ssh", {HIDDEN: KEY, "private_key": KEY}, "extra_forbidden"),
        ("alibaba_cdn", {**ACCESS, "access_key_secret": HIDDEN * 20}, "too_long"),
        ("alibaba_cdn", {**ACCESS, "access_key_id": f"{HIDDEN} "}, "string_pattern_mismatch"),
        ("alibaba_cdn", HIDDEN, "dict_type"),
        ("haproxy_tcp", {"private_key": HIDDEN}, "credentials_needless"),
    ],
)
async def test_a_bad_secret_is_never_repeated(
    world: World, caplog: pytest.LogCaptureFixture, kind: str, credentials: Any, code: str
) -> None:
    """Neither answer nor log quotes what was filled in as a secret, not even as a field's name."""
    answer = await world.call("POST", TARGETS, form(kind, credentials=credentials), idempotency_key="k")
    assert [one["code"] for one in assert_problem(answer, 422, "invalid")["errors"]] == [code]
    assert HIDDEN not in answer.text
    assert HIDDEN not in caplog.text


@pytest.mark.parametrize(
    ("endpoints", "place"),
    [
        ([], "/endpoints"),
        ([{"host": f"h{n}.example.com"} for n in range(21)], "/endpoints"),
        (None, "/endpoints"),
        ([{}], "/endpoints/0/host"),
        ([{"host": "a b"}], "/endpoints/0/host"),
        ([{"host": "https://www.example.com/"}], "/endpoints/0/host"),
        ([{"host": "www.example.com", "port": 0}], "/endpoints/0/port"),
        ([{"host": "www.example.com", "server_name": "*.example.com"}], "/endpoints/0/server_name"),
        ([{"host": "www.example.com", "path": "/"}], "/endpoints/0/path"),
        ([{"host": "www.example.com"}, {"host": "WWW.example.com", "port": 443}], "/endpoints/1"),
        ([{"host": "a.example.com"}, {"host": "a.example.com", "server_name": "a.example.com"}], "/endpoints/1"),
    ],
)
async def test_endpoints_are_places_that_can_be_asked(world: World, endpoints: Any, place: str) -> None:
    """1 to 20, each a host and a port, none twice."""
    assert list(await faults(world, form(endpoints=endpoints))) == [place]


@pytest.mark.parametrize("seconds", [0, -1, 86_401, 1.5, "60", True])
async def test_patience_is_a_day_at_most(world: World, seconds: Any) -> None:
    """1 s to 24 h, in whole seconds."""
    assert list(await faults(world, form(prove_within=seconds))) == ["/prove_within"]


async def test_patience_can_be_given(world: World) -> None:
    """What is given replaces the kind's own."""
    answer = await world.call("POST", TARGETS, form(prove_within=86_400))
    assert answer.json()["prove_within"] == 86_400


async def test_all_faults_come_at_once(world: World) -> None:
    """Nobody mends a form one fault at a time."""
    body = form("nginx_ssh", settings={**SSH, "port": 0}, credentials={"private_key": "x"}, account_id="acct_no")
    body["endpoints"] = [{"host": "a.example.com"}] * 2
    assert set(await faults(world, body)) == {
        "/account_id", "/settings/port", "/credentials/private_key", "/endpoints/1",
    }  # fmt: skip


def test_random_settings_are_never_our_fault() -> None:
    """Every kind with any settings, credentials and endpoints: an answer below 500."""
    machine = Machine()
    names = sorted({name for one in FORMS.values() for name in one["settings"]} | {"private_key", "kind"})
    parts = st.dictionaries(st.sampled_from(names) | st.text(max_size=5), VALUES, max_size=4) | VALUES
    places = st.lists(st.dictionaries(st.sampled_from(["host", "port", "server_name"]), VALUES), max_size=3)

    @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(kind=st.sampled_from(list(FORMS)), given=parts, secrets=parts, endpoints=places, good=st.booleans())
    def sends(kind: str, given: Any, secrets: Any, endpoints: Any, good: bool) -> None:  # noqa: FBT001
        whole = {**FORMS[kind]["settings"], **given} if good and isinstance(given, dict) else given
        body = form(kind, settings=whole, credentials=secrets, endpoints=endpoints or [{"host": "a.example.com"}])
        answer = machine.send("POST", TARGETS, json.dumps({**body, "account_id": OURS}).encode(), "operator")
        assert answer.status_code in (201, 400, 422), answer.text

    try:
        sends()
    finally:
        machine.close()


async def test_deep_settings_are_refused(world: World) -> None:
    """Nesting beyond reason is bad input, not a fault of ours."""
    for depth in (50, 500, 5000):
        content = json.dumps(form()).replace('"port": 9999', '"port": ' + "[" * depth + "]" * depth)
        headers = {"Authorization": f"Bearer {world.tokens['member']}", "Content-Type": "application/json"}
        answer = await world.http.post(TARGETS, content=content, headers=headers)
        assert answer.status_code in (400, 422), (depth, answer.text)
