"""The download form: its answer is the bundle itself, so nothing of it is ever kept."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from api import download as bundles
from api.auth import Member
from api.case import AnyServices
from api.console.forms import build, field
from api.console.route import PageRoute
from api.schemas.download import DownloadForm

router = APIRouter(route_class=PageRoute)


@router.post("/certificates/{certificate_id}/download")
async def download(certificate_id: str, request: Request, services: AnyServices, caller: Member) -> Response:
    """Send the bundle for a web server."""
    form = build(DownloadForm, {name: field(request, name) for name in ("format", "password")})
    return await bundles.download(certificate_id, form, services, caller)
