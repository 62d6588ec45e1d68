"""Accounts, money and keys, from both sides."""

from typing import Any

import pytest

from tests.api.world import OURS, World, assert_problem, fresh, ok

DEPOSIT = {"amount": 500, "currency": "EUR", "reference": "invoice 1"}


async def deposit(world: World, body: dict[str, Any], key: str | None = None, account: str = OURS) -> Any:
    path = f"/v1/accounts/{account}/deposits"
    return await world.call("POST", path, body, who="operator", idempotency_key=key or fresh())


async def test_an_account_sees_its_balance(world: World) -> None:
    """In minor units of its currency."""
    view = await world.get("/v1/account", who="viewer")
    assert (view["id"], view["balance"]) == (OURS, {"amount": 10**6, "currency": "EUR"})


async def test_an_operator_has_no_account(world: World) -> None:
    """Neither balance nor statement."""
    assert_problem(await world.call("GET", "/v1/account", who="operator"), 403, "forbidden")
    assert_problem(await world.call("GET", "/v1/account/statement", who="operator"), 403, "forbidden")


async def test_the_statement_tells_every_movement(world: World) -> None:
    """Newest first, each with the balance after it."""
    view = await world.buy()
    page = await world.get("/v1/account/statement?limit=1")
    assert [(line["kind"], line["amount"], line["reference"]) for line in page["items"]] == [
        ("charge", -900, view["id"])
    ]
    rest = await world.get(f"/v1/account/statement?cursor={page['next_cursor']}")
    assert [(line["kind"], line["balance_after"]) for line in rest["items"]] == [("deposit", 10**6)]


async def test_keys_are_listed_without_secrets(world: World) -> None:
    """Only the account's own, never a hash."""
    items = (await world.get("/v1/account/keys"))["items"]
    assert {item["id"] for item in items} == {"keymember", "keyviewer"}
    assert not [item for item in items if {"hash", "secret"} & set(item)]


async def test_an_operators_own_keys_are_operators_keys(world: World) -> None:
    """An operator makes another operator's key, an account cannot."""
    made = ok(await world.call("POST", "/v1/account/keys", {"role": "operator", "label": "n"}, who="operator"))
    assert made["account_id"] is None
    for who, role in (("member", "operator"), ("operator", "member")):
        answer = await world.call("POST", "/v1/account/keys", {"role": role, "label": "n"}, who=who)
        assert assert_problem(answer, 422, "invalid")["errors"][0]["pointer"] == "/role"


async def test_a_viewer_makes_no_keys(world: World) -> None:
    """Otherwise a viewer would make a member."""
    answer = await world.call("POST", "/v1/account/keys", {"role": "member", "label": "n"}, who="viewer")
    assert_problem(answer, 403, "forbidden")
    assert_problem(await world.call("DELETE", "/v1/account/keys/keymember", who="viewer"), 403, "forbidden")


async def test_only_ones_own_keys_are_revoked(world: World) -> None:
    """Another account's key does not exist; one's own may be revoked twice."""
    assert_problem(await world.call("DELETE", "/v1/account/keys/keystranger"), 404, "not_found")
    assert_problem(await world.call("DELETE", "/v1/account/keys/keyoperator"), 404, "not_found")
    assert_problem(await world.call("DELETE", "/v1/account/keys/nobody%00"), 404, "not_found")
    for _ in range(2):
        assert (await world.call("DELETE", "/v1/account/keys/keyviewer")).status_code == 204


async def test_a_key_that_is_over_already_is_refused(world: World) -> None:
    """An end in the past is a mistake."""
    body = {"role": "viewer", "label": "n", "expires_at": "2020-01-01T00:00:00Z"}
    answer = await world.call("POST", "/v1/account/keys", body)
    assert assert_problem(answer, 422, "invalid")["errors"][0]["pointer"] == "/expires_at"


async def test_an_operator_creates_a_tenant_that_can_buy(world: World) -> None:
    """Account, key, deposit, purchase."""
    account = ok(await world.call("POST", "/v1/accounts", {"name": "New", "currency": "EUR"}, who="operator"))
    path = f"/v1/accounts/{account['id']}"
    made = ok(await world.call("POST", f"{path}/keys", {"role": "member", "label": "first"}, who="operator"))
    world.tokens["new"] = made["secret"]
    booked = ok(await deposit(world, {**DEPOSIT, "amount": 1000}, account=account["id"]))
    assert booked["balance"] == {"amount": 1000, "currency": "EUR"}
    await world.buy(who="new")
    listed = (await world.get("/v1/accounts", who="operator"))["items"]
    assert {item["id"]: item["balance"]["amount"] for item in listed}[account["id"]] == 100


