"""A guarded GET for proofs of control: every hop is resolved, checked and pinned by the dialer, and bounded.

HTTP/1.1 by h11, because generic clients resolve host names by themselves and follow redirects anywhere.
"""

import asyncio

import h11

from certloom.net.interface import BODY_LIMIT, BrokenAnswer, Connection, Dialer, Fetched, Tls
from certloom.net.redirects import FOLLOWED, Ports, Target, follow, read_target, shorten

DEADLINE = 9.5
"""Seconds for all hops together: half a second less than a look may take."""

MAX_HEADERS = 16 * 1024
"""Bytes of status line and headers."""

MAX_RECEIVED = 64 * 1024
"""Bytes we read per hop before giving up, whatever they are: interim responses and chunk framing count too."""

_AGENT = "certloom-validation/1 (certificate domain control check)"


class GuardedHttp:
    """Implements ProofHttp. `ports` says which port a plain URL means: HTTP01_PORT in labs, else 80."""

    def __init__(self, dialer: Dialer, *, ports: Ports | None = None, deadline: float = DEADLINE) -> None:
        self._dialer = dialer
        self._ports = ports or Ports()
        self._deadline = deadline

    async def get(self, url: str) -> Fetched:
        """See ProofHttp; the redirect rules stand in `redirects`."""
        target = read_target(url, self._ports)
        try:
            async with asyncio.timeout(self._deadline):
                return await self._walk(target)
        except TimeoutError:
            raise BrokenAnswer(f"{shorten(url)} gave no complete answer within {self._deadline:g} s.") from None

    async def _walk(self, target: Target) -> Fetched:
        visited: list[Target] = []
        while True:
            visited.append(target)
            fetched = await self._fetch(target)
            if fetched.status not in FOLLOWED:
                return fetched
            target = follow(target, fetched.location, visited, self._ports)

    async def _fetch(self, target: Target) -> Fetched:
        tls = Tls(accept_any_certificate=True) if target.scheme == "https" else None
        connection = await self._dialer.dial(target.host, target.port, tls=tls)
        try:
            return await _exchange(connection, target)
        except (h11.RemoteProtocolError, OSError) as error:
            raise BrokenAnswer(
                f"{shorten(target.url)} did not answer with proper HTTP: {shorten(str(error))}."
            ) from error
        finally:
            await connection.close()


async def _exchange(connection: Connection, target: Target) -> Fetched:
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEADERS)
    headers = [
        ("Host", target.authority),
        ("User-Agent", _AGENT),
        ("Accept", "*/*"),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
    ]
    request = h11.Request(method="GET", target=target.path, headers=headers)
    connection.writer.write((http.send(request) or b"") + (http.send(h11.EndOfMessage()) or b""))
    await connection.writer.drain()
    events = _Events(http, connection.reader)
    response = await events.response()
    location = next((value.decode("latin-1") for name, value in response.headers if name == b"location"), None)
    if response.status_code in FOLLOWED:
        return Fetched(target.url, connection.address, response.status_code, b"", truncated=False, location=location)
    body, truncated = await events.body()
    return Fetched(target.url, connection.address, response.status_code, body, truncated)


class _Events:
    """Feeds h11 from the stream, never more than MAX_RECEIVED bytes."""

    def __init__(self, http: h11.Connection, reader: asyncio.StreamReader) -> None:
        self._http = http
        self._reader = reader
        self._left = MAX_RECEIVED

    async def response(self) -> h11.Response:
        """Skip interim responses (RFC 9110 section 15.2) and return the final one."""
        while True:
            event = await self._next()
            if isinstance(event, h11.Response):
                return event
            if not isinstance(event, h11.InformationalResponse):
                raise h11.RemoteProtocolError("the answer does not begin with a status")

    async def body(self) -> tuple[bytes, bool]:
        """Return the first BODY_LIMIT bytes, and whether there are more; the rest stays unread."""
        body = bytearray()
        while len(body) <= BODY_LIMIT:
            event = await self._next()
            if not isinstance(event, h11.Data):
                break
            body += event.data
        return bytes(body[:BODY_LIMIT]), len(body) > BODY_LIMIT

    async def _next(self) -> h11.Event | type:
        while True:
            event = self._http.next_event()
            if not isinstance(event, type) or event is h11.PAUSED:
                return event
            if self._left <= 0:
                raise h11.RemoteProtocolError("the answer is too large")
            data = await self._reader.read(min(4096, self._left))
            self._left -= len(data)
            if not data and self._http.their_state is h11.SEND_RESPONSE:
                raise h11.RemoteProtocolError("the connection was closed before an answer")
            self._http.receive_data(data)
