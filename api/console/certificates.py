"""/certificates: all of them as cards or as a list, by group, searched, page by page."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal, NamedTuple
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.auth import AnyCaller, Caller
from api.case import AnyServices, reader
from api.certificates import Cursor, Search
from api.console.outlook import Outlook, outlook
from api.console.page import show
from api.console.route import PageRoute
from api.console.words import GROUPS
from api.schemas.certificate import CertificateView, certificate_view
from api.services import Services
from certloom.domain.certificate import GROUPS as GROUP_OF
from certloom.domain.certificate import Group

router = APIRouter(route_class=PageRoute)

PAGE: Final = 24  # fills rows of two, three and four cards
Layout = Literal["cards", "list"]
_COOKIE: Final = "certloom_layout"
_YEAR: Final = 365 * 86_400


class Item(NamedTuple):
    """A certificate on the page, and what comes next."""

    view: CertificateView
    next: Outlook


class Tab(NamedTuple):
    """One group to choose; `address` is where it is shown."""

    name: str
    size: int
    address: str
    chosen: bool


@router.get("/certificates")
async def list_certificates(
    request: Request,
    services: AnyServices,
    caller: AnyCaller,
    *,
    group: Annotated[Group | Literal[""], Query()] = "",
    query: Search = None,
    cursor: Cursor = None,
    layout: Layout | None = None,
) -> Response:
    """Show one page, newest first; a layout once chosen is remembered by the browser."""
    chosen = layout or _remembered(request)
    wanted = Group(group) if group else None
    items, following, counts = await _load(services, caller, group=wanted, query=query, cursor=cursor)
    here = {"group": group, "query": query or ""}
    response = show(
        request,
        "certificates.html",
        items=items,
        layout=chosen,
        layouts={one: _address(**here, cursor=cursor or "", layout=one) for one in ("cards", "list")},
        tabs=_tabs(counts, wanted, query or ""),
        total=sum(counts.values()),
        group=group,
        query=query or "",
        older=_address(**here, cursor=following) if following else None,
        newest=_address(**here) if cursor else None,
    )
    if layout:
        secure = services.public_url.startswith("https:")
        response.set_cookie(_COOKIE, layout, max_age=_YEAR, httponly=True, samesite="lax", secure=secure)
    return response


async def _load(
    services: Services, caller: Caller, *, group: Group | None, query: str | None, cursor: str | None
) -> tuple[list[Item], str | None, Mapping[Group, int]]:
    """Read page and counts with two statements, whatever is in the table."""
    async with services.storage.read() as tables:
        found = await tables.certificates.search(
            account_id=caller.account_id, group=group, query=query or None, limit=PAGE, cursor=cursor
        )
        statuses = await tables.certificates.summary(caller.account_id)
    who = reader(services, caller)
    views = [certificate_view(state, {}, who) for state in found.items]
    counts = {group: sum(n for status, n in statuses.items() if GROUP_OF[status] is group) for group in Group}
    return [Item(view, outlook(view)) for view in views], found.next_cursor, counts


def _tabs(counts: Mapping[Group, int], chosen: Group | None, query: str) -> list[Tab]:
    alive = sum(count for group, count in counts.items() if group is not Group.CLOSED)
    first = Tab("All", alive, _address(query=query), chosen is None)
    rest = (Tab(GROUPS[one], counts[one], _address(group=one, query=query), one is chosen) for one in Group)
    return [first, *rest]


def _remembered(request: Request) -> Layout:
    return "list" if request.cookies.get(_COOKIE) == "list" else "cards"


def _address(**given: str) -> str:
    query = urlencode({name: value for name, value in given.items() if value})
    return f"/certificates?{query}" if query else "/certificates"
