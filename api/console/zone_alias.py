"""The form that draws the labels of a certificate's names, so that one CNAME each leads their proofs to us for good."""

from fastapi import APIRouter
from starlette.responses import Response

from api import delegations
from api.auth import Member
from api.case import AnyServices, Seen, find
from api.console.actions import CertificateForm
from api.console.page import go
from api.console.story import tell
from certloom.domain.zone import proven_name

router = APIRouter(prefix="/certificates/{certificate_id}", route_class=CertificateForm)


@router.post("/delegate")
async def delegate(certificate_id: str, services: AnyServices, caller: Member) -> Response:
    """Draw a label for every name that goes by hand so far; may be repeated, and changes no record by itself."""
    state = await find(services, caller, certificate_id)
    story = await tell(Seen(services, caller, state, services.clock()))
    challenges = story.view.application.challenges if story.view.application else ()
    for one, way in zip(challenges, story.ways, strict=True):
        if way.offered and one.record and (name := proven_name(one.record.name)):
            await delegations.read_delegation(name, services, caller)
    return go(f"/certificates/{certificate_id}?said=delegate#proof")
