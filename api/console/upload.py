"""/upload: bring a certificate from elsewhere, pasted or as files; its private key is sealed and never shown again."""

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api import uploads
from api.auth import Member
from api.case import AnyServices
from api.console.faults import mark
from api.console.forms import build, field
from api.console.page import go, show
from api.console.route import PageRoute, Refused, SamePageRoute
from api.idempotency import KeyedOnce
from api.schemas.upload import UploadForm

_SHOWN: Final = ("label", "certificate", "chain")  # what may stand in the form again
_PASTED: Final = ("certificate", "chain", "private_key")


class UploadRoute(SamePageRoute):
    """The upload's form."""

    async def again(self, request: Request, refused: Refused) -> Response:
        """Show it with what was pasted, but the private key."""
        return _page(request, refused=refused)


router = APIRouter(route_class=PageRoute)
forms = APIRouter(route_class=UploadRoute)


@router.get("/upload")
async def read_form(request: Request, caller: Member) -> Response:  # noqa: ARG001 - it has to be one
    """Show the form."""
    return _page(request)


@forms.post("/upload")
async def upload(request: Request, services: AnyServices, caller: Member, once: KeyedOnce) -> Response:
    """Check it and keep it."""
    values = {"label": field(request, "label"), **{name: _pasted(request, name) for name in _PASTED}}
    answered = await uploads.upload(build(UploadForm, values), services, caller, once)
    return go(f"/certificates/{once.id('cert')}?said=uploaded") if answered.status_code == 201 else answered


def _pasted(request: Request, name: str) -> str:
    """Return what was pasted, or what is in the file when nothing was."""
    return field(request, name) or field(request, f"{name}_file")


def _page(request: Request, *, refused: Refused | None = None) -> Response:
    return show(
        request,
        "upload.html",
        status=refused.status if refused else 200,
        given={name: field(request, name) for name in _SHOWN},
        refused=refused,
        marks=mark(refused.faults if refused else (), (*_SHOWN, "private_key")),
    )
