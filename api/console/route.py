"""What every page has in common: who asks is known, a form carries its token, and what goes wrong becomes a page."""

import json
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api.auth import holder
from api.console.forms import TOKEN, field
from api.console.page import show
from api.console.session import Session, keep_session, open_session, read_session, require_token
from api.idempotency import IdempotentRoute
from api.middleware.last_resort import log_unexpected
from api.problems import MEDIA_TYPE, answer
from api.services import Services
from certloom.domain.errors import CertloomError, FieldFault, Forbidden, InvalidInput, NotFound, Unauthenticated

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
_JSON: Final = "application/json"
UNKNOWN: Final = 503  # the outcome is unknown, and the same request may be sent again (DESIGN 6)
_SAFE: Final = ("GET", "HEAD")


class OpenRoute(APIRoute):
    """A page for everybody."""

    def get_route_handler(self) -> Handler:
        """Wrap FastAPI's handler."""
        return _guarded(super().get_route_handler(), signed_in=False)


class PageRoute(APIRoute):
    """A page for whoever is signed in, or a form whose answer is never kept."""

    def get_route_handler(self) -> Handler:
        """Wrap FastAPI's handler."""
        return _guarded(super().get_route_handler(), signed_in=True)


class FormRoute(IdempotentRoute):
    """A form that changes something, once however often it is sent; `explain` says what was refused."""

    def get_route_handler(self) -> Handler:
        """Wrap the handler that keeps answers."""
        return _guarded(super().get_route_handler(), signed_in=True, explain=self.explain, finish=self.finish)

    async def explain(self, request: Request, error: CertloomError) -> Response | None:  # noqa: ARG002 - for subclasses
        """Answer with the page that the form is on and what was wrong; None: a page of its own says it."""
        return None

    async def finish(self, request: Request, response: Response) -> Response:  # noqa: ARG002 - for subclasses
        """Make a page of the API's own answer, which alone is what may be kept for a repetition."""
        return response


class Refused(NamedTuple):
    """What a page says about a form that was refused; `faults` stand beside the fields.

    `kept` is the form's number when nobody knows whether it was carried out: sent again, it happens once.
    """

    sentence: str
    status: int
    faults: Sequence[FieldFault] = ()
    kept: str = ""


class SamePageRoute(FormRoute):
    """A form whose page is shown again when it is refused; what one may not do, or is not there, is told alone."""

    async def explain(self, request: Request, error: CertloomError) -> Response | None:
        """Show the page again."""
        if isinstance(error, Forbidden | NotFound):
            return None
        problem = answer(request, error)
        faults = error.faults if isinstance(error, InvalidInput) else ()
        sentence = json.loads(bytes(problem.body))["detail"]
        kept = field(request, "once") if problem.status_code == UNKNOWN else ""
        return await self.again(request, Refused(sentence, problem.status_code, faults, kept))

    async def again(self, request: Request, refused: Refused) -> Response:
        """Build the page, with what was typed."""
        raise NotImplementedError


Explain = Callable[[Request, CertloomError], Coroutine[Any, Any, Response | None]]
Finish = Callable[[Request, Response], Coroutine[Any, Any, Response]]


def _guarded(
    handle: Handler, *, signed_in: bool, explain: Explain | None = None, finish: Finish | None = None
) -> Handler:
    async def guarded(request: Request) -> Response:
        services: Services = request.app.state.services
        fresh = meet(request)
        try:
            await recognise(request)
            response = await _handled(request, handle, signed_in=signed_in)
            response = await finish(request, response) if finish and _is(response, _JSON) else response
        except CertloomError as error:
            response = await _explained(request, error, explain) or sorry(request, error)
        except Exception as error:  # noqa: BLE001 - whatever it is, a page says that it is ours
            response = sorry(request, error)
        if fresh and "set-cookie" not in response.headers:
            keep_session(response, request.state.session, services)
        return response

    return guarded


async def _explained(request: Request, error: CertloomError, explain: Explain | None) -> Response | None:
    """Show the form's page again to whoever is signed in; None when that cannot be read either."""
    if explain is None or not hasattr(request.state, "caller"):
        return None
    with suppress(CertloomError):
        return await explain(request, error)
    return None


def meet(request: Request) -> bool:
    """Put the visit into the request's state; whether it begins now."""
    services: Services = request.app.state.services
    known = read_session(request, services)
    request.state.session = known or open_session(None, services.clock())
    return known is None


async def recognise(request: Request) -> None:
    """Put the holder of the session's key into the request's state, where the API's own routes look for him."""
    services: Services = request.app.state.services
    session: Session = request.state.session
    if session.key_id and (caller := await holder(services, session.key_id, services.clock())):
        request.state.caller = caller


async def _handled(request: Request, handle: Handler, *, signed_in: bool) -> Response:
    if signed_in and not hasattr(request.state, "caller"):
        raise Unauthenticated("Sign in to see this page.")
    if request.method not in _SAFE:
        require_token(request.state.session, field(request, TOKEN))
    response = await handle(request)
    return _readable(request, response) if _is(response, MEDIA_TYPE) else response


def _is(response: Response, media_type: str) -> bool:
    return response.headers.get("content-type") == media_type


def sorry(request: Request, error: Exception) -> Response:
    """Answer with a page that says what went wrong, in the words of the API's problem."""
    if isinstance(error, Unauthenticated):
        return sign_in_page(request, status=401)
    if not isinstance(error, CertloomError | RequestValidationError | HTTPException):
        log_unexpected(error, f"{request.method} {request.url.path!r}")
    return _readable(request, answer(request, error))


def sign_in_page(request: Request, *, status: int = 200, notice: str | None = None) -> Response:
    """Show the form that asks for a key, and come back to where one wanted to go."""
    wanted = field(request, "next") or _here(request)
    headers = {"WWW-Authenticate": 'Bearer realm="certloom"'} if status == 401 else {}
    return show(request, "sign_in.html", status=status, headers=headers, notice=notice, next=wanted)


def _here(request: Request) -> str:
    if request.method not in _SAFE or request.url.path == "/":
        return ""
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _readable(request: Request, problem: Response) -> Response:
    told = json.loads(bytes(problem.body))
    headers = {name: problem.headers[name] for name in ("retry-after", "allow") if name in problem.headers}
    return show(request, "problem.html", status=problem.status_code, headers=headers, problem=told)
