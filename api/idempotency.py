"""The same Idempotency-Key, the same answer: requests are claimed in SQL before they act.

A claim carries a token from which the ids of what the request makes are built, so a repetition after a crash finds
what the first attempt began instead of making it twice.
"""

import base64
import hashlib
import re
import secrets
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl, urlencode

from fastapi import Depends, Header, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api.auth import Caller, identify
from api.middleware.body import CANONICAL
from api.problems import BadRequest, answer
from api.services import Services
from certloom.domain.errors import Conflict, Outage, Refusal
from certloom.storage.records import IdempotencyClaim

STALE_AFTER: Final = timedelta(seconds=60)  # a request answers within 20 s; after a minute its process is gone
_SAFE: Final = ("GET", "HEAD", "OPTIONS")
_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
_KEPT: Final = ("location", "etag", "content-type")


@dataclass
class Once:
    """One request that changes something, and its earlier attempts. `token` is the same in all of them."""

    token: str
    scope: str = ""
    key: str | None = None
    repeated: bool = False  # an earlier attempt died, or got no answer
    started: bool = False  # from here on even a refusal is an answer to keep
    settled: bool = True  # False: the answer is not the last word, the next attempt asks again
    kept: str | None = None  # what is stored instead of a body with a secret

    def id(self, prefix: str) -> str:
        """Name an object that this request makes."""
        return f"{prefix}_{self.token}"


class IdempotentRoute(APIRoute):
    """A route whose POST, PATCH and DELETE may carry an Idempotency-Key."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's handler: claim, act, keep the answer."""
        handle = super().get_route_handler()

        async def handle_once(request: Request) -> Response:
            if request.method in _SAFE:
                return await handle(request)
            once = await _claim(request, await identify(request))
            if isinstance(once, Response):
                return once
            request.state.once = once
            return await _act(request, once, handle)

        return handle_once


async def _once(
    request: Request,
    _: Annotated[str | None, Header(alias="Idempotency-Key", description="Same key and body, same answer.")] = None,
) -> Once:
    once: Once = request.state.once
    return once


async def _keyed_once(
    request: Request,
    _: Annotated[str | None, Header(alias="Idempotency-Key", description="Required: makes this happen once.")] = None,
) -> Once:
    once: Once = request.state.once
    if once.key is None:
        detail = "Send an Idempotency-Key of your own choice, so that a repetition does not happen twice."
        raise BadRequest(detail, code="idempotency_key_missing")
    return once


AnyOnce = Annotated[Once, Depends(_once)]
KeyedOnce = Annotated[Once, Depends(_keyed_once)]


def fingerprint(request: Request) -> str:
    """Hash what is asked: method, path, query and the body without regard to order and spaces."""
    query = urlencode(sorted(parse_qsl(request.url.query, keep_blank_values=True)))
    head = f"{request.method} {request.url.path}?{query}\n".encode()
    return hashlib.sha256(head + request.scope.get(CANONICAL, b"")).hexdigest()


async def _claim(request: Request, caller: Caller) -> Once | Response:
    key = request.headers.get("idempotency-key")
    if key is None:
        return Once(_token())
    if not _KEY.fullmatch(key):
        raise BadRequest("An Idempotency-Key is 1 to 255 visible ASCII characters.")
    services: Services = request.app.state.services
    now = services.clock()
    mine = IdempotencyClaim(
        scope=caller.scope, key=key, fingerprint=fingerprint(request), subject=_token(), claimed_at=now
    )
    async with services.storage.begin() as tables:
        found = await tables.idempotency.claim(mine)
        if found.subject == mine.subject:
            return Once(mine.subject, scope=mine.scope, key=key)
        if found.fingerprint != mine.fingerprint:
            raise Conflict("This Idempotency-Key was used for another request.", code="idempotency_mismatch")
        if found.status is not None:
            return _replay(found, found.status)
        if await tables.idempotency.renew(mine.scope, key, at=now, stale_before=now - STALE_AFTER):
            return Once(found.subject, scope=mine.scope, key=key, repeated=True)
    raise Conflict("The same request is still being worked on.", code="idempotency_in_progress")


async def _act(request: Request, once: Once, handle: Callable[[Request], Coroutine[Any, Any, Response]]) -> Response:
    try:
        response = await handle(request)
    except (Refusal, RequestValidationError, HTTPException) as refusal:
        if not once.started:
            await _forget(request, once)
            raise
        response = answer(request, refusal)
    except Exception:  # whether anything happened is not known: the next attempt finds out, with the same ids
        await _hand_over(request, once)
        raise
    await (_keep(request, once, response) if once.settled else _hand_over(request, once))
    return response


async def _forget(request: Request, once: Once) -> None:
    if once.key is None:
        return
    services: Services = request.app.state.services
    with suppress(Outage):
        async with services.storage.begin() as tables:
            await tables.idempotency.release(once.scope, once.key)


async def _hand_over(request: Request, once: Once) -> None:
    """Leave the claim with its token, but so old that the next attempt takes it over at once."""
    if once.key is None:
        return
    services: Services = request.app.state.services
    now = services.clock()
    old = now - STALE_AFTER - timedelta(seconds=1)
    with suppress(Outage):  # it grows old by itself
        async with services.storage.begin() as tables:
            await tables.idempotency.renew(once.scope, once.key, at=old, stale_before=now + timedelta(seconds=1))


async def _keep(request: Request, once: Once, response: Response) -> None:
    if once.key is None:
        return
    services: Services = request.app.state.services
    body = once.kept if once.kept is not None else bytes(response.body).decode()
    headers = {name: response.headers[name] for name in _KEPT if name in response.headers}
    with suppress(Outage):  # it happened; a repetition will find it done under the same ids
        async with services.storage.begin() as tables:
            await tables.idempotency.answer(
                once.scope, once.key, status=response.status_code, body=body, headers=headers
            )


def _replay(found: IdempotencyClaim, status: int) -> Response:
    headers = {**found.headers, "idempotency-replayed": "true"}
    return Response(found.body or "", status_code=status, headers=headers)


def _token() -> str:
    return base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()
