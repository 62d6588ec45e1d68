"""Turns what nobody expected into a 500 with a number, and puts the number into the log with where it happened.

Messages of unexpected errors are left out of the log: they quote SQL parameters and bad input, which may be keys.
"""

import logging
import secrets
import traceback

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import render

log = logging.getLogger(__name__)


class LastResort:
    """Answers for whatever raises inside; when an answer has begun already, the connection just ends."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on, and answer for what raises."""
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:
            if scope["type"] != "http":
                raise
            number = log_unexpected(error, f"{scope['method']} {scope['path']!r}")
            if not begun:
                detail = "The request failed for a reason that is ours; our log has it under this id."
                await render("internal", detail, more={"id": number})(scope, receive, send)


def log_unexpected(error: BaseException, what: str) -> str:
    """Log type and place of *error* and of what caused it, without messages; return the line's number."""
    number = secrets.token_hex(8)
    places: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(places) < 5:
        frames = "".join(traceback.format_tb(cause.__traceback__, limit=-12))
        places.append(f"{type(cause).__module__}.{type(cause).__qualname__}\n{frames}")
        cause = cause.__cause__ or cause.__context__
    log.error("unexpected error %s in %s: %s", number, what, "caused by ".join(places))
    return number
