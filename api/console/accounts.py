"""/accounts: operators make tenants; one account's page has its money, its keys and the form for a deposit."""

import json
from datetime import timedelta
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api import accounts
from api.auth import Operator
from api.case import AnyServices, is_id
from api.certificates import Cursor
from api.console.account import key_days
from api.console.forms import NUMBER, build, field
from api.console.operators import OperatorRoute
from api.console.page import go, show
from api.console.route import PageRoute, Refused
from api.idempotency import AnyOnce, KeyedOnce
from api.schemas.account import AccountForm, DepositForm, KeyForm, account_view, key_view, line_view
from api.services import Services
from certloom.domain.certificate import GROUPS, Group
from certloom.domain.errors import FieldFault, InvalidInput, NotFound
from certloom.domain.money import Money, minor_units
from certloom.storage.records import Account

PAGE: Final = 25
_SAID: Final = {
    "created": "The account is created. Make a key for its holder next, and book what was paid in.",
    "deposit": "The deposit is booked.",
    "revoked": "The key is revoked; it and its sessions open nothing any more.",
}


class ListRoute(OperatorRoute):
    """The form for a new account, which is below the list."""

    async def again(self, request: Request, refused: Refused) -> Response:
        """Show the list."""
        return await _list(request, refused=refused)


class AccountRoute(OperatorRoute):
    """The forms of one account's page."""

    async def again(self, request: Request, refused: Refused) -> Response:
        """Show the account."""
        return await _account(request, refused=refused)

    async def finish(self, request: Request, response: Response) -> Response:
        """Show a new key's secret, which the kept answer does not hold."""
        return await _account(request, made=json.loads(bytes(response.body)))


router = APIRouter(route_class=PageRoute)
lists = APIRouter(route_class=ListRoute)
forms = APIRouter(route_class=AccountRoute)


@router.get("/accounts")
async def list_accounts(request: Request, _: Operator, cursor: Cursor = None) -> Response:
    """Show all accounts with their balances, newest first."""
    return await _list(request, cursor=cursor)


@router.get("/accounts/{account_id}")  # noqa: FAST003 - the page reads it, as after a form
async def read_account(request: Request, _: Operator, cursor: Cursor = None, said: str = "") -> Response:
    """Show one."""
    return await _account(request, cursor=cursor, said=_SAID.get(said))


@lists.post("/accounts")
async def add_account(request: Request, services: AnyServices, caller: Operator, once: AnyOnce) -> Response:
    """Create a tenant and lead to its page."""
    values = {"name": field(request, "name"), "currency": field(request, "currency").upper()}
    await accounts.add_account(build(AccountForm, values), services, caller, once)
    return go(f"/accounts/{once.id('acct')}?said=created")


@forms.post("/accounts/{account_id}/keys")
async def add_key(
    account_id: str, request: Request, services: AnyServices, caller: Operator, once: AnyOnce
) -> Response:
    """Make a key for its holder."""
    values: dict[str, Any] = {name: field(request, name) for name in ("role", "label")}
    if days := field(request, "days"):
        values["expires_at"] = services.clock() + timedelta(days=key_days(days))
    return await accounts.add_account_key(account_id, build(KeyForm, values), services, caller, once)


@forms.post("/accounts/{account_id}/keys/{key_id}/revoke")
async def revoke_key(account_id: str, key_id: str, services: AnyServices, caller: Operator, once: AnyOnce) -> Response:
    """Revoke a key at once."""
    await accounts.revoke_account_key(account_id, key_id, services, caller, once)
    return go(f"/accounts/{account_id}?said=revoked")


@forms.post("/accounts/{account_id}/deposits")
async def deposit(
    account_id: str, request: Request, services: AnyServices, caller: Operator, once: KeyedOnce
) -> Response:
    """Book what was paid in; the same form again is the same deposit."""
    account = await _find(services, account_id)
    values = {
        "amount": _amount(field(request, "amount"), account.currency),
        "currency": account.currency,
        "reference": field(request, "reference"),
    }
    await accounts.deposit(account_id, build(DepositForm, values), services, caller, once)
    return go(f"/accounts/{account_id}?said=deposit")


def _amount(text: str, currency: str) -> int:
    amount = minor_units(text, currency)
    if not amount:
        example = Money(amount=125_000, currency=currency)
        detail = f"Write an amount above zero, with a dot and nothing else between the digits, as in {example}."
        raise InvalidInput([FieldFault(pointer="/amount", code="amount", detail=detail)])
    return amount


async def _find(services: Services, account_id: str) -> Account:
    account = None
    if is_id(account_id):
        async with services.storage.read() as tables:
            account = await tables.accounts.get(account_id)
    if account is None:
        raise NotFound("There is no such account.")
    return account


async def _list(request: Request, *, cursor: str | None = None, refused: Refused | None = None) -> Response:
    services: Services = request.app.state.services
    async with services.storage.read() as tables:
        page = await tables.accounts.list(limit=PAGE, cursor=cursor)
        items = [
            account_view(one, Money(amount=await tables.ledger.balance(one.id), currency=one.currency))
            for one in page.items
        ]
    return show(
        request,
        "accounts.html",
        status=refused.status if refused else 200,
        items=items,
        older=page.next_cursor,
        first=cursor is None,
        refused=refused,
        given={name: field(request, name) for name in ("name", "currency", NUMBER)},
        usual=services.catalogue.items[0].price.currency,
    )


async def _account(
    request: Request,
    *,
    cursor: str | None = None,
    said: str | None = None,
    refused: Refused | None = None,
    made: dict[str, Any] | None = None,
) -> Response:
    services: Services = request.app.state.services
    account = await _find(services, request.path_params["account_id"])
    balance = await services.balances.balance(account.id)
    async with services.storage.read() as tables:
        page = await tables.ledger.statement(account.id, limit=PAGE, cursor=cursor)
        keys = await tables.accounts.keys(account.id)
        statuses = await tables.certificates.summary(account.id)
    return show(
        request,
        "accounts_one.html",
        status=refused.status if refused else 200,
        account=account_view(account, balance),
        groups=[(group, sum(n for one, n in statuses.items() if GROUPS[one] is group)) for group in Group],
        lines=[line_view(line) for line in page.items],
        older=page.next_cursor,
        keys=[key_view(key) for key in keys],
        said=said,
        refused=refused,
        made=made,
        form=request.url.path.rpartition("/")[2] if refused else "",
        given={name: field(request, name) for name in ("label", "role", "days", "amount", "reference", NUMBER)},
    )
