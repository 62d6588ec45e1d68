"""A form's own address, opened as a page: after a refusal it stands in the address bar, and leads back to the form."""

from collections.abc import Awaitable, Callable, Iterable

from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from api.console.page import go
from api.console.route import PageRoute


def ways_back(pages: Iterable[APIRouter]) -> APIRouter:
    """Return a way from each form without a page of its own to the nearest page above it."""
    router = APIRouter(route_class=PageRoute)
    routes = [route for page in pages for route in page.routes if isinstance(route, APIRoute)]
    shown = {route.path for route in routes if "GET" in (route.methods or ())}
    for path in sorted({route.path for route in routes if "POST" in (route.methods or ())} - shown):
        above = _above(path, shown)
        if above:
            router.add_api_route(path, _lead_to(above.count("/")), methods=["GET"])
    return router


def _above(path: str, shown: set[str]) -> str | None:
    while path := path.rpartition("/")[0]:
        if path in shown:
            return path
    return None


def _lead_to(depth: int) -> Callable[[Request], Awaitable[Response]]:
    async def lead(request: Request) -> Response:
        return go("/".join(request.url.path.split("/")[: depth + 1]))

    return lead
