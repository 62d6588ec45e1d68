"""DELETE /v1/certificates/{id}: delete for good; the same again is the same answer."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from api.case import Case, asking, carried_out, find, show
from api.idempotency import IdempotentRoute
from certloom.domain import command as c
from certloom.domain.certificate import Action, Phase
from certloom.domain.errors import NotAllowedNow
from certloom.domain.state import CertificateState

router = APIRouter(tags=["Certificates"], route_class=IdempotentRoute)


@router.delete("/certificates/{certificate_id}", status_code=204, response_model=None, summary="Delete for good")
async def delete(case: Annotated[Case, Depends(asking(Action.DELETE))], *, forfeit_refund: bool = False) -> Response:
    """Destroy the private keys and close; neither revokes nor refunds."""
    if not _going(case.state):
        try:
            await carried_out(case, c.Delete(**case.stamp(), forfeit_refund=forfeit_refund))
        except NotAllowedNow:
            if not _going(await find(case.services, case.caller, case.id)):  # else somebody deletes it at the same time
                raise
    state = await find(case.services, case.caller, case.id)
    return Response(status_code=204) if state.closed else await show(case, 202)


def _going(state: CertificateState) -> bool:
    return state.closed or state.phase is Phase.DELETING
