"""/certificates/{id}: one certificate: how it stands, what comes next and why, what may be done, what happened."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, NamedTuple

from fastapi import APIRouter, Depends, Header, Request
from starlette.responses import Response

from api.case import Seen, seeing
from api.console.choices import FORMATS, KEY_TYPES, PROOFS
from api.console.outlook import outlook
from api.console.page import HEADERS, VERSION, show
from api.console.route import PageRoute
from api.console.story import Story, Turned, tell, turned
from api.console.words import REASONS, title
from api.etag import matches
from api.lab import SUFFIX
from api.schemas.certificate import CertificateView
from certloom.domain.certificate import Action, Phase
from certloom.domain.errors import FieldFault
from certloom.domain.issuance import CUSTOMER_REASONS, RevocationReason
from certloom.domain.organization import BUSINESS_CATEGORIES
from certloom.domain.role import Role
from certloom.domain.step import WaitReason

router = APIRouter(route_class=PageRoute)

_QUICK, _CALM = 2, 15  # s between two looks of an open page
_BUSY: Final = frozenset(Phase) - {Phase.IDLE, Phase.REVIEWING}


class Notice(NamedTuple):
    """What came of a form, at the top of the page; `faults` stand beside its fields.

    `kept` is the form's number when nobody knows whether it was carried out: sent again, it happens once.
    """

    tone: str
    sentence: str
    form: str = ""
    faults: Sequence[FieldFault] = ()
    kept: str = ""


SAID: Final[Mapping[str, str]] = {
    "bought": "It is bought. Apply for your names next.",
    "apply": "The application is sent.",
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
    "delegate": "Publish each CNAME below, once. From then on its proofs are published by us.",
    "uploaded": "It is uploaded, and its private key is sealed. Deploy it next, if you like.",
}


@router.get("/certificates/{certificate_id}")
async def read_certificate(
    request: Request,
    seen: Annotated[Seen, Depends(seeing)],
    *,
    at: Annotated[Turned, Depends(turned)],
    said: str = "",
    do: str = "",
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Show one; an open page asks again with its ETag, and gets 304 while nothing changed."""
    story = await tell(seen, at)
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
        address=_address(request, view),
        base=f"/certificates/{view.id}",
        name=title(view),
        lab=SUFFIX if request.app.state.services.lab else "",
        **_choices(request),
    )


def _first(view: CertificateView) -> str:
    """Name the form that is open by itself: the one that is needed to go on."""
    return Action.APPLY if Action.APPLY in view.allowed_actions else ""


def _address(request: Request, view: CertificateView) -> str:
    """Return where an open page asks again: a form that was refused has an address that only takes forms."""
    query = f"?{request.url.query}" if request.method == "GET" and request.url.query else ""
    return f"/certificates/{view.id}{query}"


def _busy(story: Story) -> bool:
    """Whether the page will change in a moment; between two phases the next step may be about to begin."""
    view = story.view
    working = view.phase in _BUSY or view.next_wake.why is WaitReason.WORK
    return working or any(one.ended_at is None for one in story.deployments)


def _tag(request: Request, story: Story) -> str:
    """Tag what the page shows: the story, the minute in which it says how long ago, and whose forms it holds."""
    parts = [story.view, story.quote.model_copy(update={"as_of": None}), *story.leaves, *story.deployments]
    texts = [one.model_dump_json(warnings=False) for one in (*parts, *story.events, *story.targets.values())]
    minute = f"{request.app.state.services.clock():%Y-%m-%d %H:%M}"
    shown = "\n".join([*texts, repr(story.ways), minute, request.state.session.csrf, str(request.url.query), VERSION])
    return f'"{hashlib.sha256(shown.encode()).hexdigest()[:24]}"'


def _choices(request: Request) -> dict[str, Any]:
    operator = request.state.caller.role is Role.OPERATOR
    reasons = {one: words for one, words in REASONS.items() if operator or one in CUSTOMER_REASONS}
    first = RevocationReason.SUPERSEDED
    offered = {"key_types": KEY_TYPES, "proofs": PROOFS, "formats": FORMATS, "categories": BUSINESS_CATEGORIES}
    return {**offered, "reasons": reasons, "usual_reason": first}
