"""The console: an application of its own on the same services, beside the API and behind the same doors."""

from contextlib import suppress
from typing import Final

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.console import (
    account,
    accounts,
    actions,
    certificate,
    certificates,
    download,
    issuers,
    naming,
    overview,
    purchase,
    reviews,
    signin,
    static,
    target,
    target_add,
    target_credentials,
    targets,
    upload,
    zone,
    zone_add,
    zone_alias,
    zone_change,
    zones,
)
from api.console.back import ways_back
from api.console.forms import FormGuard
from api.console.route import meet, recognise, sorry
from api.services import Services
from certloom.domain.errors import Outage

PAGES: Final = (
    static.router, signin.router, certificates.router, certificate.router, actions.router, download.router,
    purchase.router, purchase.buying, upload.router, upload.forms, naming.router,
    targets.router, target_add.router, target_add.forms, target.router, target.forms,
    target_credentials.router, target_credentials.forms,
    zones.router, zone_add.router, zone_add.forms, zone.router, zone.forms, zone_alias.router,
    zone_change.router, zone_change.forms,
    account.router, account.keys,
    overview.router, reviews.router, reviews.forms, accounts.router, accounts.lists, accounts.forms, issuers.router,
)  # fmt: skip
FIRST: Final = frozenset(
    {
        "", "static", "signin", "session", "certificates", "purchase", "upload", "targets", "zones", "account",
        "overview", "reviews", "accounts", "issuers",
    }
)  # fmt: skip  # parts of an address


class ConsoleFork:
    """Leads the console's addresses to it and all others on, so that neither knows the other's rules."""

    def __init__(self, app: ASGIApp, *, services: Services) -> None:
        self._app = app
        self._console = create_console(services)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Choose by the first part of the path."""
        ours = scope["type"] == "http" and scope["path"].split("/")[1] in FIRST
        await (self._console if ours else self._app)(scope, receive, send)


def create_console(services: Services) -> FastAPI:
    """Build it; it has no description, because people read pages."""
    app = FastAPI(
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        middleware=[Middleware(FormGuard)],
        exception_handlers={HTTPException: _lost},
    )
    app.state.services = services
    for router in (*PAGES, ways_back(PAGES)):
        app.include_router(router)
    return app


async def _lost(request: Request, error: Exception) -> Response:
    meet(request)
    with suppress(Outage):  # then the page is shown as to somebody who is not signed in
        await recognise(request)
    return sorry(request, error)
