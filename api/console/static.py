"""/static/...: style, script and icon, held in memory; their addresses change with their content."""

from typing import Final

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api.console.page import FILES, STATIC

router = APIRouter()  # no session: what everybody's browser keeps sets no cookie

_KEPT: Final = {"Cache-Control": "public, max-age=31536000, immutable"}


@router.get("/static/{version}/{name}")
async def read_file(version: str, name: str) -> Response:  # noqa: ARG001 - the version only makes the address new
    """Answer with one of the three files."""
    if name not in FILES:
        raise HTTPException(404)
    return Response(FILES[name], headers=_KEPT, media_type=STATIC[name])
