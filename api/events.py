"""GET /v1/certificates/{id}/events: the timeline, in words."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from api.case import Seen, say, seeing
from api.certificates import PAGE, Cursor, Limit
from api.schemas.event import EventPage, event_view

router = APIRouter(tags=["Certificates"])


@router.get("/certificates/{certificate_id}/events", response_model=EventPage, summary="What happened")
async def list_events(seen: Annotated[Seen, Depends(seeing)], limit: Limit = PAGE, cursor: Cursor = None) -> Response:
    """Tell when who did what, why, and what comes next; newest first."""
    async with seen.services.storage.read() as tables:
        page = await tables.certificates.timeline(seen.id, limit=limit, cursor=cursor)
    return say(EventPage(items=tuple(event_view(entry) for entry in page.items), next_cursor=page.next_cursor))
