"""GET /v1/certificates/{id}/refund-quote: what a revocation or cancellation now would pay back."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from api.case import Seen, say, seeing
from api.schemas.refund import RefundQuoteView, quote_view

router = APIRouter(tags=["Revocation"])


@router.get(
    "/certificates/{certificate_id}/refund-quote", response_model=RefundQuoteView, summary="What would be paid back"
)
async def read_quote(seen: Annotated[Seen, Depends(seeing)]) -> Response:
    """Judge a request made at this moment by the product's refund policy, or show what was decided."""
    return say(quote_view(seen.state, seen.now))
