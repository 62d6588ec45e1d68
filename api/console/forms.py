"""What a browser sends: reads a form before anything else does, and turns it into the same forms as the API's.

The size is counted while it streams in. A form's own number becomes its Idempotency-Key, so a second click is the
same request; the fields go into the key, too, because a form that was changed and sent again is another one.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar
from urllib.parse import parse_qs, urlencode

from pydantic import BaseModel, ValidationError
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from api.console.multipart import read_parts
from api.console.page import plain
from api.middleware.body import CANONICAL, BodyGuard
from api.problems import KINDS, BadRequest, fault_words, pointer
from certloom.domain.errors import FieldFault, InvalidInput, Refusal

_M = TypeVar("_M", bound=BaseModel)

TOKEN: Final = "csrf"  # noqa: S105 - the name of a field
NUMBER: Final = "once"
MOST_FIELDS: Final = 500
_FORM: Final = "certloom.form"  # in the scope
_NUMBER: Final = re.compile(r"[A-Za-z0-9_-]{1,40}")


class _WrongType(Refusal):
    code = "unsupported_media_type"


class FormGuard(BodyGuard):
    """Hands on no body at all: what was sent is in the scope, as fields."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(app)
        self._inner = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the form, then hand on."""
        headers = Headers(scope=scope)
        try:
            body = await self._read(scope, headers, receive)
            if body is None:
                return  # the caller went away
            fields = _fields(body, headers) if body else {}
        except Refusal as refusal:
            kind = KINDS[str(getattr(refusal, "special_code", refusal.code))]
            await plain(kind.title, refusal.detail, status=kind.status)(scope, receive, send)
            return
        scope[_FORM] = fields
        scope[CANONICAL] = _canonical(fields)
        _number(scope, fields)
        await self._inner(scope, _nothing, send)


def fields_of(request: Request) -> Mapping[str, Sequence[str]]:
    """Return every field that was sent, with all its values."""
    fields: Mapping[str, Sequence[str]] = request.scope.get(_FORM, {})
    return fields


def field(request: Request, name: str) -> str:
    """Return a field's first value without spaces around it; empty when it was not sent."""
    return next(iter(fields_of(request).get(name, [])), "").strip()


def ticked(request: Request, name: str) -> bool:
    """Whether a box was ticked."""
    return bool(field(request, name))


def build(form: type[_M], values: Mapping[str, Any]) -> _M:
    """Return the API's form; raises InvalidInput with a sentence per fault. Empty values are left out."""
    given = {name: value for name, value in values.items() if value not in ("", None)}
    try:
        return form.model_validate(given)
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False, include_context=False)
    raise InvalidInput(
        FieldFault(pointer=pointer(fault["loc"]), code=fault["type"], detail=fault_words(fault)) for fault in faults
    )


def _fields(body: bytes, headers: Headers) -> dict[str, list[str]]:
    content_type = headers.get("content-type", "")
    match content_type.partition(";")[0].strip().lower():
        case "application/x-www-form-urlencoded":
            fields = _encoded(body)
        case "multipart/form-data":
            fields = _with_files(body, content_type)
        case _:
            raise _WrongType("Send the form as the page does.")
    if any("\0" in value for values in fields.values() for value in values):
        raise BadRequest("The form holds a NUL character, which no text here may have.")
    return fields


def _encoded(body: bytes) -> dict[str, list[str]]:
    try:
        text = body.decode("ascii")
        return parse_qs(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise BadRequest("The form could not be read.") from error


def _with_files(body: bytes, content_type: str) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    parts = read_parts(body, content_type)
    if len(parts) > MOST_FIELDS:
        raise BadRequest("The form could not be read.")
    for name, value in parts:
        fields.setdefault(name, []).append(value)
    return fields


def _canonical(fields: Mapping[str, Sequence[str]]) -> bytes:
    told = sorted((name, list(values)) for name, values in fields.items() if name not in (TOKEN, NUMBER))
    return urlencode(told, doseq=True).encode()


def _number(scope: Scope, fields: Mapping[str, Sequence[str]]) -> None:
    number = next(iter(fields.get(NUMBER, [])), "")
    if _NUMBER.fullmatch(number):
        digest = hashlib.sha256(scope["path"].encode() + b"\n" + scope[CANONICAL]).hexdigest()[:24]
        MutableHeaders(scope=scope)["idempotency-key"] = f"console-{number}-{digest}"


async def _nothing() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}
