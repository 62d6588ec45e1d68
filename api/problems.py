"""What went wrong, in words for HTTP (RFC 9457): the one place where the error tree meets status codes.

Only refusals and outages have words; anything else is `internal`, with a number that is in the log and no more.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api.roles import ACTING
from certloom.domain import errors as e
from certloom.domain.certificate import Action

MEDIA_TYPE: Final = "application/problem+json"
PAUSE: Final = 5  # s until an outage is worth another try, when nothing better is known
UNKNOWN_PAUSE: Final = 2  # s: the command is under way and will soon be in the row


class BadRequest(e.Refusal):
    """The request is wrong as HTTP, before anybody asked what it means."""

    code = "bad_request"

    def __init__(self, detail: str, *, code: str | None = None) -> None:
        super().__init__(detail)
        self.special_code = code or self.code


class TooManyFailures(e.Refusal):
    """Too many wrong keys came from one place; `pause` is in seconds."""

    code = "too_many_failures"

    def __init__(self, detail: str, *, pause: float) -> None:
        super().__init__(detail)
        self.pause = pause


class Kind(NamedTuple):
    """Status code and title of a problem."""

    status: int
    title: str


KINDS: Final[Mapping[str, Kind]] = {
    "bad_request": Kind(400, "The request is not well-formed"),
    "malformed_json": Kind(400, "The body is not JSON"),
    "idempotency_key_missing": Kind(400, "An Idempotency-Key is needed"),
    "bad_host": Kind(400, "The Host header is missing or wrong"),
    "unauthenticated": Kind(401, "A valid API key is needed"),
    "payment_declined": Kind(402, "The payment was declined"),
    "insufficient_balance": Kind(402, "The balance is too low"),
    "forbidden": Kind(403, "The key's role does not allow this"),
    "stale_form": Kind(403, "This form cannot be used any more"),
    "not_found": Kind(404, "Not found"),
    "method_not_allowed": Kind(405, "This method does not exist here"),
    "illegal_state": Kind(409, "Not possible in this state"),
    "plan_ended": Kind(409, "The plan has ended"),
    "refund_would_be_lost": Kind(409, "A refund would be lost"),
    "in_use": Kind(409, "The certificate is in use"),
    "no_private_key": Kind(409, "The private key is with the customer"),
    "deployment_under_way": Kind(409, "A deployment is under way"),
    "too_many_targets": Kind(409, "The certificate has too many targets"),
    "zone_taken": Kind(409, "The account has this DNS zone already"),
    "too_many_zones": Kind(409, "The account has too many DNS zones"),
    "too_many_delegations": Kind(409, "The account has too many delegated names"),
    "slot_taken": Kind(409, "There is a target for this place"),
    "not_current": Kind(409, "This deployment is not what the target serves"),
    "not_deployed": Kind(409, "The certificate is not deployed there"),
    "nothing_to_restore": Kind(409, "There is nothing to go back to"),
    "conflict": Kind(409, "The request contradicts an earlier one"),
    "idempotency_in_progress": Kind(409, "The same request is being worked on"),
    "precondition_failed": Kind(412, "The object has changed"),
    "too_large": Kind(413, "The body is too large"),
    "unsupported_media_type": Kind(415, "Send application/json"),
    "unknown_host": Kind(421, "This host is not served here"),
    "refused": Kind(422, "The request is refused"),
    "invalid": Kind(422, "The input is not valid"),
    "currency_mismatch": Kind(422, "The account has another currency"),
    "issuer_refused": Kind(422, "The issuer refuses this"),
    "not_proven": Kind(422, "Control of a name was not shown"),
    "idempotency_mismatch": Kind(422, "This Idempotency-Key belongs to another request"),
    "too_soon": Kind(429, "Too soon"),
    "too_many_failures": Kind(429, "Too many wrong keys"),
    "internal": Kind(500, "Something went wrong here"),
    "outage": Kind(503, "Not available at the moment"),
    "later": Kind(503, "Possible only later"),
    "outcome_unknown": Kind(503, "No answer came in time"),
}

_COUNTRY: Final = "Write the country as two capital letters, such as DE."
_SHAPES: Final[Mapping[str, str]] = {
    "country": _COUNTRY,
    "jurisdiction_country": _COUNTRY,
    "currency": "Write the currency as three capital letters, such as EUR.",
    "email": "Write an address such as name@example.com.",
}  # by field: what a pattern says to people
_MEMBER: Final = re.compile(r"<\w+\.\w+: ('[^']*')>")  # how pydantic writes the members of an enumeration
_HTTP_CODES: Final = {404: "not_found", 405: "method_not_allowed", 413: "too_large", 415: "unsupported_media_type"}
_UNAVAILABLE: Final = "A part of the service does not answer at the moment. Nothing is lost; try again."


def answer(request: Request, error: Exception) -> Response:
    """Say *error* to the caller; errors that nobody meant for him become `internal`, without a word of theirs."""
    if isinstance(error, RequestValidationError):
        return _validation(error)
    if isinstance(error, HTTPException):
        code = _HTTP_CODES.get(error.status_code, "bad_request")
        return render(code, _sentence(code), headers=_allow(request) if error.status_code == 405 else error.headers)
    if isinstance(error, e.Refusal | e.Outage):
        return render(
            _code(error),
            _detail(error),
            more=_facts(request, error),
            headers=_headers(request, error),
            kind=_kind(error),
        )
    return render("internal", _sentence("internal"))


def render(
    code: str,
    detail: str,
    *,
    more: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    kind: Kind | None = None,
) -> Response:
    """Build the response; `type` leads to the code's line in our reference."""
    status, title = kind or KINDS[code]
    body = {"type": f"/docs#{code}", "title": title, "status": status, "code": code, "detail": detail, **(more or {})}
    return Response(json.dumps(body), status_code=status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def _allow(request: Request) -> dict[str, str]:
    """Name all methods of the address (RFC 9110 15.5.6); one address may be answered by several routers."""
    path = request.url.path
    contexts = iter_route_contexts(request.app.routes)
    methods = {method for one in contexts if one.path_regex.match(path) for method in one.methods or ()}
    return {"Allow": ", ".join(sorted(methods))}


def _code(error: e.CertloomError) -> str:
    return str(getattr(error, "special_code", error.code))


def _kind(error: e.CertloomError) -> Kind:
    """Return the kind of the code, or of the nearest class that has one: workflows may name new special cases."""
    codes = (_code(error), *(getattr(cls, "code", "") for cls in type(error).__mro__))
    return next(KINDS[code] for code in codes if code in KINDS)


def _detail(error: e.CertloomError) -> str:
    # An outage's own sentence may name machines; it is for the log.
    if isinstance(error, e.Outage) and not isinstance(error, e.OutcomeUnknown):
        return _UNAVAILABLE
    return error.detail


def _facts(request: Request, error: e.CertloomError) -> dict[str, Any]:
    if isinstance(error, e.InvalidInput):
        return {"errors": [fault.model_dump() for fault in error.faults]}
    if isinstance(error, e.NotAllowedNow):
        return {"current": error.current, "allowed_actions": _for_role(request, error.allowed)}
    if isinstance(error, e.Outage) and request.method not in ("GET", "HEAD"):
        return {"outcome": "unknown"}
    return {}


def _for_role(request: Request, allowed: Iterable[str]) -> list[str]:
    caller = getattr(request.state, "caller", None)
    return [name for name in allowed if caller is None or caller.role in ACTING[Action(name)]]


def _headers(request: Request, error: e.CertloomError) -> dict[str, str]:
    if isinstance(error, e.Unauthenticated):
        return {"WWW-Authenticate": 'Bearer realm="certloom"'}
    pause = _pause(request, error)
    return {} if pause is None else {"Retry-After": str(max(1, math.ceil(pause)))}


def _pause(request: Request, error: e.CertloomError) -> float | None:
    match error:
        case e.TooSoon():
            return float((error.retry_at - request.app.state.services.clock()).total_seconds())
        case TooManyFailures():
            return error.pause
        case e.Outage():
            return error.retry_after or (UNKNOWN_PAUSE if isinstance(error, e.OutcomeUnknown) else PAUSE)
        case e.Conflict(special_code="idempotency_in_progress"):
            return 1
    return None


def _sentence(code: str) -> str:
    sentences = {
        "not_found": "There is nothing at this address.",
        "method_not_allowed": "This address does not know this method; see Allow.",
        "bad_request": "The request could not be read.",
        "internal": "The request failed for a reason that is ours; it is in our log.",
    }
    return sentences.get(code, f"{KINDS[code].title}.")


def _validation(error: RequestValidationError) -> Response:
    """Translate FastAPI's own faults; what was typed is never echoed, because it may be a key."""
    faults = [_fault(fault) for fault in error.errors()]
    if any(fault["type"] == "json_invalid" for fault in error.errors()):
        return render("malformed_json", "The body is not JSON.")
    detail = " ".join(f"{fault['pointer'] or 'The body'}: {fault['detail']}" for fault in faults[:5])
    return render("invalid", detail, more={"errors": faults})


def _fault(fault: Mapping[str, Any]) -> dict[str, str]:
    return {"pointer": pointer(fault["loc"][1:]), "code": str(fault["type"]), "detail": fault_words(fault)}


def pointer(place: Iterable[int | str]) -> str:
    """Write a place in a body as a JSON pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in place)


def fault_words(fault: Mapping[str, Any]) -> str:
    """Return the sentence for one of pydantic's faults; it says nothing of the value."""
    if fault["type"] == "string_pattern_mismatch":
        return _SHAPES.get(str(fault["loc"][-1]), "This has another form, or signs that are not allowed here.")
    known = {
        "missing": "This is needed.",
        "extra_forbidden": "There is no such field; leave it out.",
        **dict.fromkeys(("int_type", "int_parsing"), "Write a whole number."),
    }
    words = _MEMBER.sub(r"\1", str(fault["msg"])).removeprefix("Value error, ").rstrip(".") + "."
    return known.get(fault["type"], words[0].upper() + words[1:])
