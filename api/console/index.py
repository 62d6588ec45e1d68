"""The page at `/`: where to find what; the console grows from here."""

from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from api.pages import page

router = APIRouter()

_BODY: Final = """
<p>A certificate service: every certificate is one durable workflow, from purchase to deletion.</p>
<ul>
<li><a href="/docs">Reference of the API</a> and its <a href="/openapi.json">OpenAPI description</a></li>
<li><a href="/pki/root.crt?pem">Root certificate of the embedded CA</a> (PEM; <a href="/pki/root.crt">DER</a>)</li>
<li><a href="/readyz">Is it able to serve?</a></li>
</ul>
"""


@router.get("/", include_in_schema=False)
async def index() -> Response:
    """Show where to find what."""
    return page("Certloom", _BODY)
