"""/zones/{id}: one DNS zone: how it is written, and forms to try and to forget it."""

import json
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api import zones
from api.auth import AnyCaller, Writer
from api.case import AnyServices
from api.console.page import go, show
from api.console.route import PageRoute, Refused, SamePageRoute
from api.console.zone_kinds import VENDORS, kind_of
from api.idempotency import AnyOnce
from api.schemas.zone import zone_view
from certloom.domain.zone import TEST_LABEL

_SAID: Final = {
    "added": "The zone is added; nothing was sent there yet. Try it before the next renewal needs it.",
    "changed": "It is changed, and the old credentials are destroyed here. Try it before the next renewal needs it.",
}


class ZoneRoute(SamePageRoute):
    """Forms about a zone, whose page tells what came of them."""

    async def again(self, request: Request, refused: Refused) -> Response:
        """Show the zone."""
        return await _page(request, refused=refused)

    async def finish(self, request: Request, response: Response) -> Response:
        """Show what the try found."""
        return await _page(request, tried=json.loads(bytes(response.body)))


router = APIRouter(route_class=PageRoute)
forms = APIRouter(route_class=ZoneRoute)


@router.get("/zones/{zone_id}")
async def read_zone(zone_id: str, request: Request, caller: AnyCaller, said: str = "") -> Response:  # noqa: ARG001 - the page finds both
    """Show one of one's own, or any for operators."""
    return await _page(request, said=_SAID.get(said))


@forms.post("/zones/{zone_id}/test")
async def try_zone(zone_id: str, services: AnyServices, caller: Writer, once: AnyOnce) -> Response:
    """Write a record and take it away."""
    return await zones.try_zone(zone_id, services, caller, once)


@forms.post("/zones/{zone_id}/delete")
async def delete_zone(zone_id: str, services: AnyServices, caller: Writer, once: AnyOnce) -> Response:
    """Forget it."""
    await zones.delete_zone(zone_id, services, caller, once)
    return go("/zones?said=forgotten")


async def _page(
    request: Request,
    *,
    said: str | None = None,
    refused: Refused | None = None,
    tried: dict[str, Any] | None = None,
) -> Response:
    services, caller = request.app.state.services, request.state.caller
    found = await zones.find_zone(services, caller, request.path_params["zone_id"])
    return show(
        request,
        "zone.html",
        status=refused.status if refused else 200,
        zone=zone_view(found),
        kind=kind_of(found.kind),
        vendors=VENDORS,
        test_name=f"{TEST_LABEL}.{found.zone}",
        said=said,
        refused=refused,
        tried=tried,
    )
