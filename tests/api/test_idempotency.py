"""The same key, the same answer."""

import pytest

from certloom.domain.command import Accepted, Pay
from certloom.domain.state import CertificateState
from tests.api.world import OURS, World, assert_problem, fresh, ok

SINGLE = {"product": "single", "payment": {"method": "balance"}}
PATH = "/v1/certificates"


async def test_the_same_request_gets_the_same_answer(world: World) -> None:
    """Status, body, tag and place are those of the first time, and nothing is charged again."""
    before = await world.balance()
    first = await world.call("POST", PATH, SINGLE, idempotency_key="k")
    again = await world.call("POST", PATH, SINGLE, idempotency_key="k")
    assert (again.status_code, again.content) == (201, first.content)
    for name in ("location", "etag", "content-type"):
        assert again.headers[name] == first.headers[name]
    assert again.headers["idempotency-replayed"] == "true"
    assert before - await world.balance() == 900


async def test_the_order_of_fields_does_not_matter(world: World) -> None:
    """Two bodies that mean the same are the same."""
    first = ok(await world.call("POST", PATH, SINGLE, idempotency_key="k"))
    turned = {"payment": {"method": "balance"}, "product": "single"}
    assert ok(await world.call("POST", PATH, turned, idempotency_key="k"))["id"] == first["id"]


async def test_another_body_is_refused(world: World) -> None:
    """A key stands for one request."""
    await world.call("POST", PATH, SINGLE, idempotency_key="k")
    answer = await world.call("POST", PATH, {**SINGLE, "product": "multi"}, idempotency_key="k")
    assert_problem(answer, 422, "idempotency_mismatch")


async def test_another_path_is_refused(world: World) -> None:
    """So is the same body elsewhere."""
    one, two = await world.buy(), await world.buy()
    ok(await world.call("POST", f"{PATH}/{one['id']}/cancellation", idempotency_key="k"))
    answer = await world.call("POST", f"{PATH}/{two['id']}/cancellation", idempotency_key="k")
    assert_problem(answer, 422, "idempotency_mismatch")


async def test_keys_belong_to_an_account(world: World) -> None:
    """Two accounts may choose the same key."""
    ours = ok(await world.call("POST", PATH, SINGLE, idempotency_key="k"))
    theirs = ok(await world.call("POST", PATH, SINGLE, who="stranger", idempotency_key="k"))
    assert ours["id"] != theirs["id"]


async def test_a_refused_request_may_be_mended(world: World) -> None:
    """A request that was refused before anything happened does not use its key up."""
    bad = {**SINGLE, "product": "gold"}
    assert_problem(await world.call("POST", PATH, bad, idempotency_key="k"), 422, "invalid")
    ok(await world.call("POST", PATH, SINGLE, idempotency_key="k"))


async def test_a_bad_body_does_not_use_the_key_up(world: World) -> None:
    """Neither does one that breaks the form."""
    assert_problem(await world.call("POST", PATH, {"nonsense": 1}, idempotency_key="k"), 422, "invalid")
    ok(await world.call("POST", PATH, SINGLE, idempotency_key="k"))


async def test_a_command_may_carry_a_key(world: World) -> None:
    """A repeated cancellation answers as it did, instead of a refusal."""
    view = await world.buy()
    first = ok(await world.call("POST", f"{PATH}/{view['id']}/cancellation", idempotency_key="k"))
    assert ok(await world.call("POST", f"{PATH}/{view['id']}/cancellation", idempotency_key="k")) == first


async def test_a_request_at_work_is_not_begun_again(world: World) -> None:
    """While the first attempt is unanswered a second is told to wait; after a minute it takes over with the same id."""
    world.client.broken = RuntimeError("the process dies")
    await world.call("POST", PATH, SINGLE, idempotency_key="k")
    async with world.storage.begin() as tx:  # as a process that died leaves it: claimed now, unanswered
        await tx.idempotency.renew(OURS, "k", at=world.clock(), stale_before=world.clock())
    world.client.broken = None
    busy = await world.call("POST", PATH, SINGLE, idempotency_key="k")
    assert_problem(busy, 409, "idempotency_in_progress")
    assert busy.headers["retry-after"] == "1"
    world.clock.advance(seconds=61)
    ok(await world.call("POST", PATH, SINGLE, idempotency_key="k"))
    assert len((await world.get(PATH))["items"]) == 1


async def test_of_two_at_once_one_waits(world: World) -> None:
    """A double click buys once: the second request meets the first at work."""
    buy, second = world.client.buy, []

    async def buy_slowly(state: CertificateState, pay: Pay) -> Accepted:
        second.append(await world.call("POST", PATH, SINGLE, idempotency_key="k"))
        return await buy(state, pay)

    world.client.buy = buy_slowly  # type: ignore[method-assign]
    ok(await world.call("POST", PATH, SINGLE, idempotency_key="k"))
    assert [answer.status_code for answer in second] == [409]
    assert_problem(second[0], 409, "idempotency_in_progress")


async def test_a_crash_between_start_and_answer_repeats_with_the_same_id(world: World) -> None:
    """What was made before the crash is found, not made twice."""
    world.client.lost_answers = True
    first = await world.call("POST", PATH, SINGLE, idempotency_key="k")
    world.client.lost_answers = False
    second = ok(await world.call("POST", PATH, SINGLE, idempotency_key="k"))
    assert second["id"] == first.json()["id"]


@pytest.mark.parametrize("key", ["", "a b", "x" * 256])
async def test_a_key_is_plain_ascii(world: World, key: str) -> None:
    """Spaces, nothing and too much are refused."""
    assert_problem(await world.call("POST", PATH, SINGLE, idempotency_key=key), 400, "bad_request")


async def test_a_new_keys_secret_is_never_stored(world: World) -> None:
    """The repetition shows the same key with no secret."""
    body = {"role": "viewer", "label": "ci"}
    first = ok(await world.call("POST", "/v1/account/keys", body, idempotency_key="k"))
    again = ok(await world.call("POST", "/v1/account/keys", body, idempotency_key="k"))
    assert first["secret"].startswith(f"clm_{first['id']}_")
    assert again == {**first, "secret": None}
    assert len((await world.get("/v1/account/keys"))["items"]) == 3


async def test_downloads_store_nothing(world: World) -> None:
    """A bundle is packed anew each time, whatever key comes with the request."""
    view = await world.issued()
    for _ in range(2):
        key = fresh()
        path = f"{PATH}/{view['id']}/download"
        answer = await world.call("POST", path, {"format": "nginx"}, idempotency_key=key)
        assert answer.status_code == 200
        assert "idempotency-replayed" not in answer.headers
