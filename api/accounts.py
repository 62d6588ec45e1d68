"""/v1/accounts: operators create tenants, give them keys, and book their deposits."""

from fastapi import APIRouter
from starlette.responses import Response

from api.auth import Operator
from api.case import AnyServices, say
from api.certificates import PAGE, Cursor, Limit
from api.idempotency import AnyOnce, IdempotentRoute, KeyedOnce
from api.keys import end_key, issue_key
from api.schemas.account import (
    AccountForm,
    AccountPage,
    AccountView,
    DepositForm,
    DepositView,
    KeyForm,
    KeyList,
    NewKeyView,
    account_view,
    key_view,
)
from api.services import Services
from certloom.domain.errors import NotFound
from certloom.domain.money import Money
from certloom.payments.interface import PaymentRequest
from certloom.storage.records import Account

router = APIRouter(prefix="/accounts", tags=["Accounts"], route_class=IdempotentRoute)


@router.get("", response_model=AccountPage, summary="List accounts")
async def list_accounts(services: AnyServices, _: Operator, limit: Limit = PAGE, cursor: Cursor = None) -> Response:
    """List all accounts with their balances, newest first."""
    async with services.storage.read() as tables:
        page = await tables.accounts.list(limit=limit, cursor=cursor)
        amounts = [await tables.ledger.balance(account.id) for account in page.items]
    items = tuple(
        account_view(account, Money(amount=amount, currency=account.currency))
        for account, amount in zip(page.items, amounts, strict=True)
    )
    return say(AccountPage(items=items, next_cursor=page.next_cursor))


@router.post("", status_code=201, response_model=AccountView, summary="Create an account")
async def add_account(form: AccountForm, services: AnyServices, caller: Operator, once: AnyOnce) -> Response:
    """Create a tenant; its currency stays for ever."""
    now = services.clock()
    account = Account(id=once.id("acct"), name=form.name, currency=form.currency, created_at=now)
    async with services.storage.begin() as tables:
        if await tables.accounts.get(account.id) is None:
            await tables.accounts.add(account)
            await tables.audit.add(
                at=now, actor=caller.key_id, action="account.create", account_id=account.id, subject=account.id
            )
    return say(account_view(account, Money(amount=0, currency=account.currency)), 201)


@router.post("/{account_id}/keys", status_code=201, response_model=NewKeyView, summary="Make a key for an account")
async def add_account_key(
    account_id: str, form: KeyForm, services: AnyServices, caller: Operator, once: AnyOnce
) -> Response:
    """Make a viewer's or member's key; its secret is shown this once."""
    await _require(services, account_id)
    return await issue_key(services, caller, once, form, account_id=account_id)


@router.get("/{account_id}/keys", response_model=KeyList, summary="An account's API keys")
async def list_account_keys(account_id: str, services: AnyServices, _: Operator) -> Response:
    """List its keys, revoked ones too; secrets are in no list."""
    await _require(services, account_id)
    async with services.storage.read() as tables:
        keys = await tables.accounts.keys(account_id)
    return say(KeyList(items=tuple(key_view(key) for key in keys)))


@router.delete(
    "/{account_id}/keys/{key_id}", status_code=204, response_model=None, summary="Revoke an account's API key"
)
async def revoke_account_key(
    account_id: str, key_id: str, services: AnyServices, caller: Operator, _: AnyOnce
) -> Response:
    """Revoke a key of this account at once; the same again is the same answer."""
    await _require(services, account_id)
    return await end_key(services, caller, key_id, account_id=account_id)


@router.post("/{account_id}/deposits", status_code=201, response_model=DepositView, summary="Book a deposit")
async def deposit(
    account_id: str, form: DepositForm, services: AnyServices, caller: Operator, once: KeyedOnce
) -> Response:
    """Add to the prepaid balance, once; the currency must be the account's."""
    await _require(services, account_id)
    now = services.clock()
    amount = Money(amount=form.amount, currency=form.currency)
    request = PaymentRequest(
        key=f"{account_id}/deposit/{once.token}", account_id=account_id, amount=amount, reference=form.reference
    )
    await services.balances.deposit(request, now=now)
    async with services.storage.begin() as tables:
        await tables.audit.add(
            at=now, actor=caller.key_id, action="deposit", account_id=account_id, subject=request.key
        )
    balance = await services.balances.balance(account_id)
    view = DepositView(id=request.key, account_id=account_id, amount=amount, reference=form.reference, balance=balance)
    return say(view, 201)


async def _require(services: Services, account_id: str) -> None:
    async with services.storage.read() as tables:
        known = await tables.accounts.get(account_id) if account_id.replace("_", "").isalnum() else None
    if known is None:
        raise NotFound("There is no such account.")
