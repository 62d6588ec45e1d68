"""Reads the body before anything else does: its size, its media type, and that it is JSON we can keep.

The size is counted while it streams in, so neither a wrong Content-Length nor none gets a large body into memory.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import render
from certloom.domain.errors import Refusal, TooLarge

LIMIT: Final = 256 * 1024  # bytes
CANONICAL: Final = "certloom.body"  # in the scope: the body with sorted keys and no spaces, for fingerprints
_JSON: Final = re.compile(r"application/([a-z0-9.-]+\+)?json", re.IGNORECASE)
_NUL: Final = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")  # as json.dumps writes it


class _Unreadable(Refusal):
    code = "malformed_json"


class _WrongType(Refusal):
    code = "unsupported_media_type"


class BodyGuard:
    """Hands on at most *limit* bytes; *larger* names path prefixes with a limit of their own."""

    def __init__(self, app: ASGIApp, *, limit: int = LIMIT, larger: Mapping[str, int] | None = None) -> None:
        self._app = app
        self._limit = limit
        self._larger = dict(larger or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the body, then hand on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            body = await self._read(scope, headers, receive)
            if body is None:
                return  # the caller went away
            scope[CANONICAL] = _canonical(body, headers) if body else b""
        except Refusal as refusal:
            await render(refusal.code, refusal.detail, headers={"Connection": "close"})(scope, receive, send)
            return
        await self._app(scope, _replay(body, receive), send)

    async def _read(self, scope: Scope, headers: Headers, receive: Receive) -> bytes | None:
        limit = next((size for path, size in self._larger.items() if scope["path"].startswith(path)), self._limit)
        announced = headers.get("content-length", "")
        if announced.isdigit() and int(announced[:20]) > limit:
            _too_large(limit)
        chunks, size, more = [], 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            if size > limit:
                _too_large(limit)
            more = message.get("more_body", False)
        return b"".join(chunks)


def _too_large(limit: int) -> NoReturn:
    raise TooLarge(f"The body is over {limit // 1024} KiB.")


def _canonical(body: bytes, headers: Headers) -> bytes:
    media_type = headers.get("content-type", "").partition(";")[0].strip()
    if not _JSON.fullmatch(media_type):
        raise _WrongType("Send the body as Content-Type: application/json.")
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise _WrongType("Send the body without a Content-Encoding.")
    try:
        text = json.dumps(json.loads(body, parse_constant=_no_constant), sort_keys=True, ensure_ascii=False)
        if _NUL.search(text):
            raise _Unreadable("The body holds a NUL character, which no text here may have.")
        return text.encode()
    except json.JSONDecodeError as error:
        raise _Unreadable(f"The body is not JSON: {error.msg} in line {error.lineno}, column {error.colno}.") from error
    except UnicodeError as error:  # bad UTF-8, or half a surrogate pair
        raise _Unreadable("The body is not UTF-8 text.") from error
    except (ValueError, RecursionError) as error:
        raise _Unreadable("The body holds numbers or nestings that are too large.") from error


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
