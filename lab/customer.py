"""A customer of the service who knows nothing but its HTTP API, and repeats what got no answer under the same key."""

import secrets
import time
from collections.abc import Callable
from typing import Any, Final

import httpx

from certloom.domain.errors import CertloomError

JSON = dict[str, Any]
PATIENCE: Final = 60.0  # seconds for one wait on a busy machine; a demo on an idle one needs a tenth
PAUSE: Final = 0.1  # seconds between two looks at a certificate
AGAIN_AFTER: Final = 0.5  # seconds until the same request is sent again


class DemoFailed(CertloomError):
    """The story did not go on as it must; the sentence says why."""

    code = "demo_failed"


class ServiceGone(DemoFailed):
    """Nobody will answer any more."""


class Refused(DemoFailed):
    """The API refused a request; `problem` is its answer (RFC 9457)."""

    def __init__(self, problem: JSON) -> None:
        super().__init__(str(problem.get("detail") or problem.get("title") or problem))
        self.status = int(problem.get("status", 0))
        self.kind = str(problem.get("code", ""))


class Customer:
    """One API key at one address. Every method raises Refused for a refusal and DemoFailed for no answer.

    `serves` tells whether waiting for an answer makes sense at all.
    """

    def __init__(self, api_url: str, api_key: str, *, serves: Callable[[], bool]) -> None:
        headers = {"Authorization": f"Bearer {api_key}"}
        self._http = httpx.Client(base_url=api_url, headers=headers, timeout=20, trust_env=False)
        self._serves = serves
        self.key_id = api_key.split("_", 2)[1]

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def get(self, path: str) -> JSON:
        """Read one resource."""
        found: JSON = self._call("GET", path).json()
        return found

    def fetch(self, path: str) -> bytes:
        """Read a file, from a path or from a whole address of the same service."""
        return self._call("GET", path).content

    def post(self, path: str, body: JSON | None = None) -> JSON:
        """Ask for something, once whatever happens on the way."""
        answer: JSON = self._call("POST", path, body).json()
        return answer

    def download(self, certificate_id: str, form: JSON) -> bytes:
        """Return the zip."""
        return self._call("POST", f"/v1/certificates/{certificate_id}/download", form).content

    def delete(self, path: str) -> int:
        """Delete, and return the answer's status code."""
        return self._call("DELETE", path).status_code

    def until(self, certificate_id: str, what: str, holds: Callable[[JSON], bool]) -> JSON:
        """Look at a certificate until it *holds*; raises DemoFailed with what it is instead of *what* was wanted."""
        deadline = time.monotonic() + PATIENCE
        while not holds(view := self.get(f"/v1/certificates/{certificate_id}")):
            if view["attention"]:
                raise DemoFailed(f"The certificate needs an operator: {view['attention']['why']}")
            if time.monotonic() > deadline:
                now = f"{view['status']}, {view['phase']}"
                raise DemoFailed(f"The wait until {what} was over after {PATIENCE:.0f} s; it is {now}.")
            time.sleep(PAUSE)
        return view

    def deployments(self, certificate_id: str) -> list[JSON]:
        """List the deployments of a certificate, newest first."""
        found: list[JSON] = self.get(f"/v1/certificates/{certificate_id}/deployments?limit=100")["items"]
        return found

    def _call(self, method: str, path: str, body: JSON | None = None) -> httpx.Response:
        headers = {} if method == "GET" else {"Idempotency-Key": secrets.token_hex(16)}
        deadline = time.monotonic() + PATIENCE
        while (answer := self._try(method, path, body, headers)) is None:
            if not self._serves():
                raise ServiceGone(f"the service stopped before it answered {method} {path}.")
            if time.monotonic() > deadline:
                raise DemoFailed(f"{method} {path} got no answer within {PATIENCE:.0f} s.")
            time.sleep(AGAIN_AFTER)
        if answer.is_error:
            raise Refused(_problem(answer))
        return answer

    def _try(self, method: str, path: str, body: JSON | None, headers: dict[str, str]) -> httpx.Response | None:
        try:
            answer = self._http.request(method, path, json=body, headers=headers)
        except httpx.TransportError:
            return None
        return None if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE else answer


def _problem(answer: httpx.Response) -> JSON:
    try:
        found: JSON = answer.json()
    except ValueError:
        return {"status": answer.status_code, "detail": f"{answer.request.url} answered {answer.status_code}."}
    return found
