"""/zones: the DNS zones in which proofs are published by us, so that renewals need nobody."""

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.auth import AnyCaller
from api.case import AnyServices
from api.certificates import Cursor
from api.console.page import show
from api.console.route import PageRoute
from api.console.zone_kinds import KINDS, VENDORS
from api.schemas.zone import zone_view

PAGE: Final = 50
_SAID: Final = {"forgotten": "The zone is forgotten, and what it was written with is destroyed here."}

router = APIRouter(route_class=PageRoute)


@router.get("/zones")
async def list_zones(
    request: Request, services: AnyServices, caller: AnyCaller, cursor: Cursor = None, said: str = ""
) -> Response:
    """Show one's own, or all for operators, newest first."""
    async with services.storage.read() as tables:
        page = await tables.zones.list(account_id=caller.account_id, limit=PAGE, cursor=cursor)
    return show(
        request,
        "zones.html",
        items=[zone_view(zone) for zone in page.items],
        kinds=KINDS,
        vendors=VENDORS,
        delegation=services.delegation_zone,
        older=page.next_cursor,
        first=cursor is None,
        said=_SAID.get(said),
    )
