"""Signing in with an API key or with a code that works once, and signing out."""

import re
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.auth import Caller, admit
from api.case import AnyServices
from api.console.codes import redeem
from api.console.forms import field
from api.console.page import go, show
from api.console.route import OpenRoute, sign_in_page
from api.console.session import Session, end_session, keep_session, open_session
from api.problems import TooManyFailures
from api.services import Services
from certloom.domain.errors import Unauthenticated
from certloom.domain.role import Role

router = APIRouter(route_class=OpenRoute)

_OWN_PAGE: Final = re.compile(
    r"/(?:certificates|purchase|upload|targets|accounts?|overview|reviews|issuers)(?:[/?][A-Za-z0-9_/?&=.%+-]{0,500})?"
)
_WRONG: Final = "This key is not valid. Check that you copied all of it; it begins with clm_."
_SPENT: Final = "This code is not valid any more: it works once, for ten minutes. Get a new one, or use an API key."


@router.get("/")
async def first_page(request: Request) -> Response:
    """Ask for a key; whoever is signed in goes on to where his work begins."""
    caller: Caller | None = getattr(request.state, "caller", None)
    return go(_home(caller)) if caller else sign_in_page(request)


@router.get("/session")
async def no_page(request: Request) -> Response:
    """Lead somebody who came back here by the address to a page."""
    return await first_page(request)


@router.post("/session")
async def sign_in(request: Request, services: AnyServices) -> Response:
    """Open a session for the holder of a key; wrong ones are slowed down as the API's are."""
    try:
        caller = await admit(request, field(request, "key"))
    except Unauthenticated:
        return sign_in_page(request, status=401, notice=_WRONG)
    except TooManyFailures as error:
        return sign_in_page(request, status=429, notice=f"{error.detail} Try again in a minute.")
    return _welcome(request, services, caller)


@router.post("/session/end")
async def sign_out(services: AnyServices) -> Response:
    """Forget the session in this browser; a key that leaked is revoked, which ends its sessions everywhere."""
    response = go("/")
    end_session(response, services)
    return response


@router.get("/signin")
async def code_page(request: Request, code: str = "") -> Response:
    """Show a button for the code: following a link changes nothing yet."""
    return show(request, "sign_in_code.html", code=code[:2000], notice=None)


@router.post("/signin")
async def sign_in_by_code(request: Request, services: AnyServices) -> Response:
    """Open a session for whom the code was made, once."""
    caller = await redeem(services, field(request, "code"))
    if caller is None:
        return sign_in_page(request, status=401, notice=_SPENT)
    return _welcome(request, services, caller)


def _home(caller: Caller) -> str:
    return "/overview" if caller.role is Role.OPERATOR else "/certificates"


def _welcome(request: Request, services: Services, caller: Caller) -> Response:
    wanted = field(request, "next")
    response = go(wanted if _OWN_PAGE.fullmatch(wanted) else _home(caller))
    session: Session = open_session(caller.key_id, services.clock())
    keep_session(response, session, services)
    return response
