"""Ends: revocation, replacement, renewal, cancellation, deletion, and the money."""

from typing import Any

import pytest

from certloom.domain import fact as f
from certloom.domain.rights import not_now
from certloom.domain.step import StepKind
from tests.api.csrs import csr, spki_sha256
from tests.api.world import World, assert_problem, ok
from tests.lives import NOW


def path(view: dict[str, Any], rest: str = "") -> str:
    return f"/v1/certificates/{view['id']}{rest}"


async def revoke(world: World, view: dict[str, Any], reason: str = "superseded", **more: Any) -> Any:
    who = more.pop("who", "member")
    return await world.call("POST", path(view, "/revocation"), {"reason": reason, **more}, who=who)


async def test_a_revocation_inside_the_window_pays_back(world: World) -> None:
    """The whole charge comes back, and the view says so."""
    before = await world.balance()
    view = ok(await revoke(world, await world.issued()))
    assert (view["status"], view["revocation"]["reason"]) == ("revoked", "superseded")
    amount = {"amount": 900, "currency": "EUR"}
    assert view["refund"] == {"amount": amount, "state": "done", "why": "inside_window"}
    assert await world.balance() == before
    assert view["allowed_actions"] == ["delete"]


async def test_a_revocation_after_the_window_pays_nothing(world: World) -> None:
    """A second late is late."""
    issued = await world.issued()
    world.clock.advance(days=30, seconds=1)
    view = ok(await revoke(world, issued))
    assert view["refund"] == {"amount": {"amount": 0, "currency": "EUR"}, "state": "none", "why": "window_over"}


async def test_revoking_twice_is_not_possible(world: World) -> None:
    """The second request is told that it is done."""
    view = await world.issued()
    ok(await revoke(world, view))
    found = assert_problem(await revoke(world, view), 409, "illegal_state")
    assert (found["current"], found["allowed_actions"]) == ("revoked", ["delete"])


async def test_reasons_are_the_customers_or_the_cas(world: World) -> None:
    """privilege_withdrawn is the CA's: an operator may give it, a customer may not."""
    view = await world.issued()
    found = assert_problem(await revoke(world, view, "privilege_withdrawn"), 422, "invalid")
    assert found["errors"][0]["pointer"] == "/reason"
    assert ok(await revoke(world, view, "privilege_withdrawn", who="operator"))["status"] == "revoked"


async def test_an_unknown_reason_is_refused(world: World) -> None:
    """Reasons are those of RFC 5280, as narrowed."""
    assert_problem(await revoke(world, await world.issued(), "certificate_hold"), 422, "invalid")


async def test_force_is_a_yes_or_no(world: World) -> None:
    """A word instead of true forces nothing."""
    assert_problem(await revoke(world, await world.issued(), force="yes"), 422, "invalid")


async def test_what_is_not_issued_is_not_revoked(world: World) -> None:
    """An order is cancelled, not revoked."""
    found = assert_problem(await revoke(world, await world.buy()), 409, "illegal_state")
    assert found["allowed_actions"] == ["apply", "cancel_order"]


async def test_the_quote_is_what_would_be_paid_back(world: World) -> None:
    """The quote says the amount and the window's last second."""
    view = await world.issued()
    quote = await world.get(path(view, "/refund-quote"), who="viewer")
    assert (quote["amount"]["amount"], quote["due"], quote["why"]) == (900, True, "inside_window")
    assert quote["until"] == "2026-12-23T12:00:00Z"
    world.clock.advance(days=31)
    late = await world.get(path(view, "/refund-quote"))
    assert (late["amount"]["amount"], late["due"]) == (0, False)


async def test_an_unused_order_is_cancelled_and_paid_back(world: World) -> None:
    """A paid order that was never issued ends with the whole charge back, once."""
    before = await world.balance()
    view = await world.buy()
    cancelled = ok(await world.call("POST", path(view, "/cancellation")))
    assert (cancelled["status"], cancelled["refund"]["state"]) == ("cancelled", "done")
    assert await world.balance() == before
    assert_problem(await world.call("POST", path(view, "/cancellation")), 409, "illegal_state")


