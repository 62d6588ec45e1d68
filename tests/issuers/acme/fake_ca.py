"""A small ACME CA over real HTTPS that misbehaves as scripted, where Pebble cannot: limits, storms, cut replies.

It verifies nonces, URLs and signatures, and answers an equal newOrder with the same open order, as Boulder does.
"""

import json
import socket
import ssl
import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any, Self

from acme import jws
from josepy.b64 import b64decode, b64encode
from josepy.jwk import JWK

from lab.pebble import loopback_tls
from tests.issuers.acme.fake_orders import Orders, Problem, problem

HOST = "127.0.0.1"
Answer = tuple[int, Mapping[str, str], bytes]


@dataclass(frozen=True)
class Fault:
    """What happens instead of a good answer: another answer, or none. `acts` says that the CA does what was asked."""

    status: int = 0  # 0: the connection is cut
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    acts: bool = False


def saying(code: str, status: int = 403, *, detail: str = "", headers: Mapping[str, str] | None = None) -> Fault:
    """Return a fault that is a problem document."""
    body = json.dumps(problem(code, detail)).encode()
    return Fault(status, {"Content-Type": "application/problem+json", **(headers or {})}, body)


class FakeCa:
    """A context manager that serves on loopback. `seen` counts requests by resource, `bodies` has what was sent."""

    def __init__(self, folder: Path) -> None:
        self.trusted_root_file = folder / "root.pem"
        self.orders = Orders()
        self.meta: dict[str, Any] = {"caaIdentities": ["fake.example.net"], "profiles": {"short": "a profile"}}
        self.renewal_info: Callable[[str], Answer] | None = None
        self.rewrite: Callable[[str, Any], Any] = lambda _, body: body
        self.seen: Counter[str] = Counter()
        self.bodies: list[tuple[str, Any]] = []
        self.accounts: dict[str, Any] = {}
        self.agents: set[str] = set()
        self._faults: dict[str, deque[Fault]] = {}
        self._nonces: set[str] = set()
        self._numbers = count(1)
        self._lock = threading.RLock()
        self._server = _serve(self, folder, self.trusted_root_file)
        self.url = f"https://{HOST}:{self._server.server_address[1]}"
        self.orders.url = self.url
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def fail(self, resource: str, *faults: Fault) -> None:
        """Let the next requests for a resource go wrong: directory, new-order, order, authz, challenge and so on."""
        self._faults.setdefault(resource, deque()).extend(faults)

    @property
    def directory_url(self) -> str:
        return f"{self.url}/directory"

    def answer(self, method: str, path: str, body: bytes) -> Answer | None:
        """Return the answer to a request, None for none at all."""
        with self._lock:
            resource = path.strip("/").split("/")[0]
            self.seen[resource] += 1
            faults = self._faults.get(resource)
            fault = faults.popleft() if faults else None
            if fault and not fault.acts:
                return self._told(fault)
            good = self._good(method, resource, path, body)
            return self._told(fault) if fault else good

    def _told(self, fault: Fault) -> Answer | None:
        return (fault.status, {"Replay-Nonce": self._nonce(), **fault.headers}, fault.body) if fault.status else None

    def _good(self, method: str, resource: str, path: str, body: bytes) -> Answer:
        try:
            if method != "POST":
                return self._open_to_all(resource, path)
            return self._signed(resource, path, json.loads(body))
        except Problem as no:
            headers = {"Content-Type": "application/problem+json", "Replay-Nonce": self._nonce()}
            return no.status, headers, json.dumps(no.body).encode()

    def _open_to_all(self, resource: str, path: str) -> Answer:
        if resource == "new-nonce":
            return 200, {"Replay-Nonce": self._nonce()}, b""
        if resource == "renewal-info" and self.renewal_info:
            return self.renewal_info(path.rpartition("/")[2])
        names = {"newNonce": "new-nonce", "newAccount": "new-account", "newOrder": "new-order", "revokeCert": "revoke"}
        found = {name: f"{self.url}/{where}" for name, where in names.items()}
        if self.renewal_info:
            found["renewalInfo"] = f"{self.url}/renewal-info"
        return self._json("directory", {**found, "meta": self.meta}, 200, {"Replay-Nonce": ""})

    def _signed(self, resource: str, path: str, outer: Mapping[str, Any]) -> Answer:
        protected = json.loads(b64decode(outer["protected"]))
        if protected["nonce"] not in self._nonces:
            raise Problem("badNonce", 400)
        self._nonces.discard(protected["nonce"])
        assert protected["url"] == f"{self.url}{path}"
        payload = json.loads(b64decode(outer["payload"]) or b"null")
        self.bodies.append((resource, payload))
        if resource == "new-account":
            return self._account(protected, outer, payload)
        if resource == "revoke" and "jwk" in protected:
            self._check(outer, None)
            return self._json(resource, self.orders.revoke(payload, by=protected["jwk"]))
        if protected["kid"] not in self.accounts:
            raise Problem("accountDoesNotExist", 400)
        self._check(outer, self.accounts[protected["kid"]])
        return self._as_account(resource, path, payload)

    def _as_account(self, resource: str, path: str, payload: Any) -> Answer:
        if resource == "cert":
            return 200, {"Replay-Nonce": self._nonce()}, self.orders.chain(path)
        if resource == "new-order":
            order = self.orders.new(payload)
            return self._json(resource, order.shown(), 201, {"Location": order.url})
        if resource == "order":
            return self._json(resource, *self.orders.look(path))
        if resource == "finalize":
            return self._json(resource, *self.orders.finalize(path, payload))
        does: dict[str, Callable[[], Any]] = {
            "authz": lambda: self.orders.authorization(path),
            "challenge": lambda: self.orders.answered(path),
            "revoke": lambda: self.orders.revoke(payload, by=None),
            "account": lambda: {"status": "valid"},  # which lists no orders here
        }
        return self._json(resource, does[resource]())

    def _account(self, protected: Mapping[str, Any], outer: Mapping[str, Any], payload: Any) -> Answer:
        assert "d" not in protected["jwk"]
        self._check(outer, None)
        found = next((url for url, jwk in self.accounts.items() if jwk == protected["jwk"]), None)
        url = found or f"{self.url}/account/{next(self._numbers)}"
        self.accounts[url] = protected["jwk"]
        return self._json("new-account", {"status": "valid"}, 200 if found else 201, {"Location": url})

    def _check(self, outer: Mapping[str, Any], jwk: Mapping[str, Any] | None) -> None:
        assert jws.JWS.from_json(outer).verify(JWK.from_json(jwk) if jwk else None)

    def _json(self, resource: str, body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
        text = json.dumps(self.rewrite(resource, body)).encode()
        return status, {"Content-Type": "application/json", "Replay-Nonce": self._nonce(), **(headers or {})}, text

    def _nonce(self) -> str:
        nonce = b64encode(f"nonce-{next(self._numbers):08}".encode()).decode()
        self._nonces.add(nonce)
        return nonce

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    ca: FakeCa

    def handle_error(self, *_: object) -> None:
        """Say nothing: connections are cut here on purpose."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024
    server: _Server

    def do_GET(self) -> None:
        self._reply()

    do_POST = do_HEAD = do_GET  # noqa: N815 - as above

    def _reply(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.ca.agents.add(self.headers.get("User-Agent", ""))
        answer = self.server.ca.answer(self.command, self.path, body)
        if answer is None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        status, headers, text = answer
        self.send_response_only(status)
        own = {"Content-Length": str(len(text)), "Date": self.date_time_string()}
        for name, value in {**own, **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _serve(ca: FakeCa, folder: Path, root_file: Path) -> _Server:
    root, leaf, key = loopback_tls()
    root_file.write_text(root)
    (folder / "server.pem").write_text(leaf + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    server = _Server((HOST, 0), _Handler)
    server.ca = ca
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    return server
