"""POST /v1/deployments/{id}/rollback: put back what the target held before."""

from fastapi import APIRouter
from starlette.responses import Response

from api.auth import AnyCaller, require
from api.case import AnyServices, Case, carried_out, find, reader, require_open, say
from api.deployed import Shelf, announced, before, find_deployment, usable
from api.idempotency import AnyOnce, IdempotentRoute
from api.roles import ACTING
from api.schemas.deployment import DeploymentView, Told, deployment_view
from api.target_deletion import require_free
from certloom.domain import command as c
from certloom.domain.certificate import Action
from certloom.domain.deployment import Trigger
from certloom.domain.rights import not_now
from certloom.storage.records import DeploymentRecord

router = APIRouter(tags=["Deployments"], route_class=IdempotentRoute)


@router.post(
    "/deployments/{deployment_id}/rollback", status_code=202, response_model=DeploymentView, summary="Roll back"
)
async def roll_back(deployment_id: str, services: AnyServices, caller: AnyCaller, once: AnyOnce) -> Response:
    """Begin a deployment that puts back what was there before; it is proven like any other."""
    require(caller, ACTING[Action.DEPLOY])
    told = await find_deployment(services, caller, deployment_id)
    state = await find(services, caller, told.record.certificate_id)
    case = Case(services, caller, state, services.clock(), once)
    begun = await _row(case) if once.repeated else None  # then this one is not current any more
    return await _show(case, begun or await _begin(case, told))


async def _begin(case: Case, told: Told) -> DeploymentRecord:
    require_open(case)
    _require_current(case, told)
    command = await _command(case, told)
    await carried_out(case, command)
    return await _row(case) or announced(
        case, command.item, number=command.number, trigger=Trigger.ROLLBACK, restores=command.restores
    )


async def _row(case: Case) -> DeploymentRecord | None:
    async with case.services.storage.read() as tables:
        return await tables.deployments.get(case.once.id("dep"))


def _require_current(case: Case, told: Told) -> None:
    record, target = told.record, told.target
    if target.target.deleted_at is not None:
        raise not_now(case.state, f"The target {target.target.name} was deleted.", code="not_current")
    if not told.current:
        now = f"that is {target.deployment_id}" if target.deployment_id else "there is none at the moment"
        detail = (
            f"Only what the target was last proven to serve can be rolled back: {now}, and this one is {record.state}."
        )
        raise not_now(case.state, detail, code="not_current")
    held = record.before
    if held is None or held.fingerprint_sha256 == told.fingerprint_sha256:
        detail = "The target held nothing else before, as far as is known, so there is nothing to go back to."
        raise not_now(case.state, detail, code="nothing_to_restore")


async def _command(case: Case, told: Told) -> c.RollBack:
    record, target = told.record, told.target.target
    async with case.services.storage.read() as tables:
        await require_free(tables, target.id)
        held = await before(tables, record)
    if held is not None and not usable(held, case.now):
        raise not_now(case.state, "What was there before is revoked or expired by now.", code="nothing_to_restore")
    if held is not None and held.certificate_id != case.id:
        detail = f"What was there before is the certificate {held.certificate_id}: deploy that one to the target again."
        raise not_now(case.state, detail, code="nothing_to_restore")
    return c.RollBack(
        **case.stamp(),
        item=c.DeployItem(deployment_id=case.once.id("dep"), target_id=target.id, host=target.host),
        restores=record.id,
        number=held.issuance.number if held is not None else None,
    )


async def _show(case: Case, record: DeploymentRecord) -> Response:
    async with case.services.storage.read() as tables:
        told = await Shelf(tables).tell(record)
    return say(deployment_view(told, reader(case.services, case.caller)), 202)
