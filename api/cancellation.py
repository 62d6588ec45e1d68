"""POST /v1/certificates/{id}/cancellation: end a paid order that was never issued."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from api.case import Case, asking, steer
from api.idempotency import IdempotentRoute
from api.schemas.certificate import CertificateView
from certloom.domain import command as c
from certloom.domain.certificate import Action

router = APIRouter(tags=["Revocation"], route_class=IdempotentRoute)


@router.post("/certificates/{certificate_id}/cancellation", response_model=CertificateView, summary="Cancel the order")
async def cancel(case: Annotated[Case, Depends(asking(Action.CANCEL_ORDER))]) -> Response:
    """Cancel; the whole charge goes back."""
    return await steer(case, c.CancelOrder(**case.stamp()))
