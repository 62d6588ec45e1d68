"""POST /v1/certificates/{id}/renewal: issue anew within the plan, now."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from api.case import Case, asking, steer
from api.idempotency import IdempotentRoute
from api.schemas.certificate import CertificateView
from certloom.domain import command as c
from certloom.domain.certificate import Action

router = APIRouter(tags=["Renewal"], route_class=IdempotentRoute)


@router.post(
    "/certificates/{certificate_id}/renewal", status_code=202, response_model=CertificateView, summary="Renew now"
)
async def renew(case: Annotated[Case, Depends(asking(Action.RENEW))]) -> Response:
    """Renew before it happens by itself; at most once in 24 hours, and free within the plan."""
    return await steer(case, c.Renew(**case.stamp()), status=202)
