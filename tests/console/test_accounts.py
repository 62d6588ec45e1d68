"""Accounts as operators keep them: tenants, their keys, and money that is booked once."""

import re
from datetime import datetime

import pytest

from api.console import accounts
from certloom.domain.errors import Outage
from certloom.domain.money import Money
from certloom.payments.interface import Balances, PaymentRequest
from tests.api.world import OURS, World, ok
from tests.console.conftest import Meet
from tests.console.operating import deposit, key, tenant
from tests.console.visitor import Visitor, text_of

SCRIPT = '"><script>alert(1)</script>'


class LostAnswers:
    """Balances whose deposits are booked, and whose answers get lost."""

    def __init__(self, balances: Balances) -> None:
        self._balances = balances

    async def deposit(self, request: PaymentRequest, *, now: datetime) -> None:
        await self._balances.deposit(request, now=now)
        raise Outage("the connection broke")

    async def balance(self, account_id: str) -> Money:
        return await self._balances.balance(account_id)


async def at(meet: Meet, path: str) -> Visitor:
    visitor = await meet("operator")
    await visitor.get(path)
    return visitor


async def test_accounts_are_listed_with_their_money(meet: Meet, world: World) -> None:
    """Newest first, each leading to its page."""
    world.clock.advance(days=1)
    account = await tenant(world)
    page = await (await meet("operator")).get("/accounts")
    text = text_of(page)
    assert "0.00 EUR" in text
    assert "10000.00 EUR" in text
    assert text.index("Shoes and more") < text.index(OURS)
    assert f'href="/accounts/{account["id"]}"' in page.text