async def test_a_deposit_is_booked_once(world: World) -> None:
    """The same key again changes nothing."""
    for _ in range(2):
        ok(await deposit(world, DEPOSIT, "k"))
    assert await world.balance() == 10**6 + 500


async def test_a_deposit_needs_a_key(world: World) -> None:
    """Money is never booked by chance."""
    answer = await world.call("POST", f"/v1/accounts/{OURS}/deposits", DEPOSIT, who="operator")
    assert_problem(answer, 400, "idempotency_key_missing")


@pytest.mark.parametrize("change", [{"amount": 0}, {"amount": -1}, {"amount": 1.5}, {"amount": "5"}, {"amount": 2**63}])
async def test_amounts_are_positive_integers(world: World, change: dict[str, Any]) -> None:
    """Minor units, no fractions, no words."""
    found = assert_problem(await deposit(world, {**DEPOSIT, **change}), 422, "invalid")
    assert found["errors"][0]["pointer"] == "/amount"


async def test_a_deposit_has_the_accounts_currency(world: World) -> None:
    """Another currency is refused."""
    answer = await deposit(world, {**DEPOSIT, "currency": "USD"})
    assert assert_problem(answer, 422, "invalid")["errors"][0]["pointer"] == "/currency"


async def test_a_balance_does_not_overflow(world: World) -> None:
    """A sum beyond int64 is refused, and nothing is booked."""
    answer = await deposit(world, {**DEPOSIT, "amount": 2**63 - 1})
    assert_problem(answer, 422, "invalid")
    assert await world.balance() == 10**6


async def test_customers_do_not_administer(world: World) -> None:
    """Accounts are the operators'."""
    assert_problem(await world.call("GET", "/v1/accounts"), 403, "forbidden")
    assert_problem(await world.call("POST", "/v1/accounts", {"name": "x", "currency": "EUR"}), 403, "forbidden")
    body = {"role": "member", "label": "x"}
    assert_problem(await world.call("POST", f"/v1/accounts/{OURS}/keys", body), 403, "forbidden")


async def test_an_unknown_account_is_not_found(world: World) -> None:
    """Neither keys nor money for nobody."""
    assert_problem(await deposit(world, DEPOSIT, account="acct_nobody"), 404, "not_found")
    path = "/v1/accounts/acct_nobody/keys"
    assert_problem(await world.call("POST", path, {"role": "member", "label": "x"}, who="operator"), 404, "not_found")


async def test_an_operator_sees_and_ends_a_tenants_keys(world: World) -> None:
    """Without secrets; a key that is revoked opens nothing, and revoking it twice is the same."""
    items = (await world.get(f"/v1/accounts/{OURS}/keys", who="operator"))["items"]
    assert {item["id"] for item in items} == {"keymember", "keyviewer"}
    assert not [item for item in items if {"hash", "secret"} & set(item)]
    for _ in range(2):
        answer = await world.call("DELETE", f"/v1/accounts/{OURS}/keys/keymember", who="operator")
        assert answer.status_code == 204
    assert_problem(await world.call("GET", "/v1/account"), 401, "unauthenticated")


@pytest.mark.parametrize("path", [f"{OURS}/keys/keystranger", f"{OURS}/keys/keyoperator", "acct_nobody/keys/keymember"])
async def test_a_key_ends_under_its_own_account_only(world: World, path: str) -> None:
    """Under another one it does not exist; operators' keys belong to no account."""
    assert_problem(await world.call("DELETE", f"/v1/accounts/{path}", who="operator"), 404, "not_found")


async def test_customers_do_not_end_keys_by_account(world: World) -> None:
    """They have an address of their own for their keys."""
    assert_problem(await world.call("DELETE", f"/v1/accounts/{OURS}/keys/keyviewer"), 403, "forbidden")
    assert_problem(await world.call("GET", f"/v1/accounts/{OURS}/keys"), 403, "forbidden")
