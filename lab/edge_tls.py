"""A TLS listener of the lab's edge: picks the certificate by SNI, greets whoever shakes hands, and can hang."""

import asyncio
import contextlib
import functools
import socket
import ssl
import tempfile
from collections.abc import Callable, Coroutine

from lab.edge_memory import Held

_PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 9\r\nConnection: close\r\n\r\nlab edge\n"


class EdgeListener:
    """Serves what `choose` says for the name asked for. When it says None the handshake fails, as with strict-sni."""

    def __init__(self, choose: Callable[[str | None], Held | None]) -> None:
        self.port = 0
        self.hangs = False
        self._choose = choose
        self._socket: socket.socket | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.sni_callback = self._on_name

    async def start(self, host: str, port: int) -> None:
        """Listen; 0 picks a free port. Raises OSError when the port is taken."""
        self._socket = socket.create_server((host, port))
        self._socket.setblocking(False)  # noqa: FBT003 - the socket module takes it so
        self.port = int(self._socket.getsockname()[1])
        self._spawn(self._accept(self._socket))

    async def stop(self) -> None:
        """Close everything; may be called twice."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._socket:
            self._socket.close()

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, listening: socket.socket) -> None:
        while True:
            client, _ = await asyncio.get_running_loop().sock_accept(listening)
            self._spawn(self._hang(client) if self.hangs else self._greet(client))

    async def _hang(self, client: socket.socket) -> None:
        with client:
            await asyncio.Event().wait()

    async def _greet(self, client: socket.socket) -> None:
        loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
        with contextlib.suppress(OSError):
            transport, protocol = await loop.connect_accepted_socket(
                lambda: asyncio.StreamReaderProtocol(reader), client, ssl=self._context, ssl_shutdown_timeout=1.0
            )
            writer = asyncio.StreamWriter(transport, protocol, reader, loop)
            try:
                if await reader.read(65536):
                    writer.write(_PAGE)
                    await writer.drain()
                writer.close()
                await writer.wait_closed()
            finally:
                transport.abort()

    def _on_name(self, connection: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> int | None:
        found = self._choose(name)
        if found is None:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        connection.context = _context_of(found.pem)
        return None


@functools.lru_cache(maxsize=64)
def _context_of(pem: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:  # the ssl module loads pairs from files alone
        file.write(pem.encode())
        file.flush()
        context.load_cert_chain(file.name)
    return context
