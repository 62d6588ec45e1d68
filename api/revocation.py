"""POST /v1/certificates/{id}/revocation: revoke every unexpired leaf, then refund by the policy."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from api.case import Case, asking, steer
from api.idempotency import IdempotentRoute
from api.schemas.certificate import CertificateView
from api.schemas.revocation import RevocationForm
from certloom.domain import command as c
from certloom.domain.certificate import Action
from certloom.domain.errors import FieldFault, InvalidInput
from certloom.domain.issuance import CUSTOMER_REASONS, RevocationReason
from certloom.domain.role import Role

router = APIRouter(tags=["Revocation"], route_class=IdempotentRoute)


@router.post("/certificates/{certificate_id}/revocation", response_model=CertificateView, summary="Revoke")
async def revoke(case: Annotated[Case, Depends(asking(Action.REVOKE))], form: RevocationForm) -> Response:
    """Revoke; a refund inside the window follows by itself, judged by the time of this request."""
    require_customers_reason(case.caller.role, form.reason)
    return await steer(case, c.Revoke(**case.stamp(), reason=form.reason, force=form.force))


def require_customers_reason(role: Role, reason: RevocationReason) -> None:
    """Raise InvalidInput (/reason) when a customer gives a reason that is the CA's alone (BR 7.2.2)."""
    if role is not Role.OPERATOR and reason not in CUSTOMER_REASONS:
        known = ", ".join(sorted(CUSTOMER_REASONS))
        detail = f"Only the CA revokes for the reason {reason}; choose one of: {known}."
        raise InvalidInput([FieldFault(pointer="/reason", code="reason_not_for_customers", detail=detail)])
