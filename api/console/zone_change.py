"""/zones/{id}/change: a new key, another server or vendor; a refusal keeps all that was typed but secrets."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from api import zone_change, zones
from api.auth import Writer
from api.case import AnyServices
from api.console.faults import mark
from api.console.forms import build, field
from api.console.page import go, show
from api.console.route import PageRoute, Refused, SamePageRoute
from api.console.target_kinds import Shape
from api.console.zone_access import access_of, known_kind, parts_of, shapes_of
from api.console.zone_kinds import VENDORS
from api.idempotency import AnyOnce
from api.schemas.zone import ZoneAccess
from certloom.domain.zone import DnsZone, LexiconSettings, ZoneKind


class ChangeRoute(SamePageRoute):
    """The form of one zone."""

    async def again(self, request: Request, refused: Refused) -> Response:
        """Show it; secrets have to be typed again."""
        zone = await zones.find_zone(request.app.state.services, request.state.caller, request.path_params["zone_id"])
        return _page(request, zone, refused=refused)


router = APIRouter(route_class=PageRoute)
forms = APIRouter(route_class=ChangeRoute)


@router.get("/zones/{zone_id}/change")
async def read_change(zone_id: str, request: Request, services: AnyServices, caller: Writer) -> Response:
    """Show the form with what is set now; a manual zone has nothing to change."""
    zone = await zones.find_zone(services, caller, zone_id)
    return go(f"/zones/{zone.id}") if zone.kind is ZoneKind.MANUAL else _page(request, zone)


@forms.post("/zones/{zone_id}/change")
async def change_zone(zone_id: str, request: Request, services: AnyServices, caller: Writer, once: AnyOnce) -> Response:
    """Keep it, then show the zone: it can be tried there."""
    zone = await zones.find_zone(services, caller, zone_id)
    form = build(ZoneAccess, access_of(request, zone.kind, _provider(zone)))
    await zone_change.change_zone(zone_id, form, services, caller, once)
    return go(f"/zones/{zone_id}?said=changed")


def _provider(zone: DnsZone) -> str:
    return str(zone.settings.provider) if isinstance(zone.settings, LexiconSettings) else ""


def _page(request: Request, zone: DnsZone, *, refused: Refused | None = None) -> Response:
    kind = known_kind(zone.kind, _provider(zone))
    shapes, settings = shapes_of(kind), zone.settings.model_dump(mode="json")
    now = {f"settings.{name}": str(value) for name, value in settings.items()}
    visible = [name for name, shape in shapes.items() if shape is not Shape.HIDDEN]
    return show(
        request,
        "zone_change.html",
        status=refused.status if refused else 200,
        zone=zone,
        vendors=VENDORS,
        provider=_provider(zone),
        kind=kind,
        parts=parts_of(kind),
        given={name: field(request, name) if refused else now.get(name, "") for name in visible},
        refused=refused,
        marks=mark(refused.faults if refused else (), list(shapes)),
    )
