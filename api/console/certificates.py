"""/certificates: all of them as cards or as a list, by group, searched, in an order, page by page."""

from collections.abc import Sequence
from typing import Annotated, Final, Literal, NamedTuple

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api.auth import AnyCaller, Caller
from api.case import AnyServices, reader
from api.certificates import Cursor
from api.console.listing import SOON, SORTS, Counts, Listing, listing
from api.console.outlook import Outlook, outlook
from api.console.page import show
from api.console.route import PageRoute
from api.proof import proofs_of
from api.schemas.application import Proofs
from api.schemas.certificate import CertificateView, certificate_view
from api.services import Services
from certloom.domain.state import CertificateState
from certloom.storage.records import Page

router = APIRouter(route_class=PageRoute)

PAGE: Final = 24  # fills rows of two, three and four cards
Layout = Literal["cards", "list"]
_COOKIE: Final = "certloom_layout"
_YEAR: Final = 365 * 86_400


class Item(NamedTuple):
    """A certificate on the page, and what comes next."""

    view: CertificateView
    next: Outlook


@router.get("/certificates")
async def list_certificates(
    request: Request,
    services: AnyServices,
    caller: AnyCaller,
    *,
    wanted: Annotated[Listing, Depends(listing)],
    cursor: Cursor = None,
    layout: Layout | None = None,
) -> Response:
    """Show one page; a layout once chosen is remembered by the browser."""
    found, counts, known = await _load(services, caller, wanted, cursor)
    who = reader(services, caller)
    views = [certificate_view(state, proofs, who) for state, proofs in zip(found.items, known, strict=True)]
    response = show(
        request,
        "certificates.html",
        items=[Item(view, outlook(view)) for view in views],
        layout=layout or _remembered(request),
        layouts={one: wanted.address(cursor=cursor, layout=one) for one in ("cards", "list")},
        tabs=wanted.tabs(counts),
        sorts=[(name, wanted._replace(sort=one).address(), one is wanted.order) for one, name in SORTS.items()],
        wanted=wanted,
        older=wanted.address(cursor=found.next_cursor) if found.next_cursor else None,
        newer=wanted.address(cursor=found.previous_cursor) if found.previous_cursor else None,
        first=wanted.address() if cursor else None,
    )
    if layout:
        secure = services.public_url.startswith("https:")
        response.set_cookie(_COOKIE, layout, max_age=_YEAR, httponly=True, samesite="lax", secure=secure)
    return response


async def _load(
    services: Services, caller: Caller, wanted: Listing, cursor: str | None
) -> tuple[Page[CertificateState], Counts, Sequence[Proofs]]:
    """Read page, counts and proofs with a few statements, however many there are."""
    filters = wanted.filters(services.clock())
    async with services.storage.read() as tables:
        found = await tables.certificates.search(account_id=caller.account_id, limit=PAGE, cursor=cursor, **filters)
        statuses = await tables.certificates.summary(caller.account_id)
        soon = await tables.certificates.ending(caller.account_id, services.clock() + SOON)
        known = await proofs_of(tables, *found.items)
    return found, Counts(statuses, soon), known


def _remembered(request: Request) -> Layout:
    return "list" if request.cookies.get(_COOKIE) == "list" else "cards"
