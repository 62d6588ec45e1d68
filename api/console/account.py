"""/account: the balance, what came in and went out, and the API keys, which are made and revoked here."""

import json
from datetime import timedelta
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api import account as own
from api.auth import AnyCaller, Writer
from api.case import AnyServices
from api.certificates import Cursor
from api.console.forms import NUMBER, build, field
from api.console.page import go, show
from api.console.route import PageRoute, Refused, SamePageRoute
from api.idempotency import AnyOnce
from api.schemas.account import OwnKeyForm, key_view, line_view
from api.services import Services
from certloom.domain.errors import FieldFault, InvalidInput

PAGE: Final = 25
_LONGEST: Final = 3_650  # days
_SAID: Final = {"revoked": "The key is revoked; it and its sessions open nothing any more."}


class KeyRoute(SamePageRoute):
    """Forms about keys, which are on the account's page."""

    async def again(self, request: Request, refused: Refused) -> Response:
        """Show the account."""
        return await _page(request, refused=refused)

    async def finish(self, request: Request, response: Response) -> Response:
        """Show a new key's secret, which the kept answer does not hold."""
        return await _page(request, made=json.loads(bytes(response.body)))


router = APIRouter(route_class=PageRoute)
keys = APIRouter(route_class=KeyRoute)


@router.get("/account")
async def read_account(request: Request, caller: AnyCaller, cursor: Cursor = None, said: str = "") -> Response:  # noqa: ARG001 - it has to be one
    """Show the account; operators, who have none, see their keys."""
    return await _page(request, cursor=cursor, said=_SAID.get(said))


@keys.post("/account/keys")
async def add_key(request: Request, services: AnyServices, caller: Writer, once: AnyOnce) -> Response:
    """Make a key."""
    values: dict[str, Any] = {name: field(request, name) for name in ("role", "label")}
    if days := field(request, "days"):
        values["expires_at"] = services.clock() + timedelta(days=key_days(days))
    return await own.add_key(build(OwnKeyForm, values), services, caller, once)


@keys.post("/account/keys/{key_id}/revoke")
async def revoke_key(key_id: str, services: AnyServices, caller: Writer, once: AnyOnce) -> Response:
    """Revoke a key at once."""
    await own.revoke_key(key_id, services, caller, once)
    return go("/account?said=revoked")


def key_days(text: str) -> int:
    """Read after how many days a key ends; raises InvalidInput at /days."""
    if text.isdecimal() and text.isascii() and len(text) < 5 and 1 <= int(text) <= _LONGEST:
        return int(text)
    detail = f"Write after how many days it ends, 1 to {_LONGEST}, or nothing for a key without an end."
    raise InvalidInput([FieldFault(pointer="/days", code="days", detail=detail)])


async def _page(
    request: Request,
    *,
    cursor: str | None = None,
    said: str | None = None,
    refused: Refused | None = None,
    made: dict[str, Any] | None = None,
) -> Response:
    services: Services = request.app.state.services
    mine = request.state.caller.account_id
    balance = await services.balances.balance(mine) if mine else None
    async with services.storage.read() as tables:
        account = await tables.accounts.get(mine) if mine else None
        page = await tables.ledger.statement(mine, limit=PAGE, cursor=cursor) if mine else None
        found = await tables.accounts.keys(mine)
    return show(
        request,
        "account.html",
        status=refused.status if refused else 200,
        account=account,
        balance=balance,
        lines=[line_view(line) for line in page.items] if page else [],
        older=page.next_cursor if page else None,
        keys=[key_view(key) for key in found],
        said=said,
        refused=refused,
        made=made,
        given={name: field(request, name) for name in ("label", "role", "days", NUMBER)},
    )
