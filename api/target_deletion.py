"""DELETE /v1/targets/{id}: forget a target and its credentials; what it serves stays. May be sent again and again.

Marked first, in one transaction with the end of its credentials: from then on no deployment begins there. Then every
certificate is told. Who dies in between is finished by the same request sent again, and without one by the next
deployment, which finds its target gone.
"""

import asyncio
from datetime import timedelta
from time import monotonic
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from api.auth import Caller, Writer
from api.case import AnyServices, Case, carried_out, find
from api.idempotency import AnyOnce, IdempotentRoute
from api.services import ANSWER_WITHIN, Services
from api.targets import find_target
from certloom.domain import command as c
from certloom.domain.errors import Conflict, NotAllowedNow, Outage
from certloom.domain.state import CertificateState
from certloom.storage.interface import Transaction
from certloom.storage.records import TargetRecord

router = APIRouter(tags=["Targets"], route_class=IdempotentRoute)

RECENT: Final = 200  # deployments among which whoever is served there is found; one certificate is, at any time
_END_PAUSE: Final = timedelta(seconds=0.2)  # until a deployment that just ended is asked about again


@router.delete("/targets/{target_id}", status_code=204, response_model=None, summary="Forget a target")
async def delete_target(target_id: str, services: AnyServices, caller: Writer, once: AnyOnce) -> Response:
    """Destroy its credentials and look after it no more; the certificate that it serves stays there."""
    record = await find_target(services, caller, target_id, deleted=True)
    await _mark(services, caller, record)
    for state in await _users(services, record):
        await _detach(Case(services, caller, state, services.clock(), once), target_id)
    return Response(status_code=204)


async def require_free(tables: Transaction, target_id: str) -> None:
    """Raise Conflict (deployment_under_way) while any certificate is being deployed there."""
    recent = await tables.deployments.of_target(target_id, limit=RECENT)
    if going := next((one for one in recent if not one.ended), None):
        detail = f"The deployment {going.id} to this target is under way; wait for its end."
        raise Conflict(detail, code="deployment_under_way")


async def _mark(services: Services, caller: Caller, record: TargetRecord) -> None:
    """Mark it as deleted, once, and destroy its secrets; nothing when that is done."""
    target, now = record.target, services.clock()
    if target.deleted_at is not None:
        return
    async with services.storage.begin() as tables:
        await require_free(tables, target.id)
        if await tables.targets.delete(target.id, now):
            await tables.secrets.destroy_owned(target.id)
            await tables.audit.add(
                at=now, actor=caller.key_id, action="target.delete", account_id=target.account_id, subject=target.id
            )


async def _users(services: Services, record: TargetRecord) -> list[CertificateState]:
    """Return the certificates that look after it."""
    target_id = record.target.id
    async with services.storage.read() as tables:
        recent = [*await tables.deployments.of_target(target_id, limit=RECENT)]
        if record.deployment_id and (served := await tables.deployments.get(record.deployment_id)):
            recent.append(served)
        found = [await tables.certificates.get(one) for one in dict.fromkeys(past.certificate_id for past in recent)]
    return [state for state in found if state and state.placement(target_id)]


async def _detach(case: Case, target_id: str) -> None:
    """Tell one certificate; one that has yet to hear how its last deployment ended is told after that."""
    until, stamp = monotonic() + ANSWER_WITHIN.total_seconds(), case.stamp()
    while monotonic() < until:
        if (await find(case.services, case.caller, case.id)).placement(target_id) is None:
            return
        stamp["request_id"] += "+"  # under the same id a refusal would be the answer for ever
        try:
            await carried_out(case, c.Detach(**stamp, target_id=target_id))
        except NotAllowedNow:
            await asyncio.sleep(_END_PAUSE.total_seconds())
        else:
            return
    raise Outage("a deployment to the deleted target has yet to end")
