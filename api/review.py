"""An operator's part in OV and EV: what waits, and the decision."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from api.auth import Operator
from api.case import AnyServices, Case, asking, require_allowed, require_open, say, steer
from api.certificates import PAGE, Cursor, Limit
from api.idempotency import IdempotentRoute
from api.schemas.application import ReviewForm
from api.schemas.certificate import CertificateView
from api.schemas.product import product_view
from api.schemas.review import ReviewPage, ReviewView
from certloom.domain import command as c
from certloom.domain.certificate import Action
from certloom.domain.state import CertificateState
from certloom.storage.interface import Transaction
from certloom.storage.records import Draft

router = APIRouter(tags=["Review"], route_class=IdempotentRoute)


@router.get("/reviews", response_model=ReviewPage, summary="What waits for a decision")
async def list_reviews(services: AnyServices, _: Operator, limit: Limit = PAGE, cursor: Cursor = None) -> Response:
    """List OV and EV applications without a decision, oldest first."""
    async with services.storage.read() as tables:
        return say(await waiting(tables, limit=limit, cursor=cursor))


@router.post("/certificates/{certificate_id}/review", response_model=CertificateView, summary="Decide on OV or EV")
async def review(case: Annotated[Case, Depends(asking(Action.REVIEW))], form: ReviewForm) -> Response:
    """Approve or reject an application; the note is kept beside it."""
    command = c.Decide(**case.stamp(), application_id=form.application_id, decision=form.decision)
    require_open(case)
    await require_allowed(case, command)
    async with case.services.storage.begin() as tables:
        await tables.drafts.add_note(
            application_id=form.application_id, note=form.note, actor=case.caller.key_id, at=case.now
        )
    return await steer(case, command)


async def waiting(tables: Transaction, *, limit: int, cursor: str | None) -> ReviewPage:
    """Read a page of what waits, as views."""
    page = await tables.certificates.in_review(limit=limit, cursor=cursor)
    states = [state for state in page.items if state.application and state.product]
    drafts = [await tables.drafts.get(state.application.id) for state in states if state.application]
    items = [view for state, draft in zip(states, drafts, strict=True) if (view := _view(state, draft))]
    return ReviewPage(items=tuple(items), next_cursor=page.next_cursor)


def _view(state: CertificateState, draft: Draft | None) -> ReviewView | None:
    if state.application is None or state.product is None:
        return None
    return ReviewView(
        certificate_id=state.certificate_id,
        account_id=state.account_id,
        application_id=state.application.id,
        product=product_view(state.product),
        names=state.application.names,
        opened_at=state.application.opened_at,
        deadline=state.application.deadline,
        proven_at=state.application.proven_at,
        organization=draft.organization if draft else None,
        contact=draft.contact if draft else None,
    )
