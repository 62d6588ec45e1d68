"""/targets: the places that serve certificates, what the watch saw there last; they are tried and forgotten here."""

import json
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api import target_deletion, targets
from api.auth import AnyCaller, Writer
from api.case import AnyServices
from api.certificates import Cursor
from api.console.page import go, show
from api.console.route import FormRoute, PageRoute
from api.idempotency import AnyOnce
from api.problems import answer
from api.schemas.target import target_view
from api.services import Services
from certloom.domain.errors import CertloomError, Forbidden, NotFound

PAGE: Final = 50
_SAID: Final = {"forgotten": "The target is forgotten, and its credentials are destroyed. What it serves stays there."}


class TargetRoute(FormRoute):
    """Forms about a target; what came of them is said on the same page."""

    async def explain(self, request: Request, error: CertloomError) -> Response | None:
        """Show the targets again."""
        if isinstance(error, Forbidden | NotFound):
            return None
        problem = answer(request, error)
        return await _page(request, error=json.loads(bytes(problem.body))["detail"], status=problem.status_code)

    async def finish(self, request: Request, response: Response) -> Response:
        """Show what was found."""
        return await _page(request, tried=json.loads(bytes(response.body)))


router = APIRouter(route_class=PageRoute)
forms = APIRouter(route_class=TargetRoute)


@router.get("/targets")
async def list_targets(request: Request, caller: AnyCaller, cursor: Cursor = None, said: str = "") -> Response:  # noqa: ARG001 - it has to be one
    """Show one's own, or all for operators, newest first."""
    return await _page(request, cursor=cursor, said=_SAID.get(said))


@forms.post("/targets/{target_id}/test")
async def try_target(target_id: str, services: AnyServices, caller: Writer, once: AnyOnce) -> Response:
    """Try it without changing anything."""
    return await targets.try_target(target_id, services, caller, once)


@forms.post("/targets/{target_id}/delete")
async def delete_target(target_id: str, services: AnyServices, caller: Writer, once: AnyOnce) -> Response:
    """Forget it."""
    await target_deletion.delete_target(target_id, services, caller, once)
    return go("/targets?said=forgotten")


async def _page(
    request: Request,
    *,
    cursor: str | None = None,
    said: str | None = None,
    error: str | None = None,
    tried: dict[str, Any] | None = None,
    status: int = 200,
) -> Response:
    services: Services = request.app.state.services
    async with services.storage.read() as tables:
        page = await tables.targets.list(account_id=request.state.caller.account_id, limit=PAGE, cursor=cursor)
        items = [
            target_view(record, await tables.deployments.get(record.deployment_id) if record.deployment_id else None)
            for record in page.items
        ]
    return show(
        request,
        "targets.html",
        status=status,
        items=items,
        older=page.next_cursor,
        first=cursor is None,
        said=said,
        error=error,
        tried=tried,
        target_id=request.path_params.get("target_id", ""),
    )