async def test_one_turns_page_after_page(meet: Meet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each account is on one page."""
    monkeypatch.setattr(accounts, "PAGE", 1)
    visitor = await meet("operator")
    page = await visitor.get("/accounts")
    seen = re.findall(r'href="/accounts/(acct_\w+)"', page.text)
    link = re.search(r'href="([^"]+)" rel="next"', page.text)
    assert link is not None
    page = await visitor.get(link[1])
    seen += re.findall(r'href="/accounts/(acct_\w+)"', page.text)
    assert sorted(seen) == ["acct_ours", "acct_theirs"]
    assert "Newest" in text_of(page)


async def test_an_account_is_created_once(meet: Meet, world: World) -> None:
    """A second click leads to the same one, whose page says what comes next."""
    visitor = await at(meet, "/accounts")
    body = {**visitor.forms["/accounts"], "name": "Shoes", "currency": "chf"}
    places = [(await visitor.http.post("/accounts", data=body)).headers["location"] for _ in range(2)]
    assert places[0] == places[1]
    text = text_of(await visitor.get(places[0]))
    assert "The account is created." in text
    assert "Balance 0.00 CHF" in text
    assert len((await world.get("/v1/accounts", who="operator"))["items"]) == 3


@pytest.mark.parametrize(("name", "currency"), [("", "EUR"), ("Shoes", "Euro"), ("Shoes", "E1R"), ("a\nb", "EUR")])
async def test_a_bad_account_is_told(meet: Meet, world: World, name: str, currency: str) -> None:
    """Beside the field, with what was typed, and nothing is created."""
    visitor = await at(meet, "/accounts")
    page = await visitor.send("/accounts", name=name, currency=currency)
    assert page.status_code == 422
    assert 'class="fault"' in page.text
    assert 'aria-invalid="true"' in page.text
    assert len((await world.get("/v1/accounts", who="operator"))["items"]) == 2


async def test_one_account_tells_money_keys_and_certificates(meet: Meet, world: World) -> None:
    """As its holder sees them, and nothing of another account."""
    await world.issued()
    await world.buy()
    text = text_of(await (await meet("operator")).get(f"/accounts/{OURS}"))
    assert "Balance 9982.00 EUR" in text
    assert "1 ordered, 1 issued" in text
    assert "\N{MINUS SIGN}9.00 EUR" in text
    assert "keymember" in text
    assert "keystranger" not in text
    assert "keyoperator" not in text


@pytest.mark.parametrize("path", ["/accounts/acct_none", "/accounts/%00", "/accounts/a b"])
async def test_an_unknown_account_is_not_there(meet: Meet, path: str) -> None:
    """Its address leads to a page that says so."""
    answer = await (await meet("operator")).get(path)
    assert answer.status_code == 404
    assert "There is no such account." in text_of(answer)


@pytest.mark.parametrize(
    ("typed", "booked"), [("1250", 125_000), ("1250.5", 125_050), ("0.29", 29), (" 19.99 ", 1_999)]
)
async def test_a_deposit_is_booked_exactly(meet: Meet, world: World, typed: str, booked: int) -> None:
    """As a person writes it, to the last cent."""
    account = await tenant(world)
    path = f"/accounts/{account['id']}"
    page = await (await at(meet, path)).send(f"{path}/deposits", amount=typed, reference="invoice 17")
    assert "The deposit is booked." in text_of(page)
    assert "invoice 17" in text_of(page)
    assert await world.balance(account["id"]) == booked


async def test_each_currency_has_its_own_fraction(meet: Meet, world: World) -> None:
    """Yen have none, so a fraction is a mistake."""
    account = await tenant(world, currency="JPY")
    path = f"/accounts/{account['id']}"
    visitor = await at(meet, path)
    assert (await visitor.send(f"{path}/deposits", amount="900.50", reference="x")).status_code == 422
    await visitor.get(path)
    assert "Balance 900 JPY" in text_of(await visitor.send(f"{path}/deposits", amount="900", reference="x"))


@pytest.mark.parametrize(
    "typed", ["", "0", "0.00", "-5", "+5", "1,250", "1.250,00", "1 250", "1e3", "12.345", "٣", "9" * 24, SCRIPT]
)
async def test_an_amount_that_could_mean_something_else_is_refused(meet: Meet, world: World, typed: str) -> None:
    """Nothing is booked, and what was typed is still there."""
    path = f"/accounts/{OURS}"
    before = await world.balance()
    page = await (await at(meet, path)).send(f"{path}/deposits", amount=typed, reference="invoice 17")
    assert page.status_code == 422
    assert "Write an amount above zero, with a dot" in text_of(page)
    assert 'value="invoice 17"' in page.text
    assert "<script>alert" not in page.text
    assert await world.balance() == before


async def test_a_double_click_books_once(meet: Meet, world: World) -> None:
    """The same form again is the same deposit; the form of a page loaded anew is another one."""
    path, before = f"/accounts/{OURS}", await world.balance()
    visitor = await at(meet, path)
    body = {**visitor.forms[f"{path}/deposits"], "amount": "10.00", "reference": "invoice 17"}
    for _ in range(2):
        assert (await visitor.http.post(f"{path}/deposits", data=body)).status_code == 303
    assert await world.balance() == before + 1_000
    await visitor.get(path)
    await visitor.send(f"{path}/deposits", amount="10.00", reference="invoice 17")
    assert await world.balance() == before + 2_000


async def test_a_deposit_whose_answer_got_lost_is_booked_once(meet: Meet, world: World) -> None:
    """The form that comes back is still the same one, so sending it again is safe."""
    path, before, balances = f"/accounts/{OURS}", await world.balance(), world.services.balances
    visitor = await at(meet, path)
    object.__setattr__(world.services, "balances", LostAnswers(balances))
    page = await visitor.send(f"{path}/deposits", amount="10.00", reference="invoice 17")
    assert page.status_code == 503
    assert "Whether it happened is not known yet" in text_of(page)
    assert 'value="10.00"' in page.text
    object.__setattr__(world.services, "balances", balances)
    page = await visitor.send(f"{path}/deposits", amount="10.00", reference="invoice 17")
    assert "The deposit is booked." in text_of(page)
    assert await world.balance() == before + 1_000


async def test_a_new_key_is_shown_once(meet: Meet, world: World) -> None:
    """It opens that account, and the same form again shows nothing."""
    account = await tenant(world)
    path = f"/accounts/{account['id']}"
    visitor = await at(meet, path)
    body = {**visitor.forms[f"{path}/keys"], "label": "shop", "role": "viewer", "days": "30"}
    page = await visitor.http.post(f"{path}/keys", data=body)
    secret = re.search(r"clm_key\w+_[\w-]{43}", page.text)
    assert secret is not None
    world.tokens["new"] = secret[0]
    assert (await world.get("/v1/account", who="new"))["id"] == account["id"]
    again = await visitor.http.post(f"{path}/keys", data=body)
    assert secret[0] not in again.text
    assert "This form was sent before" in text_of(again)


@pytest.mark.parametrize("form", [{"days": "soon"}, {"label": ""}, {"role": "operator"}, {"role": SCRIPT}])
async def test_a_bad_key_is_told(meet: Meet, world: World, form: dict[str, str]) -> None:
    """Nothing is made; above all no operator."""
    path = f"/accounts/{OURS}"
    page = await (await at(meet, path)).send(f"{path}/keys", **{"label": "robot", "role": "member", "days": "", **form})
    assert page.status_code == 422
    assert 'class="fault"' in page.text
    assert len((await world.get("/v1/account/keys"))["items"]) == 2


async def test_a_customers_key_is_revoked(meet: Meet, world: World) -> None:
    """It ends at once; a key of another account is not there under this one."""
    path = f"/accounts/{OURS}"
    visitor = await at(meet, path)
    token = visitor.forms["/session/end"]["csrf"]
    foreign = await visitor.http.post(f"{path}/keys/keystranger/revoke", data={"csrf": token})
    assert foreign.status_code == 404
    own = await visitor.http.post(f"{path}/keys/keyoperator/revoke", data={"csrf": token})
    assert own.status_code == 404
    page = await visitor.send(f"{path}/keys/keymember/revoke")
    assert "The key is revoked" in text_of(page)
    assert (await world.call("GET", "/v1/account")).status_code == 401
    ok(await world.call("GET", "/v1/account", who="stranger"))


@pytest.mark.parametrize("who", ["member", "viewer"])
async def test_customers_do_not_keep_accounts(meet: Meet, world: World, who: str) -> None:
    """Neither their own nor others', and the navigation does not name them."""
    visitor = await meet(who)
    assert "/accounts" not in (await visitor.get("/account")).text
    token, before = visitor.forms["/session/end"]["csrf"], await world.balance()
    for path in ("/accounts", f"/accounts/{OURS}", "/accounts/acct_none"):
        assert (await visitor.get(path)).status_code == 403
    for path in ("/accounts", f"/accounts/{OURS}/deposits", f"/accounts/{OURS}/keys"):
        form = {"csrf": token, "once": "n", "amount": "1", "reference": "x", "label": "x", "role": "member"}
        assert (await visitor.http.post(path, data=form)).status_code == 403
    assert await world.balance() == before


@pytest.mark.parametrize("path", [f"/accounts/{OURS}/deposits", f"/accounts/{OURS}/keys", "/accounts", "/reviews/x"])
async def test_no_early_fault_shows_an_operators_page(meet: Meet, path: str) -> None:
    """A request that is refused before anybody looked at the role gets no page of operators."""
    visitor = await meet("stranger")
    form = {"csrf": visitor.forms["/session/end"]["csrf"]}
    page = await visitor.http.post(path, data=form, headers={"Idempotency-Key": "not one"})
    assert page.status_code == 400
    assert "An Idempotency-Key is" in text_of(page)
    assert OURS not in page.text
    assert "Reviews" not in page.text


async def test_what_people_typed_is_shown_as_text(meet: Meet, world: World) -> None:
    """Names, labels, references and forms that come back hold no markup."""
    account = await tenant(world, SCRIPT)
    await key(world, account["id"], SCRIPT)
    await deposit(world, account["id"], 500, SCRIPT)
    path = f"/accounts/{account['id']}"
    visitor = await meet("operator")
    found = [await visitor.get("/accounts"), await visitor.send("/accounts", name=SCRIPT, currency=SCRIPT)]
    found += [await visitor.get(path), await visitor.send(f"{path}/deposits", amount=SCRIPT, reference=SCRIPT)]
    await visitor.get(path)
    found.append(await visitor.send(f"{path}/keys", label=SCRIPT, role="member", days=SCRIPT))
    found.append(await visitor.http.get(path, params={"said": SCRIPT, "cursor": SCRIPT}))
    for page in found:
        assert "<script>alert" not in page.text, page.url
    assert "alert(1)" in text_of(found[0])
    assert "alert(1)" in text_of(found[2])
