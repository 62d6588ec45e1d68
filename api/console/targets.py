"""/targets: the places that serve certificates, and what the watch saw there last."""

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.auth import AnyCaller
from api.case import AnyServices
from api.certificates import Cursor
from api.console.page import show
from api.console.route import PageRoute
from api.console.target_kinds import KINDS
from api.schemas.target import target_view

PAGE: Final = 50
_SAID: Final = {"forgotten": "The target is forgotten, and its credentials are destroyed. What it serves stays there."}

router = APIRouter(route_class=PageRoute)


@router.get("/targets")
async def list_targets(
    request: Request, services: AnyServices, caller: AnyCaller, cursor: Cursor = None, said: str = ""
) -> Response:
    """Show one's own, or all for operators, newest first."""
    async with services.storage.read() as tables:
        page = await tables.targets.list(account_id=caller.account_id, limit=PAGE, cursor=cursor)
        items = [
            target_view(record, await tables.deployments.get(record.deployment_id) if record.deployment_id else None)
            for record in page.items
        ]
    return show(
        request,
        "targets.html",
        items=items,
        kinds=KINDS,
        older=page.next_cursor,
        first=cursor is None,
        said=_SAID.get(said),
    )
