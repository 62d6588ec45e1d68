"""What every request passes: hosts, sizes, media types, headers, and the last resort."""

import logging
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from api.middleware.body import LIMIT
from api.middleware.hosts import host_name
from tests.api.world import World, assert_problem, fresh, ok

PATH = "/v1/certificates"


async def _post(world: World, content: bytes | AsyncIterator[bytes], **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    auth = {"authorization": f"Bearer {world.tokens['member']}", "content-type": "application/json"}
    return await world.http.post(PATH, content=content, headers={**auth, "idempotency-key": fresh(), **named})


@pytest.mark.parametrize("body", [b"{", b"[1,]", b"\xff\xfe", b'{"a": NaN}', b"nonsense", b"1" * 5000, b"[" * 100_000])
async def test_what_is_not_json_is_told_so(world: World, body: bytes) -> None:
    """Broken, deep, huge or wrongly encoded JSON is one problem."""
    assert_problem(await _post(world, body), 400, "malformed_json")


@pytest.mark.parametrize("text", [b'{"label": "a\\u0000b"}', b'{"label": "\\ud800"}'])
async def test_text_that_no_database_keeps_is_refused(world: World, text: bytes) -> None:
    """NUL and half a surrogate pair stop at the door."""
    assert_problem(await _post(world, text), 400, "malformed_json")


@pytest.mark.parametrize("body", [b"[]", b"null", b"1", b'"x"', b"{}"])
async def test_json_of_another_shape_is_a_fault(world: World, body: bytes) -> None:
    """JSON that is not the form is 422 with faults."""
    assert assert_problem(await _post(world, body), 422, "invalid")["errors"]


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonp"])
async def test_another_media_type_is_refused(world: World, media_type: str) -> None:
    """Only JSON is read, so that a form of another site cannot post here."""
    assert_problem(await _post(world, b"{}", content_type=media_type), 415, "unsupported_media_type")


async def test_a_compressed_body_is_refused(world: World) -> None:
    """A small body cannot become a large one."""
    assert_problem(await _post(world, b"{}", content_encoding="gzip"), 415, "unsupported_media_type")


async def test_a_large_body_is_refused(world: World) -> None:
    """Ten megabytes are refused by their announced size."""
    assert_problem(await _post(world, b"x" * 10_000_000), 413, "too_large")


async def test_a_large_body_without_its_length_is_refused(world: World) -> None:
    """A streamed body is counted, and reading stops at the limit."""
    sent = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            sent += 65_536
            yield b"x" * 65_536

    assert_problem(await _post(world, chunks()), 413, "too_large")
    assert sent <= LIMIT + 2 * 65_536


async def test_an_unknown_host_is_not_answered(world: World) -> None:
    """Against DNS rebinding: 421 for another name, 400 for none."""
    assert_problem(await world.call("GET", "/v1/products", host="evil.example"), 421, "unknown_host")
    assert_problem(await world.call("GET", "/v1/products", host=""), 400, "bad_host")
    ok(await world.call("GET", "/v1/products", host="CERTS.test:8080"))
    assert (await world.call("GET", "/healthz", host="10.0.0.7")).status_code == 200


def test_hosts_are_read_without_their_port() -> None:
    """Names, addresses and IPv6 literals."""
    assert [host_name(text) for text in ("A.test:1", "127.0.0.1:1", "[::1]:80", "a.test.")] == [
        "a.test", "127.0.0.1", "::1", "a.test",
    ]  # fmt: skip


async def test_unknown_addresses_and_methods_are_problems(world: World) -> None:
    """404 and 405 look like every other error, and 405 says what is allowed."""
    assert_problem(await world.call("GET", "/v1/nothing"), 404, "not_found")
    assert_problem(await world.call("GET", "/v1/certificates/"), 404, "not_found")
    for path, allowed in (("/v1/products", "GET"), ("/v1/certificates/x", "DELETE, GET, PATCH")):
        answer = await world.call("PUT", path, {})
        assert_problem(answer, 405, "method_not_allowed")
        assert answer.headers["allow"] == allowed


async def test_every_answer_carries_careful_headers(world: World) -> None:
    """Good answers, refusals and pages."""
    for answer in (
        await world.call("GET", "/v1/products"),
        await world.call("GET", "/v1/products", host="evil.example"),
        await world.call("GET", "/docs", who=None),
        await _post(world, b"{"),
    ):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "cache-control" in answer.headers


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.ERROR):
        yield caplog


async def test_the_unexpected_is_a_number_and_no_more(world: World, quiet: pytest.LogCaptureFixture) -> None:
    """500 carries an id that is in the log, and neither of them the message."""
    view = await world.buy()
    world.client.broken = RuntimeError("the password is hunter2")
    answer = await world.call("POST", f"{PATH}/{view['id']}/cancellation")
    found = assert_problem(answer, 500, "internal")
    assert "hunter2" not in answer.text
    assert found["id"] in quiet.text
    assert "RuntimeError" in quiet.text
    assert "hunter2" not in quiet.text


async def test_faults_never_echo_what_was_sent(world: World) -> None:
    """A key pasted into the wrong field does not come back."""
    secret = "-----BEGIN PRIVATE KEY-----hunter2"
    answer = await world.call("POST", PATH, {"product": [secret], secret: 1}, idempotency_key=fresh())
    assert answer.status_code == 422
    assert '"input"' not in answer.text
    body = {"certificate": "x", "private_key": {"pem": secret}, "label": "x"}
    answer = await world.call("POST", "/v1/uploads", body, idempotency_key=fresh())
    assert answer.status_code == 422
    assert "hunter2" not in answer.text


@pytest.mark.parametrize("path", ["/v1/certificates", "/v1/certificates/none", "/session", "/healthz", "/openapi.json"])
async def test_head_answers_as_get_does(world: World, path: str) -> None:
    """Status, type and length are those of GET, and there is no body."""
    whole, bare = await world.call("GET", path), await world.call("HEAD", path)
    told = ("content-type", "content-length", "etag", "cache-control")
    assert bare.status_code == whole.status_code
    assert [bare.headers.get(name) for name in told] == [whole.headers.get(name) for name in told]
    assert (bare.content, bool(whole.content)) == (b"", True)


async def test_head_is_no_way_to_change_anything(world: World) -> None:
    """Where there is no GET, there is no HEAD."""
    view = await world.issued()
    answer = await world.call("HEAD", f"{view['links']['self']}/revocation")
    assert answer.status_code == 405