async def test_a_renewal_is_asked_for_once_a_day(world: World) -> None:
    """The second request within 24 hours is told when to come back."""
    view = await world.issued()
    assert ok(await world.call("POST", path(view, "/renewal")))["phase"] == "preparing"
    await world.client.prepare(view["id"])
    await world.client.issue(view["id"])
    world.clock.advance(hours=1)
    soon = await world.call("POST", path(view, "/renewal"))
    assert_problem(soon, 429, "too_soon")
    assert soon.headers["retry-after"] == str(23 * 3600)


async def test_a_plan_that_ended_is_not_renewed(world: World) -> None:
    """After the plan there is nothing to renew."""
    view = await world.issued()
    world.clock.advance(days=366)
    assert_problem(await world.call("POST", path(view, "/renewal")), 409, "plan_ended")


async def test_a_replacement_takes_a_new_key(world: World) -> None:
    """Replacing starts another order; the certificate stays issued."""
    view = await world.issued()
    body = {"reason": "key_compromise", "key": {"type": "rsa-2048"}}
    answer = await world.call("POST", path(view, "/replacement"), body)
    assert answer.status_code == 202
    assert (answer.json()["status"], answer.json()["phase"]) == ("issued", "preparing")


async def test_a_compromised_key_does_not_come_back(world: World) -> None:
    """A CSR of the key that is given up is refused, for this reason only."""
    view = await world.issued()
    async with world.storage.begin() as tx:
        record = await tx.issuances.get(view["id"], 1)
        assert record is not None
        leaf = record.issuance.model_copy(update={"number": 2})
        await tx.issuances.add(record.model_copy(update={"issuance": leaf, "spki_sha256": spki_sha256()}))
    body = {"reason": "key_compromise", "csr": csr("www.example.com")}
    found = assert_problem(await world.call("POST", path(view, "/replacement"), body), 422, "invalid")
    assert found["errors"][0]["code"] == "key_compromised"
    fresh = {"reason": "key_compromise", "csr": csr("www.example.com", which=1)}
    ok(await world.call("POST", path(view, "/replacement"), fresh))


async def test_a_replacement_needs_key_or_csr(world: World) -> None:
    """Exactly one of them."""
    view = await world.issued()
    found = assert_problem(
        await world.call("POST", path(view, "/replacement"), {"reason": "superseded"}), 422, "invalid"
    )
    assert found["errors"][0]["pointer"] == "/key"


async def test_an_issued_certificate_with_a_refund_is_not_deleted_unawares(world: World) -> None:
    """Deleting would lose the refund: it says so, until the refund is forfeited."""
    view = await world.issued()
    found = assert_problem(await world.call("DELETE", path(view)), 409, "refund_would_be_lost")
    assert found["current"] == "issued"
    assert (await world.call("DELETE", path(view, "?forfeit_refund=true"))).status_code == 204


async def test_deleting_twice_is_the_same(world: World) -> None:
    """204 again and again; the tombstone stays readable and offers nothing."""
    view = await world.issued()
    world.clock.advance(days=31)
    for _ in range(2):
        answer = await world.call("DELETE", path(view))
        assert (answer.status_code, answer.content) == (204, b"")
    gone = await world.get(path(view))
    assert (gone["status"], gone["group"], gone["allowed_actions"]) == ("deleted", "closed", [])
    async with world.storage.read() as tx:
        assert await tx.secrets.count_owned(view["id"]) == 0


async def test_deleted_means_deleted(world: World) -> None:
    """Nothing can be asked of a tombstone."""
    view = await world.issued()
    await world.call("DELETE", path(view, "?forfeit_refund=true"))
    assert_problem(await revoke(world, view), 409, "illegal_state")
    assert_problem(await world.call("PATCH", path(view), {"label": "x"}), 409, "illegal_state")
    assert_problem(await world.call("POST", path(view, "/download"), {"format": "nginx"}), 409, "illegal_state")


