"""PUT /v1/zones/{id}: how a DNS zone is written from now on, when its key is a new one or its server has moved."""

from fastapi import APIRouter
from starlette.responses import Response

from api.auth import Writer
from api.case import AnyServices, say
from api.idempotency import AnyOnce, IdempotentRoute
from api.schemas.zone import ZoneAccess, ZoneView, zone_view
from api.zone_form import read_access
from api.zones import find_zone, sealed_credentials
from certloom.domain.errors import FieldFault, NotFound
from certloom.domain.zone import DnsZone, ZoneKind

router = APIRouter(prefix="/zones", tags=["DNS zones"], route_class=IdempotentRoute)


@router.put("/{zone_id}", response_model=ZoneView, summary="Change how a DNS zone is written")
async def change_zone(zone_id: str, form: ZoneAccess, services: AnyServices, caller: Writer, once: AnyOnce) -> Response:  # noqa: ARG001 - its key is read by the route
    """Replace settings and credentials; what we published there is looked for and taken away the new way.

    All is given anew, the credentials too: they go where the settings lead, so who changes these has to know them.
    """
    zone = await find_zone(services, caller, zone_id)
    access = read_access(form, _other_kind(zone, form.kind))
    changed = zone.model_copy(update={"settings": access.settings})
    sealed = sealed_credentials(services, changed, access)
    async with services.storage.begin() as tables:
        if not await tables.zones.change(changed):
            raise NotFound("There is no such DNS zone.")
        await tables.secrets.destroy(zone.credentials_ref)
        if sealed is not None:
            await tables.secrets.put(zone.credentials_ref, owner=zone.id, sealed=sealed)
        await tables.audit.add(
            at=services.clock(),
            actor=caller.key_id,
            action="zone.change",
            account_id=zone.account_id,
            subject=zone.id,
        )
    return say(zone_view(changed))


def _other_kind(zone: DnsZone, kind: ZoneKind) -> list[FieldFault]:
    """A manual zone says that we write nothing there: it and the others do not turn into each other."""
    if (zone.kind is ZoneKind.MANUAL) == (kind is ZoneKind.MANUAL):
        return []
    detail = "A zone of yours does not become one that we write, nor the other way round: forget it, and add it anew."
    return [FieldFault(pointer="/kind", code="kind_fixed", detail=detail)]
