"""Certificates from elsewhere."""

import io
import zipfile
from typing import Any

from certloom.domain.key import KeyType
from tests.api.world import World, assert_problem, fresh, ok
from tests.keys.authority import NOW, key_of, key_pem, leaf, lower, middle, sign

PATH = "/v1/uploads"
DAY = NOW - NOW.replace(day=NOW.day - 1)


def form(**changes: Any) -> dict[str, Any]:
    chain = lower().pem + middle().pem
    return {"label": "old", "certificate": leaf().pem, "chain": chain, "private_key": leaf().key_pem, **changes}


async def upload(world: World, **changes: Any) -> dict[str, Any]:
    return ok(await world.call("POST", PATH, form(**changes), idempotency_key=fresh()))


async def test_an_upload_is_issued_at_once(world: World) -> None:
    """It answers 201 with origin uploaded, and offers neither renewal nor revocation."""
    answer = await world.call("POST", PATH, form(), idempotency_key=fresh())
    view = ok(answer)
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v1/certificates/{view['id']}"
    assert (view["origin"], view["status"], view["label"]) == ("uploaded", "issued", "old")
    assert view["names"] == ["www.example.com", "*.example.com"]
    assert view["allowed_actions"] == ["deploy", "download", "delete"]
    assert view["renewal"] == {"next_at": None, "why": "uploaded", "last_error": None, "explanation_url": None}
    assert view["refund"] == {"amount": None, "state": "none", "why": "no_payment"}
    assert (await world.get(f"/v1/certificates/{view['id']}/refund-quote"))["why"] == "no_payment"


async def test_an_upload_can_be_downloaded(world: World) -> None:
    """The key comes back as it was."""
    view = await upload(world)
    answer = await world.call("POST", f"/v1/certificates/{view['id']}/download", {"format": "pkcs8"})
    with zipfile.ZipFile(io.BytesIO(answer.content)) as bundle:
        found = [bundle.read(name) for name in bundle.namelist() if name.endswith(".key")]
    assert found[0].decode().split() == leaf().key_pem.split()


async def test_an_uploaded_certificate_is_not_ours_to_revoke(world: World) -> None:
    """It can be deleted instead, at once and without a refund."""
    view = await upload(world)
    path = f"/v1/certificates/{view['id']}"
    found = assert_problem(
        await world.call("POST", f"{path}/revocation", {"reason": "superseded"}), 409, "illegal_state"
    )
    assert found["allowed_actions"] == ["deploy", "download", "delete"]
    assert (await world.call("DELETE", path)).status_code == 204


async def test_a_repeated_upload_is_one(world: World) -> None:
    """The same key uploads once."""
    one = ok(await world.call("POST", PATH, form(), idempotency_key="k"))
    assert ok(await world.call("POST", PATH, form(), idempotency_key="k"))["id"] == one["id"]
    assert len((await world.get("/v1/certificates"))["items"]) == 1


async def test_an_upload_needs_an_idempotency_key(world: World) -> None:
    """Like everything that makes something."""
    assert_problem(await world.call("POST", PATH, form()), 400, "idempotency_key_missing")


async def test_a_key_of_another_certificate_is_refused(world: World) -> None:
    """Key and leaf belong together."""
    other = key_pem(key_of(KeyType.ECDSA_P256, 1))
    answer = await world.call("POST", PATH, form(private_key=other), idempotency_key=fresh())
    assert assert_problem(answer, 422, "invalid")["errors"][0]["pointer"] == "/private_key"


async def test_an_upload_without_a_key_is_told_why(world: World) -> None:
    """Nothing could be done with it."""
    answer = await world.call("POST", PATH, form(private_key=None), idempotency_key=fresh())
    assert assert_problem(answer, 422, "invalid")["errors"][0]["code"] == "private_key_missing"


async def test_an_expired_certificate_is_refused(world: World) -> None:
    """Nobody could use it."""
    old = sign("old.example.com", names=("old.example.com",), begins=NOW - 3 * DAY, ends=NOW - DAY)
    body = form(certificate=old.pem, private_key=old.key_pem, chain=None)
    answer = await world.call("POST", PATH, body, idempotency_key=fresh())
    assert "certificate_expired" in [fault["code"] for fault in assert_problem(answer, 422, "invalid")["errors"]]


async def test_ten_megabytes_are_too_much(world: World) -> None:
    """No chain is that long."""
    answer = await world.call("POST", PATH, form(chain="x" * 10_000_000), idempotency_key=fresh())
    assert_problem(answer, 413, "too_large")


async def test_an_upload_that_nobody_takes_is_unknown(world: World) -> None:
    """When Temporal does not answer, the same key may be sent again and finds what was stored."""
    world.client.silent = True
    answer = await world.call("POST", PATH, form(), idempotency_key="k")
    assert assert_problem(answer, 503, "outcome_unknown")["outcome"] == "unknown"
    world.client.silent = False
    assert ok(await world.call("POST", PATH, form(), idempotency_key="k"))["status"] == "issued"


async def test_a_row_that_does_not_appear_is_unknown(world: World) -> None:
    """When the workflow's first activity takes too long, the answer says so instead of hanging."""

    async def admit(*_: object) -> None:
        return None

    world.client.admit = admit  # type: ignore[method-assign, assignment]
    answer = await world.call("POST", PATH, form(), idempotency_key=fresh())
    assert_problem(answer, 503, "outcome_unknown")


async def test_only_members_upload(world: World) -> None:
    """A viewer and an operator have nothing to bring."""
    for who in ("viewer", "operator"):
        answer = await world.call("POST", PATH, form(), who=who, idempotency_key=fresh())
        assert_problem(answer, 403, "forbidden")
