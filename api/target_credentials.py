"""PUT /v1/targets/{id}/credentials: what a target is driven with from now on, when its key is a new one."""

from fastapi import APIRouter
from starlette.responses import Response

from api.auth import Writer
from api.case import AnyServices, say
from api.idempotency import AnyOnce, IdempotentRoute
from api.schemas.target import CredentialsForm, TargetView
from api.target_form import read_credentials
from api.targets import find_target, sealed_credentials, shown
from certloom.domain.errors import NotFound

router = APIRouter(prefix="/targets", tags=["Targets"], route_class=IdempotentRoute)


@router.put("/{target_id}/credentials", response_model=TargetView, summary="Change a target's credentials")
async def change_credentials(
    target_id: str,
    form: CredentialsForm,
    services: AnyServices,
    caller: Writer,
    once: AnyOnce,  # noqa: ARG001 - its key is read by the route
) -> Response:
    """Destroy the old ones and keep these; what is deployed there stays, and what is under way goes on with them."""
    record = await find_target(services, caller, target_id)
    target = record.target
    sealed = sealed_credentials(services, target, read_credentials(target.kind, form.credentials))
    async with services.storage.begin() as tables:
        if not await tables.secrets.destroy(target.credentials_ref):  # it was deleted just now
            raise NotFound("There is no such target.")
        await tables.secrets.put(target.credentials_ref, owner=target.id, sealed=sealed)
        await tables.audit.add(
            at=services.clock(),
            actor=caller.key_id,
            action="target.credentials",
            account_id=target.account_id,
            subject=target.id,
        )
        return say(await shown(tables, record))
