"""The lab's TLS edge: serves certificates by SNI on loopback, and takes them as HAProxy does, over a runtime API.

Deploy to it with a target of kind haproxy_tcp. Listeners share the certificates; each can be told a trouble of its own.
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from types import TracebackType
from typing import Final, Self, cast

from lab.edge_memory import EdgeMemory, Held, choose, held
from lab.edge_tls import EdgeListener
from lab.self_signed import self_signed

HOST: Final = "127.0.0.1"
CRT_LIST: Final = "/lab/edge/crt-list.txt"
"""The crt-list that every edge has; a target names it to have a new file bound."""

_ELSEWHERE: Final = "elsewhere.lab.test"
_BUFFER: Final = 16_384
"""HAProxy's tune.bufsize, unless set: a command with its payload must be shorter."""


class EdgeTrouble(StrEnum):
    """What may be wrong with a listener."""

    KEEPS_OLD = "keeps_old"  # goes on serving what was served when the trouble began
    WRONG_NAME = "wrong_name"  # serves a certificate for elsewhere.lab.test, whatever is asked for
    HANGS = "hangs"  # accepts connections and never answers


class AdminTrouble(StrEnum):
    """What may be wrong with the runtime API."""

    HANGS = "hangs"
    RUBBISH = "rubbish"  # answers as a web server would
    CLOSES = "closes"  # hangs up on every command


@dataclass
class _Admin:
    """The runtime API on TCP: one batch of commands per connection, as without `prompt`."""

    memory: EdgeMemory
    trouble: AdminTrouble | None = None
    commands: list[str] = field(default_factory=list)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection, and close it."""
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self.tasks.add(task)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            writer.write((await self._reply(reader)).encode())
            await writer.drain()
        self.tasks.discard(task)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async def _reply(self, reader: asyncio.StreamReader) -> str:
        text = await _read_commands(reader)
        if self.trouble is AdminTrouble.HANGS:
            await asyncio.Event().wait()
        if self.trouble is AdminTrouble.RUBBISH:
            return (
                "HTTP/1.1 500 Internal Server Error\r\nContent-Type: text/html\r\n\r\n<h1>500 secret-of-a-tenant</h1>\n"
            )
        if self.trouble is AdminTrouble.CLOSES or len(text) >= _BUFFER:
            return ""
        return "".join(f"{self._do(line, payload)}\n" for line, payload in _commands(text))

    def _do(self, line: str, payload: str) -> str:
        self.commands.append(line)
        return self.memory.answer(line, payload)


class LabEdge:
    """An async context manager. Ports of 0 are free ones, known after the start."""

    def __init__(self, *, tls_ports: Sequence[int] = (0,), admin_port: int = 0) -> None:
        self.memory = EdgeMemory(crt_lists={CRT_LIST: {}})
        self.admin_port = admin_port
        self._listeners = [EdgeListener(partial(self._choose, number)) for number in range(len(tls_ports))]
        self._wanted = tuple(tls_ports)
        self._troubles: dict[int, tuple[EdgeTrouble, Mapping[str, Held]]] = {}
        self._admin = _Admin(self.memory)
        self._server: asyncio.Server | None = None

    @property
    def tls_port(self) -> int:
        """Of the first listener."""
        return self.tls_ports[0]

    @property
    def tls_ports(self) -> tuple[int, ...]:
        """Of all listeners, in their order."""
        return tuple(listener.port for listener in self._listeners)

    @property
    def commands(self) -> Sequence[str]:
        """Every command that came in, without payloads."""
        return self._admin.commands

    def load(self, path: str, pem: str, *, listed: bool = False) -> None:
        """Have a certificate as if the configuration named its file, or its crt-list did. May raise ValueError."""
        found = held(pem)
        if found is None:
            raise ValueError("no certificate in PEM form")
        self.memory.certificates[path] = found
        if listed:
            self.memory.answer(f"add ssl crt-list {CRT_LIST} {path}", "")
        else:
            self.memory.direct.add(path)

    def trouble(self, trouble: EdgeTrouble | None, *, listener: int | None = None) -> None:
        """Make one listener, or all, go wrong from now on, or right again with None."""
        for number in range(len(self._listeners)) if listener is None else [listener]:
            if trouble is None:
                self._troubles.pop(number, None)
            else:
                self._troubles[number] = (trouble, self.memory.bound())
            self._listeners[number].hangs = trouble is EdgeTrouble.HANGS

    def admin_trouble(self, trouble: AdminTrouble | None) -> None:
        """Make the runtime API go wrong from now on, or right again with None."""
        self._admin.trouble = trouble

    async def start(self) -> None:
        """Listen. Raises OSError when a port is taken; nothing is left open."""
        try:
            for listener, port in zip(self._listeners, self._wanted, strict=True):
                await listener.start(HOST, port)
            self._server = await asyncio.start_server(self._admin.serve, HOST, self.admin_port, limit=10 * _BUFFER)
            self.admin_port = int(self._server.sockets[0].getsockname()[1])
        except OSError:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Close everything, also connections that hang; may be called twice."""
        for listener in self._listeners:
            await listener.stop()
        if self._server is None:
            return
        self._server.close()
        for task in list(self._admin.tasks):
            task.cancel()
        await asyncio.gather(*self._admin.tasks, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _choose(self, number: int, name: str | None) -> Held | None:
        trouble, old = self._troubles.get(number, (None, {}))
        if trouble is EdgeTrouble.WRONG_NAME:
            return self_signed(_ELSEWHERE)
        return choose(old if trouble is EdgeTrouble.KEEPS_OLD else self.memory.bound(), name or "")


async def _read_commands(reader: asyncio.StreamReader) -> str:
    """Read until the first command is whole, with its payload, or larger than a buffer; and what came with it."""
    text = ""
    while chunk := await reader.read(65536):
        text += chunk.decode("utf-8", errors="replace")
        first = text.partition("\n")[0]
        is_whole = "\n" in text if not first.endswith("<<") else "\n\n" in text
        if is_whole or len(text) >= _BUFFER:
            break
    return text


def _commands(text: str) -> Sequence[tuple[str, str]]:
    """Split into commands with their payloads: a payload ends at the first empty line, and the rest are commands."""
    found = []
    while text:
        line, _, text = text.partition("\n")
        payload = ""
        if line.endswith("<<"):
            payload, _, text = text.partition("\n\n")
            line = line.removesuffix("<<").strip()
        found += [(part.strip(), f"{payload}\n") for part in line.split(";")]
    return found
