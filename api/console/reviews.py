"""/reviews: the OV and EV applications that wait, oldest first, each with what an operator must know to decide."""

from collections.abc import Sequence
from typing import Annotated, Final, NamedTuple

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api import review as reviewing
from api.auth import Operator
from api.case import Case, asking, find
from api.certificates import Cursor
from api.console.forms import build, field
from api.console.operators import OperatorRoute
from api.console.page import go, show
from api.console.route import PageRoute, Refused
from api.console.words import plain
from api.schemas.application import ReviewForm
from api.schemas.review import ReviewView
from api.services import Services
from api.timeline_deployment import date
from certloom.domain import fact as f
from certloom.domain.application import Decision
from certloom.domain.certificate import Action
from certloom.domain.errors import CertloomError, Conflict, NotAllowedNow, NotFound
from certloom.domain.role import Role
from certloom.domain.state import CertificateState
from certloom.storage.records import Account, LookRecord

PAGE: Final = 10
_BACK: Final = 20  # facts to look through for who decided
_TURNS: Final = (f.Reviewed, f.Applied, f.Withdrawn, f.NotProven)  # the newest of them says why nothing waits
_SAID: Final = {
    Decision.APPROVE: "The organisation is approved. The issuer signs once every name is proven.",
    Decision.REJECT: "The application is rejected. The order stays paid, so the customer may apply again.",
}


class Waiting(NamedTuple):
    """One application in the queue, whose it is, and each of its names with whether control of it was seen."""

    view: ReviewView
    account: Account | None
    names: tuple[tuple[str, bool], ...]


class ReviewRoute(OperatorRoute):
    """A decision; when it is not possible any more, the queue says who was first."""

    async def explain(self, request: Request, error: CertloomError) -> Response | None:
        """Put what happened meanwhile into the place of the API's sentence."""
        told = error
        if isinstance(error, NotAllowedNow | NotFound) and request.state.caller.role is Role.OPERATOR:
            services: Services = request.app.state.services
            state = await find(services, request.state.caller, request.path_params["certificate_id"])
            told = Conflict(await _too_late(services, state), code="decided")
        return await super().explain(request, told)

    async def again(self, request: Request, refused: Refused) -> Response:
        """Show the queue as it stands now."""
        return await _page(request, refused=refused)


router = APIRouter(route_class=PageRoute)
forms = APIRouter(route_class=ReviewRoute)


@router.get("/reviews")
async def list_reviews(request: Request, _: Operator, cursor: Cursor = None, said: str = "") -> Response:
    """Show what waits."""
    done = Decision(said) if said in tuple(Decision) else None
    return await _page(request, cursor=cursor, said=_SAID[done] if done else None)


@forms.post("/reviews/{certificate_id}")
async def decide(request: Request, case: Annotated[Case, Depends(asking(Action.REVIEW))]) -> Response:
    """Approve or reject, and lead back to what still waits."""
    form = build(ReviewForm, {name: field(request, name) for name in ("application_id", "decision", "note")})
    await reviewing.review(case, form)
    return go(f"/reviews?said={form.decision}")


async def _too_late(services: Services, state: CertificateState) -> str:
    """Say why nothing waits any more."""
    async with services.storage.read() as tables:
        happened = (await tables.certificates.timeline(state.certificate_id, limit=_BACK)).items
    fact = next((entry.fact for entry in happened if isinstance(entry.fact, _TURNS)), None)
    if isinstance(fact, f.Reviewed):
        done = "approved" if fact.decision is Decision.APPROVE else "rejected"
        return f"Key {fact.actor} {done} this application on {date(fact.at)}. Your decision changed nothing."
    return f"This application does not wait any more: now the certificate is {plain(state.status)}."


async def _page(
    request: Request,
    *,
    cursor: str | None = None,
    said: str | None = None,
    refused: Refused | None = None,
) -> Response:
    items, following = await _load(request.app.state.services, cursor)
    return show(
        request,
        "reviews.html",
        status=refused.status if refused else 200,
        items=items,
        later=following,
        first=cursor is None,
        said=said,
        refused=refused,
        decided=request.path_params.get("certificate_id", ""),
        note=field(request, "note"),
    )


async def _load(services: Services, cursor: str | None) -> tuple[list[Waiting], str | None]:
    async with services.storage.read() as tables:
        page = await reviewing.waiting(tables, limit=PAGE, cursor=cursor)
        looks = await tables.looks.list(*(view.certificate_id for view in page.items))
        items = [Waiting(view, await tables.accounts.get(view.account_id), _proven(view, looks)) for view in page.items]
    return items, page.next_cursor


def _proven(view: ReviewView, looks: Sequence[LookRecord]) -> tuple[tuple[str, bool], ...]:
    """Tell the names apart; a wildcard's proof may be kept under the name below its star."""
    seen = {look.name for look in looks if look.proven and look.certificate_id == view.certificate_id}
    found = bool(view.proven_at)
    return tuple((name, found or bool(seen & {name, name.removeprefix("*.")})) for name in view.names)
