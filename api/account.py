"""/v1/account: the caller's own account, its money and its API keys."""

from fastapi import APIRouter
from starlette.responses import Response

from api.auth import AnyCaller, Writer
from api.case import AnyServices, say
from api.certificates import PAGE, Cursor, Limit
from api.idempotency import AnyOnce, IdempotentRoute
from api.keys import end_key, issue_key
from api.schemas.account import (
    AccountView,
    KeyList,
    NewKeyView,
    OwnKeyForm,
    StatementPage,
    account_view,
    key_view,
    line_view,
)
from certloom.domain.errors import FieldFault, InvalidInput, NotFound
from certloom.domain.role import Role

router = APIRouter(prefix="/account", tags=["Account"], route_class=IdempotentRoute)


@router.get("", response_model=AccountView, summary="One's own account")
async def read_account(services: AnyServices, caller: AnyCaller) -> Response:
    """Show the account and its balance."""
    balance = await services.balances.balance(caller.account)
    async with services.storage.read() as tables:
        account = await tables.accounts.get(caller.account)
    if account is None:
        raise NotFound("There is no such account.")
    return say(account_view(account, balance))


@router.get("/statement", response_model=StatementPage, summary="What came in and went out")
async def read_statement(
    services: AnyServices, caller: AnyCaller, limit: Limit = PAGE, cursor: Cursor = None
) -> Response:
    """List the ledger's lines, newest first."""
    async with services.storage.read() as tables:
        page = await tables.ledger.statement(caller.account, limit=limit, cursor=cursor)
    return say(StatementPage(items=tuple(line_view(line) for line in page.items), next_cursor=page.next_cursor))


@router.get("/keys", response_model=KeyList, summary="One's own API keys")
async def list_keys(services: AnyServices, caller: AnyCaller) -> Response:
    """List the account's keys; for operators, operators' keys."""
    async with services.storage.read() as tables:
        keys = await tables.accounts.keys(caller.account_id)
    return say(KeyList(items=tuple(key_view(key) for key in keys)))


@router.post("/keys", status_code=201, response_model=NewKeyView, summary="Make an API key")
async def add_key(form: OwnKeyForm, services: AnyServices, caller: Writer, once: AnyOnce) -> Response:
    """Make a further key; operators make operators' keys only, and accounts none of those."""
    if (form.role is Role.OPERATOR) != (caller.role is Role.OPERATOR):
        detail = "An account's key is a viewer's or a member's; an operator's own key is an operator's."
        raise InvalidInput([FieldFault(pointer="/role", code="role_not_yours", detail=detail)])
    return await issue_key(services, caller, once, form, account_id=caller.account_id)


@router.delete("/keys/{key_id}", status_code=204, response_model=None, summary="Revoke an API key")
async def revoke_key(key_id: str, services: AnyServices, caller: Writer, _: AnyOnce) -> Response:
    """Revoke one of one's own keys at once; the same again is the same answer."""
    return await end_key(services, caller, key_id, account_id=caller.account_id)
