"""A small HTTP/1.1 server on loopback: one request per connection, parsed by h11, answered by one function."""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import cast

import h11

HOST = "127.0.0.1"
MAX_BODY = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """What came in; `host` is the Host header in lower case without its port."""

    method: str
    path: str
    host: str
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """What goes out. `raw` replaces everything else by these very bytes; `hang` sends what there is, then nothing.

    `delay` is in seconds before the first byte. With `chunked` the body goes out byte by byte in chunks.
    """

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    chunked: bool = False
    delay: float = 0
    hang: bool = False
    raw: bytes | None = None

    def to_bytes(self) -> bytes:
        """The page as it goes over the wire."""
        if self.raw is not None:
            return self.raw
        framing = ("Transfer-Encoding", "chunked") if self.chunked else ("Content-Length", str(len(self.body)))
        headers = [("Connection", "close"), framing, *self.headers]
        lines = [f"HTTP/1.1 {self.status} Lab", *(f"{name}: {value}" for name, value in headers), "", ""]
        head = "\r\n".join(lines).encode()
        if not self.chunked:
            return head + self.body
        return head + b"".join(b"1\r\n%c\r\n" % byte for byte in self.body) + b"0\r\n\r\n"


Answer = Callable[[Request], Awaitable[Page]]


class LabHttpd:
    """Serves one function. `port` is known after `start`; every accepted connection counts in `connections`."""

    def __init__(self, answer: Answer, *, host: str = HOST, tls: ssl.SSLContext | None = None) -> None:
        self.port = 0
        self.connections = 0
        self._answer = answer
        self._host = host
        self._tls = tls
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self, port: int = 0) -> None:
        """Listen; 0 picks a free port. Raises OSError when the port is taken."""
        self._server = await asyncio.start_server(self._on_connection, self._host, port, ssl=self._tls)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Close everything, also connections that hang; may be called twice."""
        if self._server is None:
            return
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    async def _on_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._tasks.add(task)
        self.connections += 1
        with contextlib.suppress(OSError, EOFError, h11.RemoteProtocolError, asyncio.CancelledError):
            page = await self._answer(await _read_request(reader))
            await asyncio.sleep(page.delay)
            writer.write(page.to_bytes())
            await writer.drain()
            if page.hang:
                await asyncio.Event().wait()
        self._tasks.discard(task)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _read_request(reader: asyncio.StreamReader) -> Request:
    http = h11.Connection(h11.SERVER)
    head: h11.Request | None = None
    body = bytearray()
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            http.receive_data(await reader.read(65536))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > MAX_BODY:
                raise h11.RemoteProtocolError("too large")
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            return _request(head, bytes(body))
        else:
            raise EOFError


def _request(head: h11.Request, body: bytes) -> Request:
    headers = {name.decode("ascii"): value.decode("latin-1") for name, value in head.headers}
    host = headers.get("host", "").lower()
    bare = host if host.endswith("]") else host.rpartition(":")[0] or host
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    return Request(head.method.decode("ascii"), head.target.decode("ascii"), bare, content_type, body)
