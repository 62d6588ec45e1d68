"""/zones/new: choose who writes into a zone, fill in the form; a refusal keeps all that was typed but secrets."""

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api import zones
from api.auth import Writer
from api.case import AnyServices
from api.console.faults import mark
from api.console.forms import build, field
from api.console.page import go, show
from api.console.route import PageRoute, Refused, SamePageRoute
from api.console.target_kinds import Shape
from api.console.zone_access import PROVIDER, access_of, known_kind, parts_of, shapes_of
from api.console.zone_kinds import KINDS, VENDORS
from api.idempotency import KeyedOnce
from api.schemas.zone import ZoneForm
from certloom.domain.zone import Vendor

_FIELDS: Final = ("zone", "account_id")


class AddRoute(SamePageRoute):
    """The form of a new zone."""

    async def again(self, request: Request, refused: Refused) -> Response:
        """Show it; secrets have to be typed again."""
        return _page(request, field(request, "kind"), field(request, PROVIDER), refused=refused)


router = APIRouter(route_class=PageRoute)
forms = APIRouter(route_class=AddRoute)


@router.get("/zones/new")
async def choose_kind(request: Request, caller: Writer, kind: str = "", provider: str = "") -> Response:  # noqa: ARG001 - it has to be one
    """Show the kinds, then for vendors these, then the form."""
    return _page(request, kind, provider)


@forms.post("/zones")
async def add_zone(request: Request, services: AnyServices, caller: Writer, once: KeyedOnce) -> Response:
    """Keep it, then show it: it can be tried there."""
    await zones.add_zone(_form(request), services, caller, once)
    return go(f"/zones/{once.id('zone')}?said=added")


def _form(request: Request) -> ZoneForm:
    """Return the API's form; an empty zone goes in as a blank, so that it is judged together with all the rest."""
    values = {
        "zone": field(request, "zone") or " ",
        "account_id": field(request, "account_id"),
        **access_of(request, field(request, "kind"), field(request, PROVIDER)),
    }
    return build(ZoneForm, values)


def _page(request: Request, chosen: str, provider: str, *, refused: Refused | None = None) -> Response:
    kind = known_kind(chosen, provider)
    shapes = shapes_of(kind)
    shown = [*_FIELDS, *(name for name, shape in shapes.items() if shape is not Shape.HIDDEN)]
    return show(
        request,
        "zone_add.html",
        status=refused.status if refused else 200,
        kinds=KINDS,
        vendors=VENDORS,
        kind=kind,
        chosen=chosen if kind else "",
        provider=provider if provider in list(Vendor) else "",
        parts=parts_of(kind),
        given={name: field(request, name) for name in shown},
        refused=refused,
        marks=mark(refused.faults if refused else (), [*_FIELDS, *shapes]),
    )
