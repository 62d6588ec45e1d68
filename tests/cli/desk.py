"""A person at a terminal, or a script, with the command line as a process of its own and the real API behind HTTP."""

import asyncio
import fcntl
import json
import os
import pty
import re
import signal
import struct
import sys
import termios
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import uvicorn
from fastapi import FastAPI

from api.app import create_app
from tests.api.world import HOST, JSON, World
from tests.architecture.sources import ROOT

PATIENCE: Final = 60.0  # seconds for one command on a busy machine
_ESCAPES: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True)
class Done:
    """How a command ended; in a terminal everything is in `out`."""

    code: int
    out: str
    err: str = ""

    @property
    def plain(self) -> str:
        """What came, without colours."""
        return _ESCAPES.sub("", self.out)

    @property
    def told(self) -> str:
        """Everything that was said, without colours, with single spaces."""
        return " ".join(_ESCAPES.sub("", self.out + " " + self.err).split())

    @property
    def json(self) -> JSON:
        body: JSON = json.loads(self.out)
        return body


class Running:
    """A command under way."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.out = self.err = ""
        assert process.stdout
        assert process.stderr
        self._readers = [
            asyncio.create_task(self._read(process.stdout, "out")),
            asyncio.create_task(self._read(process.stderr, "err")),
        ]

    async def _read(self, stream: asyncio.StreamReader, name: str) -> None:
        while piece := await stream.read(4096):
            setattr(self, name, getattr(self, name) + piece.decode())

    async def until(self, text: str) -> None:
        """Wait until it said so."""
        async with asyncio.timeout(PATIENCE):
            while text not in self.out + self.err:
                assert self._process.returncode is None, self.out + self.err
                await asyncio.sleep(0.02)

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    async def end(self, stdin: str = "") -> Done:
        assert self._process.stdin
        self._process.stdin.write(stdin.encode())
        self._process.stdin.close()
        async with asyncio.timeout(PATIENCE):
            await self._process.wait()
            await asyncio.gather(*self._readers)
        return Done(self._process.returncode or 0, self.out, self.err)


@dataclass
class Desk:
    """Where commands are typed: a home of its own, and a service at `url`."""

    home: Path
    url: str = ""
    api_key: str = ""
    proxy: "Proxy | None" = None
    env: dict[str, str] = field(default_factory=dict)

    def lose_answers(self, *, losing: bool = True) -> None:
        """Lose every answer from now on, or no more."""
        assert self.proxy
        self.proxy.losing = losing

    @property
    def config(self) -> Path:
        return self.home / "config" / "certloom" / "config.json"

    def environment(self, more: Mapping[str, str]) -> dict[str, str]:
        """What the process sees: nothing of ours but what is said here."""
        base = {"PATH": os.environ["PATH"], "HOME": str(self.home), "XDG_CONFIG_HOME": str(self.home / "config")}
        access = {"CERTLOOM_URL": self.url, "CERTLOOM_API_KEY": self.api_key} if self.api_key else {}
        return {**base, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", **access, **self.env, **more}

    async def start(self, *arguments: str, **env: str) -> Running:
        command = (sys.executable, "-P", "-m", "certloom.cli", *arguments)
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *command, env=self.environment(env), cwd=self.home, stdin=pipe, stdout=pipe, stderr=pipe
        )
        return Running(process)

    async def run(self, *arguments: str, stdin: str = "", **env: str) -> Done:
        """Run a command as a script does."""
        return await (await self.start(*arguments, **env)).end(stdin)

    async def ok(self, *arguments: str, **env: str) -> Done:
        done = await self.run(*arguments, **env)
        assert done.code == 0, done
        return done

    async def typed(
        self, *arguments: str, answers: Sequence[tuple[str, str]] = (), columns: int = 100, **env: str
    ) -> Done:
        """Run a command in a terminal, and answer each question once it is there."""
        leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "certloom.cli", *arguments),
            env=self.environment(env),
            cwd=self.home,
            stdin=follower,
            stdout=follower,
            stderr=follower,
            preexec_fn=_take_terminal,
        )
        os.close(follower)
        try:
            async with asyncio.timeout(PATIENCE):
                text = await asyncio.to_thread(_converse, leader, list(answers))
                return Done(await process.wait(), text)
        finally:
            os.close(leader)


def _take_terminal() -> None:
    """Make the pseudo-terminal the process's own, as getpass asks for it."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _converse(leader: int, answers: list[tuple[str, str]]) -> str:
    text, mark = "", 0
    while True:
        try:
            piece = os.read(leader, 65_536)
        except OSError:  # the last holder of the other end is gone
            return text
        text += piece.decode(errors="replace")
        if answers and answers[0][0] in text[mark:]:
            mark = len(text)
            os.write(leader, answers.pop(0)[1].encode())


@asynccontextmanager
async def serving(app: Callable[..., Awaitable[None]]) -> AsyncIterator[str]:
    """Serve an application on a free port of loopback."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
    task = asyncio.create_task(server._serve())  # without its signal handlers, which would be the test run's
    async with asyncio.timeout(PATIENCE):
        while not server.started:
            await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task


class Proxy:
    """What stands between: carries requests through, and while `losing` says 502 instead of the answer."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self.losing = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if not self.losing:
            await self._app(scope, receive, send)
            return
        await self._app(scope, receive, _drop)
        await send({"type": "http.response.start", "status": 502, "headers": [(b"content-type", b"text/html")]})
        await send({"type": "http.response.body", "body": b"<h1>Bad gateway</h1>"})


async def _drop(message: Any) -> None:
    """Lose a part of an answer."""


@asynccontextmanager
async def desk_of(world: World, home: Path, *, who: str = "member", **changes: Any) -> AsyncIterator[Desk]:
    """Sit down at a desk whose environment has the key of somebody in this world."""
    services = replace(world.services, hosts=frozenset({HOST, "127.0.0.1"}), **changes)
    proxy = Proxy(create_app(services))
    async with serving(proxy) as url:
        yield Desk(home, url, world.tokens[who], proxy)