async def test_an_order_is_not_deleted_before_it_is_cancelled(world: World) -> None:
    """A paid order still has money in it."""
    assert_problem(await world.call("DELETE", path(await world.buy())), 409, "illegal_state")


async def test_a_refusal_offers_what_the_role_may_do(world: World) -> None:
    """An operator is not offered the customer's own choices."""
    view = await world.issued()
    answer = await world.call("POST", path(view, "/cancellation"), who="operator")
    assert assert_problem(answer, 409, "illegal_state")["allowed_actions"] == ["renew", "revoke"]


async def test_operators_do_not_delete(world: World) -> None:
    """Destroying a customer's key is the customer's own choice."""
    view = ok(await revoke(world, await world.issued()))
    assert_problem(await world.call("DELETE", path(view), who="operator"), 403, "forbidden")


async def test_a_deletion_without_an_answer_is_unknown(world: World) -> None:
    """When nobody takes the command the answer says so, and the same request may be sent again."""
    view = ok(await revoke(world, await world.issued()))
    world.client.silent = True
    answer = await world.call("DELETE", path(view))
    assert assert_problem(answer, 503, "outcome_unknown")["outcome"] == "unknown"
    assert answer.headers["retry-after"]


async def test_a_command_without_an_answer_is_asked_again(world: World) -> None:
    """The same key after a lost answer gets the true answer, not a stored guess."""
    view = await world.issued()
    world.client.silent = True
    body = {"reason": "superseded"}
    waiting = await world.call("POST", path(view, "/revocation"), body, idempotency_key="k")
    assert_problem(waiting, 503, "outcome_unknown")
    world.client.silent = False
    done = await world.call("POST", path(view, "/revocation"), body, idempotency_key="k")
    assert (done.status_code, done.json()["status"]) == (200, "revoked")


async def test_an_accepted_command_that_takes_longer_is_202(world: World) -> None:
    """What is accepted will happen; the view is shown as it stands."""
    view = await world.issued()
    world.client.slow = True
    assert (await revoke(world, view)).status_code == 202


async def test_a_lost_workflow_is_an_outage(world: World) -> None:
    """Without a running workflow nothing is refused: it will be restarted."""
    view = await world.issued()
    world.client.gone.add(view["id"])
    answer = await revoke(world, view)
    assert_problem(answer, 503, "outage")
    assert int(answer.headers["retry-after"]) > 10


async def test_special_refusals_keep_their_code(world: World) -> None:
    """A code that a workflow names for itself reaches the caller."""
    view = await world.issued()
    world.client.broken = not_now(await world.client.row(view["id"]), "It is still served.", code="in_use")
    found = assert_problem(await revoke(world, view), 409, "in_use")
    assert found["current"] == "issued"
    world.client.broken = not_now(await world.client.row(view["id"]), "Something new.", code="never_heard_of")
    assert_problem(await revoke(world, view), 409, "never_heard_of")


async def test_trouble_is_shown(world: World) -> None:
    """A parked step appears in the view with since when and why."""
    view = await world.issued()
    await world.client.happen(view["id"], f.Parked(at=NOW, step=StepKind.RENEW, why="No such product."))
    shown = await world.get(path(view))
    assert shown["attention"] == {"since": "2026-11-23T12:00:00Z", "step": "renew", "why": "No such product."}
    assert shown["next_wake"]["why"] == "attention"


@pytest.mark.parametrize("who", ["viewer"])
async def test_viewers_end_nothing(world: World, who: str) -> None:
    """A viewer's key reads."""
    view = await world.issued()
    assert_problem(await revoke(world, view, who=who), 403, "forbidden")
    assert_problem(await world.call("DELETE", path(view), who=who), 403, "forbidden")
