"""HTTPS to an ACME CA and to nobody else: checked and pinned addresses, no redirects, no proxies, bounded answers.

The addresses are looked up and judged by the dialer before a request; the connection goes to them, not to the name,
so that a second answer from DNS changes nothing. Connections are kept and shared by all threads of a process.
"""

import contextlib
import re
import socket
import threading
from collections.abc import Collection, Mapping, Sequence
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError
from urllib3.poolmanager import PoolManager

from certloom.domain.errors import Outage
from certloom.net.interface import IPAddress

LARGEST_BODY: Final = 512 * 1024  # bytes; a chain has about 5,000, an order of a hundred names 20,000
CONNECT_TIMEOUT: Final = 3.0  # seconds for each of two addresses
READ_TIMEOUT: Final = 10.0  # seconds without a byte
KEPT_CONNECTIONS: Final = 16

_URL: Final = re.compile(r"https://[A-Za-z0-9.:\[\]-]{1,300}/[!-\[\]-~]{0,2000}")  # what all parsers read alike

_under_way = threading.local()


class Exchange:
    """One call under way in a thread, which the event loop may cut off when its time is over."""

    def __init__(self) -> None:
        self._connection: HTTPSConnection | None = None
        self._over = False

    def end(self) -> None:
        """Let nothing more be sent, and wake a thread that still reads, by shutting the socket below TLS."""
        self._over = True
        connection, self._connection = self._connection, None
        if connection is not None and connection.sock is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)

    def __enter__(self) -> None:
        _under_way.exchange = self

    def __exit__(self, *_: object) -> None:
        self._connection = None  # it is back in the pool, and others' from now on
        _under_way.exchange = None

    def go_on(self, connection: HTTPSConnection) -> None:
        """Note what carries the next request; raises TimeoutError when the time is over."""
        self._connection = connection
        if self._over:
            raise TimeoutError


class Pins:
    """The addresses that each host may be reached at, as the dialer judged them last."""

    def __init__(self) -> None:
        self._addresses: dict[str, Sequence[IPAddress]] = {}

    def set(self, host: str, addresses: Sequence[IPAddress]) -> None:
        """Replace them."""
        self._addresses[host] = addresses

    def of(self, host: str) -> Sequence[IPAddress]:
        """Return one address of each family at the most, IPv6 first; none for a host that was never judged."""
        firsts: dict[int, IPAddress] = {}
        for address in self._addresses.get(host.strip("[]"), ()):
            firsts.setdefault(address.version, address)
        return tuple(firsts.values())


class _PinnedConnection(HTTPSConnection):
    pins: Pins

    def _new_conn(self) -> socket.socket:
        fault: OSError | None = None
        for address in self.pins.of(self.host):
            try:
                made = socket.create_connection((str(address), self.port), timeout=CONNECT_TIMEOUT)
            except OSError as error:
                fault = error
                continue
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return made
        why = (fault.strerror or type(fault).__name__) if fault else "its address was not checked"
        raise NewConnectionError(self, f"no connection to {self.host}: {why}") from fault

    def request(self, *args: Any, **kwargs: Any) -> None:
        exchange: Exchange | None = getattr(_under_way, "exchange", None)
        if exchange:
            exchange.go_on(self)
        super().request(*args, **kwargs)


class _PinnedPool(HTTPSConnectionPool):
    ConnectionCls = _PinnedConnection
    pins: Pins

    def _new_conn(self) -> Any:
        connection = super()._new_conn()
        connection.pins = self.pins  # type: ignore[attr-defined]
        return connection


class _PinnedAdapter(HTTPAdapter):
    def __init__(self, pins: Pins) -> None:
        self._pins = pins
        super().__init__(pool_connections=4, pool_maxsize=KEPT_CONNECTIONS, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:  # noqa: FBT001, FBT002 - requests' own
        self.poolmanager = PoolManager(num_pools=connections, maxsize=maxsize, block=block, **kwargs)
        pool = type("_Pool", (_PinnedPool,), {"pins": self._pins})  # urllib3 makes pools, and takes nothing for them
        self.poolmanager.pool_classes_by_scheme = {"https": pool}


class Transport:
    """Sends one request and returns the whole answer, whatever its status. Safe to share between threads."""

    def __init__(self, origins: Collection[str], *, trusted_root_file: Path | None, user_agent: str) -> None:
        self.pins = Pins()
        self._origins = frozenset(origins)
        self._session = requests.Session()
        self._session.trust_env = False  # no proxies, no .netrc, no other roots
        self._session.verify = str(trusted_root_file) if trusted_root_file else True
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        self._session.headers.clear()
        self._session.headers.update({"User-Agent": user_agent, "Accept-Encoding": "identity"})
        self._session.adapters.clear()
        self._session.mount("https://", _PinnedAdapter(self.pins))

    def host_of(self, url: str) -> str:
        """Return the host of a URL that belongs to this CA; raises Outage for any other, before anything is sent.

        A CA that points elsewhere is either broken or needs the operator's word, so that trying again may help.
        """
        with contextlib.suppress(ValueError):
            parts = urlsplit(url)
            origin = f"{parts.hostname}:{parts.port or 443}"
            if _URL.fullmatch(url) and parts.username is None and origin in self._origins:
                return parts.hostname or ""
        shown = "".join(char for char in url[:200] if char.isprintable())
        raise Outage(
            f"The CA refers to {shown}, which is not one of its own addresses ({', '.join(sorted(self._origins))}); "
            f"if it is meant, an operator adds the host to `further_hosts` in the issuers file."
        )

    def send(self, method: str, url: str, *, data: str | None, headers: Mapping[str, str]) -> requests.Response:
        """Send; raises Outage for a foreign URL and a body that is too large, else requests' own exceptions."""
        self.host_of(url)
        response = self._session.request(
            method,
            url,
            data=data,
            headers=dict(headers),
            allow_redirects=False,
            stream=True,
            timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
        )
        body = response.raw.read(LARGEST_BODY + 1, decode_content=True)
        if len(body) > LARGEST_BODY:
            response.close()
            raise Outage(f"An answer of the CA is longer than {LARGEST_BODY // 1024} KiB and was not read.")
        response.raw.release_conn()
        response._content = body  # noqa: SLF001 - the only way to bound what requests reads
        return response

    def close(self) -> None:
        """Close all connections."""
        self._session.close()
