"""The service over HTTP: reads, and changes that are sent under one Idempotency-Key until they are answered."""

import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final

import httpx

from certloom.cli.access import Access
from certloom.cli.faults import JSON, Failure, Interrupted, Misunderstood, NotSignedIn, Refused, Unreachable

PATIENCE: Final = 60.0  # seconds for which a change without an answer is sent again
_TIMEOUT: Final = httpx.Timeout(20.0, connect=5.0)  # the API answers within 10 s, or says that it does not know
_PAUSE: Final = 2.0  # seconds until a change is sent again, when the service names no time
_NEVER_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)
_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
_GATEWAYS: Final = (502, 503, 504)
Tell = Callable[[str], None]
Waiting = Callable[[], AbstractContextManager[Tell]]
_HINTS: Final[Mapping[str, str]] = {
    "insufficient_balance": "certloom account",
    "in_use": "certloom status CERT shows what is under way and what serves it.",
    "refund_would_be_lost": "certloom revoke pays it back; --forfeit-refund gives it up.",
    "idempotency_mismatch": "Leave --idempotency-key out, or repeat exactly the command it was made for.",
    "no_private_key": "certloom download CERT --format pem",
    "not_found": "certloom list, certloom targets list",
    "deployment_under_way": "certloom status CERT --watch",
}


class Service:
    """One address with one key. Every call raises Refused, NotSignedIn or Unreachable, and may be made again.

    *waiting* shows that an answer is awaited; *patience* is in seconds.
    """

    def __init__(self, access: Access, *, key: str | None, patience: float, waiting: Waiting) -> None:
        self.key = _checked(key) if key is not None else secrets.token_hex(16)
        self.url = access.url
        self.key_id = access.key_id
        self.patience = patience
        self._waiting = waiting
        self._http = httpx.Client(
            base_url=access.url,
            headers={"Authorization": f"Bearer {access.api_key}", "User-Agent": "certloom"},
            timeout=_TIMEOUT,
            trust_env=not access.local,  # a proxy is never asked for this machine
        )

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def get(self, path: str, *, timeout: float | None = None, **query: object) -> JSON:
        """Read one resource; *timeout* is in seconds."""
        asked = {name: str(value) for name, value in query.items() if value is not None}
        limit = _TIMEOUT if timeout is None else httpx.Timeout(timeout)
        try:
            answer = self._http.get(path, params=asked, timeout=limit)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from None
        return self._read(answer)

    def fetch(self, path: str, form: JSON) -> httpx.Response:
        """Post a form that changes nothing, for a file."""
        try:
            answer = self._http.post(path, json=form)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from None
        if answer.status_code != httpx.codes.OK:
            self._read(answer)
        return answer

    def change(
        self, method: str, path: str, form: JSON | None = None, *, query: Mapping[str, str] | None = None
    ) -> JSON:
        """Have something done, once: without an answer the same request is sent again, until patience ends.

        Then raises Unreachable, whose hint says that the same command may be repeated under the same key.
        """
        request = self._http.build_request(method, path, json=form, params=query, headers={"Idempotency-Key": self.key})
        with self._interruptible(), self._waiting() as tell:
            return self._read(self._answered(request, tell))

    def _answered(self, request: httpx.Request, tell: Tell) -> httpx.Response:
        deadline, sent = time.monotonic() + self.patience, False
        while True:
            answer = self._sent(request, again=sent)
            pause = _PAUSE if answer is None else _pause(answer)
            if answer is not None and pause is None:
                return answer
            left, sent = deadline - time.monotonic(), True
            if left <= 0:
                raise self._unknown()
            tell(f"No answer yet; the same request is sent again for up to {self.patience:.0f} s.")
            time.sleep(min(pause or _PAUSE, left))

    def _sent(self, request: httpx.Request, *, again: bool) -> httpx.Response | None:
        """Return the answer; None when there was none. A first try that never left this machine is told at once."""
        try:
            return self._http.send(request)
        except httpx.HTTPError as error:
            if isinstance(error, _NEVER_SENT) and not again:
                raise self._unreachable(error) from None
            return None

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        try:
            yield
        except KeyboardInterrupt:
            sentence = "Interrupted before the answer came; whether it was done is not known."
            raise Interrupted(sentence, hint=self._repeat()) from None

    def _unknown(self) -> Unreachable:
        sentence = f"No answer came within {self.patience:.0f} s, and whether it was done is not known."
        return Unreachable(sentence, hint=self._repeat())

    def _repeat(self) -> str:
        return f"Repeat the same command with --idempotency-key {self.key}; it happens once at most."

    def _unreachable(self, error: httpx.HTTPError) -> Unreachable:
        why = str(error).strip().rstrip(".") or type(error).__name__
        return Unreachable(f"{self.url} cannot be reached: {why}.", hint="Try again, or certloom login.")

    def _read(self, answer: httpx.Response) -> JSON:
        if answer.is_error:
            raise _problem(answer)
        if answer.status_code == httpx.codes.NO_CONTENT:
            return {}
        try:
            found: Any = answer.json()
        except ValueError:
            found = None
        if not isinstance(found, dict) or answer.is_redirect:
            hint = "Look at the address: certloom login."
            raise Unreachable(f"{self.url} does not answer as Certloom does.", hint=hint)
        return found


def _checked(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise Misunderstood("An Idempotency-Key is 1 to 255 visible ASCII characters.")
    return key


def _pause(answer: httpx.Response) -> float | None:
    """Return the seconds until the same request is worth sending again; None when this is the answer."""
    status = answer.status_code
    under_way = status == httpx.codes.CONFLICT and _body(answer).get("code") == "idempotency_in_progress"
    if status not in _GATEWAYS and not under_way:
        return None
    return _retry_after(answer) or _PAUSE


def _retry_after(answer: httpx.Response) -> float | None:
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isdecimal() else None


def _body(answer: httpx.Response) -> JSON:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _problem(answer: httpx.Response) -> Failure:
    body = _body(answer)
    detail = str(body.get("detail") or f"The service answered {answer.status_code}.")
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        return NotSignedIn("The service does not accept this API key.", hint="certloom login")
    if answer.is_server_error:
        return Unreachable(detail, hint="Try again in a moment.")
    return Refused(body or {"detail": detail}, hint=_hint(answer, body))


def _hint(answer: httpx.Response, body: JSON) -> str | None:
    if answer.status_code == httpx.codes.TOO_MANY_REQUESTS and (pause := _retry_after(answer)):
        return f"Try again in {pause:.0f} s."
    if known := _HINTS.get(str(body.get("code"))):
        return known
    actions = ", ".join(str(action).replace("_", " ") for action in body.get("allowed_actions") or ())
    return f"Possible now: {actions}." if actions else None
