"""/certificates/{id}: one certificate: how it stands, what comes next and why, what may be done, what happened."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, NamedTuple

from fastapi import APIRouter, Depends, Header, Request
from starlette.responses import Response

from api.case import Seen, looks_of, reader, seeing
from api.console.choices import FORMATS, KEY_TYPES, PROOFS
from api.console.outlook import outlook
from api.console.page import HEADERS, VERSION, show
from api.console.route import PageRoute
from api.console.words import REASONS, title
from api.deployed import Shelf
from api.etag import matches
from api.schemas.certificate import CertificateView, certificate_view
from api.schemas.deployment import DeploymentView, deployment_view
from api.schemas.event import EventView, event_view
from api.schemas.issuance import LeafView, leaf_view
from api.schemas.refund import RefundQuoteView, quote_view
from certloom.domain.certificate import Action, Phase
from certloom.domain.errors import FieldFault
from certloom.domain.issuance import CUSTOMER_REASONS, RevocationReason
from certloom.domain.role import Role
from certloom.domain.target import Target
from certloom.storage.interface import Transaction

router = APIRouter(route_class=PageRoute)

_EVENTS: Final = 50
_DEPLOYMENTS: Final = 20
_TARGETS: Final = 200
_QUICK, _CALM = 2, 15  # s between two looks of an open page
_BUSY: Final = frozenset(Phase) - {Phase.IDLE, Phase.REVIEWING}


class Story(NamedTuple):
    """All that the page shows of one certificate, read together."""

    view: CertificateView
    quote: RefundQuoteView
    leaves: tuple[LeafView, ...]
    deployments: tuple[DeploymentView, ...]
    events: tuple[EventView, ...]
    targets: tuple[Target, ...]
    keeps_key: bool  # the customer's own CSR: there is no private key here


class Notice(NamedTuple):
    """What came of a form, at the top of the page; `faults` stand beside its fields."""

    tone: str
    sentence: str
    form: str = ""
    faults: Sequence[FieldFault] = ()


SAID: Final[Mapping[str, str]] = {
    "bought": "It is bought. Apply for your names next.",
    "apply": "The application is open.",
    "check": "We are looking for the proof now.",
    "withdraw": "The application is withdrawn; the order stays paid.",
    "deploy": "The deployment began. Follow it below.",
    "rollback": "What was there before is being put back. Follow it below.",
    "renew": "The renewal began.",
    "replace": "The replacement began.",
    "revoke": "The revocation was asked for.",
    "cancel": "The order is being cancelled.",
    "delete": "The deletion was asked for.",
    "label": "The label is changed.",
    "review": "The decision is recorded.",
    "publish": "The proof is published in the lab.",
}


@router.get("/certificates/{certificate_id}")
async def read_certificate(
    request: Request,
    seen: Annotated[Seen, Depends(seeing)],
    said: str = "",
    do: str = "",
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Show one; an open page asks again with its ETag, and gets 304 while nothing changed."""
    story = await tell(seen)
    notice = Notice("good", SAID[said]) if said in SAID else None
    headers = {"ETag": _tag(request, story), "Cache-Control": "private, no-cache"}
    if matches(if_none_match, headers["ETag"]):
        return Response(status_code=304, headers={**HEADERS, **headers})  # a browser takes these over for what it kept
    return certificate_page(request, story, notice=notice, do=do, headers=headers)


def certificate_page(
    request: Request,
    story: Story,
    *,
    notice: Notice | None = None,
    do: str = "",
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    given: Mapping[str, Sequence[str]] | None = None,
) -> Response:
    """Build the page. *do* names the form to open, *given* what was typed into it before."""
    view = story.view
    return show(
        request,
        "certificate.html",
        status=status,
        headers=headers,
        story=story,
        view=view,
        next=outlook(view),
        notice=notice,
        open=(notice.form if notice and notice.form else do) or _first(view),
        given=given or {},
        poll=_QUICK if _busy(story) else _CALM,
        base=f"/certificates/{view.id}",
        name=title(view),
        lab=request.app.state.services.lab is not None,
        **_choices(request),
    )


async def tell(seen: Seen) -> Story:
    """Read everything in one transaction."""
    who = reader(seen.services, seen.caller)
    async with seen.services.storage.read() as tables:
        state = await tables.certificates.get(seen.id) or seen.state
        view = certificate_view(state, await looks_of(tables, state, always=True), who)
        records = await tables.issuances.list(seen.id)
        events = await tables.certificates.timeline(seen.id, limit=_EVENTS)
        deployments = await tables.deployments.of_certificate(seen.id, limit=_DEPLOYMENTS)
        shelf = Shelf(tables)
        told = [deployment_view(await shelf.tell(record), who) for record in deployments.items]
        targets = await _targets(tables, view)
    return Story(
        view=view,
        quote=quote_view(state, seen.now),
        leaves=tuple(leaf_view(record, seen.now) for record in reversed(records)),
        deployments=tuple(told),
        events=tuple(_named(event_view(entry), targets) for entry in events.items),
        targets=targets,
        keeps_key=bool(state.application and state.application.csr),
    )


async def _targets(tables: Transaction, view: CertificateView) -> tuple[Target, ...]:
    if Action.DEPLOY not in view.allowed_actions and not view.placements:
        return ()
    page = await tables.targets.list(account_id=view.account_id, limit=_TARGETS)
    return tuple(record.target for record in page.items)


def _named(event: EventView, targets: Sequence[Target]) -> EventView:
    """Put the names of targets where the API's sentences have their ids."""
    sentence = event.sentence
    for target in targets:
        sentence = sentence.replace(target.id, target.name)
    return event.model_copy(update={"sentence": sentence})


def _first(view: CertificateView) -> str:
    """Name the form that is open by itself: the one that is needed to go on."""
    return Action.APPLY if Action.APPLY in view.allowed_actions else ""


def _busy(story: Story) -> bool:
    return story.view.phase in _BUSY or any(one.ended_at is None for one in story.deployments)


def _tag(request: Request, story: Story) -> str:
    """Tag what the page shows: the story, the minute in which it says how long ago, and whose forms it holds."""
    parts = [story.view, story.quote.model_copy(update={"as_of": None}), *story.leaves, *story.deployments]
    texts = [one.model_dump_json(warnings=False) for one in (*parts, *story.events, *story.targets)]
    minute = f"{request.app.state.services.clock():%Y-%m-%d %H:%M}"
    shown = "\n".join([*texts, minute, request.state.session.csrf, str(request.url.query), VERSION])
    return f'"{hashlib.sha256(shown.encode()).hexdigest()[:24]}"'


def _choices(request: Request) -> dict[str, Any]:
    operator = request.state.caller.role is Role.OPERATOR
    reasons = {one: words for one, words in REASONS.items() if operator or one in CUSTOMER_REASONS}
    first = RevocationReason.SUPERSEDED
    return {"key_types": KEY_TYPES, "proofs": PROOFS, "formats": FORMATS, "reasons": reasons, "usual_reason": first}
