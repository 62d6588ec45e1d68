"""The fake endpoint's HTTP: one request per connection, signatures checked, trouble as scripted, and no access log."""

import asyncio
import contextlib
import json
import uuid
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from certloom.targets.alibaba_api import AlibabaEndpoints
from tests.targets.alibaba.signatures import Asked, Gateway, Refused

Parameters = Mapping[str, str]
Action = Callable[[Parameters], Mapping[str, Any]]
Answer = Callable[[str, str, Parameters], Mapping[str, Any]]

_LARGEST = 1024 * 1024


class Failure(Exception):
    """An action's own no."""

    def __init__(self, code: str, message: str = "", *, status: int = 400) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.status = status


@dataclass(frozen=True)
class Trouble:
    """What happens to one request, once: refused with a code, or `after` the cloud acted cut off or never answered."""

    code: str = ""
    status: int = 400
    message: str = "Scripted."
    headers: tuple[tuple[str, str], ...] = ()
    cut_off: bool = False
    hang: bool = False


@dataclass
class Endpoint:
    """Serves one cloud's actions. `asked` has the names of the actions that came in, in order, and nothing else."""

    gateway: Gateway
    answer: Answer
    trouble: defaultdict[str, deque[Trouble]] = field(default_factory=lambda: defaultdict(deque))
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def script(self, action: str, *troubles: Trouble) -> None:
        """Put trouble in the way of the next requests for one action."""
        self.trouble[action].extend(troubles)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Endpoint"]:
        """Listen on loopback until the end."""
        talks: set[asyncio.Task[None]] = set()

        async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            talks.add(task)
            try:
                await self._talk(reader, writer)
            finally:
                talks.discard(task)
                writer.close()

        server = await asyncio.start_server(on_connection, "127.0.0.1", 0, limit=_LARGEST)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            for talk in list(talks):
                talk.cancel()
            await asyncio.gather(*talks, return_exceptions=True)
            await server.wait_closed()

    def endpoints(self, *, old_signature: bool = False) -> AlibabaEndpoints:
        """Every product is reached here."""
        return AlibabaEndpoints(cdn=self.url, slb=self.url, cas=self.url, old_signature=old_signature)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await _read(reader)
        try:
            action, version = self.gateway.let_in(asked)
        except Refused as refused:
            _write(writer, 400, {"Code": refused.code, "Message": refused.message})
            return
        self.asked.append(action)
        trouble = self.trouble[action].popleft() if self.trouble[action] else Trouble()
        if trouble.code:
            _write(writer, trouble.status, {"Code": trouble.code, "Message": trouble.message}, trouble.headers)
            return
        form = dict(parse_qsl(asked.body.decode(), keep_blank_values=True))
        status, page = self._act(version, action, {**asked.query, **form})
        if trouble.hang:
            await asyncio.Event().wait()
        if not trouble.cut_off:
            _write(writer, status, page)

    def _act(self, version: str, action: str, parameters: Parameters) -> tuple[int, Mapping[str, Any]]:
        try:
            return 200, self.answer(version, action, parameters)
        except Failure as failure:
            return failure.status, {"Code": failure.code, "Message": failure.message}


async def _read(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii").split("\r\n")
    method, target, _ = head[0].split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    parts = urlsplit(target)
    query = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True))
    return Asked(method=method, path=parts.path, headers=headers, query=query, body=body)


def _write(
    writer: asyncio.StreamWriter, status: int, page: Mapping[str, Any], headers: tuple[tuple[str, str], ...] = ()
) -> None:
    body = json.dumps({"RequestId": str(uuid.uuid4()).upper(), **page}).encode()
    fields = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Connection", "close"),
        *headers,
    ]
    lines = [f"HTTP/1.1 {status} Fake", *(f"{name}: {value}" for name, value in fields), "", ""]
    writer.write("\r\n".join(lines).encode() + body)
