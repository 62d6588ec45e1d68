"""Buying a certificate."""

from certloom.domain.certificate import CertificateStatus
from certloom.domain.errors import PaymentRefused
from tests.api.world import World, assert_problem, fresh, ok

SINGLE = {"product": "single", "label": "shop", "payment": {"method": "balance"}}
PATH = "/v1/certificates"


async def test_a_purchase_is_charged_and_shown(world: World) -> None:
    """A purchase answers 201 with the paid certificate and where it is."""
    before = await world.balance()
    answer = await world.call("POST", PATH, SINGLE, idempotency_key=fresh())
    view = ok(answer)
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v1/certificates/{view['id']}"
    assert (view["status"], view["group"], view["label"]) == ("paid", "ordered", "shop")
    assert view["payment"] == {"state": "paid", "method": "balance", "amount": {"amount": 900, "currency": "EUR"}}
    assert view["allowed_actions"] == ["apply", "cancel_order"]
    assert before - await world.balance() == 900


async def test_a_purchase_needs_an_idempotency_key(world: World) -> None:
    """Without an Idempotency-Key nothing is bought."""
    assert_problem(await world.call("POST", PATH, SINGLE), 400, "idempotency_key_missing")
    assert (await world.get(PATH))["items"] == []


async def test_an_unknown_product_is_named(world: World) -> None:
    """A product that is not on sale is a fault of the field."""
    answer = await world.call("POST", PATH, {**SINGLE, "product": "gold"}, idempotency_key=fresh())
    assert assert_problem(answer, 422, "invalid")["errors"][0]["pointer"] == "/product"


async def test_an_unknown_payment_method_is_named(world: World) -> None:
    """A way to pay that does not exist is a fault of the field."""
    answer = await world.call("POST", PATH, {**SINGLE, "payment": {"method": "gold"}}, idempotency_key=fresh())
    assert assert_problem(answer, 422, "invalid")["errors"][0]["code"] == "method_unknown"


async def test_another_currency_is_refused(world: World) -> None:
    """An account pays in its own currency only."""
    answer = await world.call("POST", PATH, {**SINGLE, "product": "yen"}, idempotency_key=fresh())
    assert assert_problem(answer, 422, "invalid")["errors"][0]["code"] == "currency_mismatch"


async def test_without_money_nothing_is_created(world: World) -> None:
    """A balance that is too low answers 402 before any certificate exists."""
    answer = await world.call("POST", PATH, {**SINGLE, "product": "dear"}, idempotency_key=fresh())
    assert_problem(answer, 402, "insufficient_balance")
    assert (await world.get(PATH))["items"] == []


async def test_the_ledger_has_the_last_word(world: World) -> None:
    """Two purchases that both saw enough money are not both charged, and the refusal is kept as the answer."""

    async def charge(*_: object, **__: object) -> None:
        raise PaymentRefused("The balance is too low.", code="insufficient_balance")

    world.client._payments.charge = charge  # type: ignore[method-assign]
    key = fresh()
    first = await world.call("POST", PATH, SINGLE, idempotency_key=key)
    again = await world.call("POST", PATH, SINGLE, idempotency_key=key)
    assert_problem(first, 402, "insufficient_balance")
    assert assert_problem(again, 402, "insufficient_balance") == first.json()
    assert again.headers["idempotency-replayed"] == "true"


async def test_a_lost_answer_is_202_with_the_view(world: World) -> None:
    """When the order is in its row and no answer came, the view is shown as it stands."""
    world.client.lost_answers = True
    answer = await world.call("POST", PATH, SINGLE, idempotency_key=fresh())
    assert answer.status_code == 202
    assert answer.json()["status"] == "paid"


async def test_silence_is_503_and_the_same_key_may_follow(world: World) -> None:
    """When nothing is known the answer says so, and a repetition buys the same certificate once."""
    world.client.silent = True
    key = fresh()
    unknown = await world.call("POST", PATH, SINGLE, idempotency_key=key)
    assert assert_problem(unknown, 503, "outcome_unknown")["outcome"] == "unknown"
    assert int(unknown.headers["retry-after"]) >= 1
    world.client.silent = False
    before = await world.balance()
    bought = ok(await world.call("POST", PATH, SINGLE, idempotency_key=key))
    assert ok(await world.call("POST", PATH, SINGLE, idempotency_key=key))["id"] == bought["id"]
    assert before - await world.balance() == 900


async def test_a_repetition_after_the_charge_is_not_held_up_by_an_empty_purse(world: World) -> None:
    """The balance check is the first attempt's alone: a charged order answers 201 although no money is left."""
    world.client.lost_answers = True
    key = fresh()
    body = {**SINGLE, "product": "multi"}
    await world.call("POST", PATH, body, idempotency_key=key)
    world.client.lost_answers = False
    while await world.balance() >= 8_900:
        await world.buy("ov") if await world.balance() >= 19_900 else await world.buy("multi")
    assert (await world.call("POST", PATH, body, idempotency_key=key)).status_code == 201


async def test_viewers_and_operators_buy_nothing(world: World) -> None:
    """Only a member spends an account's money."""
    for who in ("viewer", "operator"):
        assert_problem(await world.call("POST", PATH, SINGLE, who=who, idempotency_key=fresh()), 403, "forbidden")


async def test_the_certificate_keeps_the_product_as_sold(world: World) -> None:
    """Refund policy and price are copied at the purchase."""
    row = await world.client.row((await world.buy())["id"])
    assert row.status is CertificateStatus.PAID
    assert row.product == world.services.catalogue.find("single")
