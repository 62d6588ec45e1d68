"""A real HAProxy on loopback with one slot: a PEM file that its crt-list names, and an admin socket."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from lab.program import STOP_WITHIN, Running, run
from workers.ports import HOST

_CONFIGURATION: Final = """\
global
    nbthread 1
    stats socket {folder}/admin.sock mode 600 level admin
defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
frontend tls
    bind {host}:{port} ssl strict-sni crt-list {crt_list}
    http-request return status 200 content-type text/plain string "haproxy\\n"
"""


class LabHaproxy:
    """An async context manager; the folder must be ours alone, and its path short: a socket's may have 107 bytes.

    *held* is the PEM, leaf, chain and key, that the slot of *name* holds at first.
    """

    def __init__(self, program: Path, folder: Path, *, name: str, held: str) -> None:
        self.folder = folder
        self.certs = folder / "certs"
        self.file = self.certs / f"{name}.pem"
        self.crt_list = folder / "crt-list.txt"
        self.socket = folder / "admin.sock"
        self.port = 0
        self._program = program
        self._held = held
        self._running: Running | None = None

    async def start(self) -> None:
        """Write everything and listen; raises ChildDied with HAProxy's own words."""
        self.certs.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.file.write_text(self._held, encoding="utf-8")
        self.crt_list.write_text(f"{self.file}\n", encoding="utf-8")
        log = self.folder / "haproxy.log"
        self._running = await run("HAProxy", self._command, sign=self.socket, log=log)
        self.port = self._running.port

    async def stop(self) -> None:
        """End it; may be called twice."""
        if self._running:
            await self._running.child.stop(within=STOP_WITHIN)

    def _command(self, port: int) -> Sequence[str]:
        self.socket.unlink(missing_ok=True)
        configuration = self.folder / "haproxy.cfg"
        text = _CONFIGURATION.format(folder=self.folder, host=HOST, port=port, crt_list=self.crt_list)
        configuration.write_text(text, encoding="utf-8")
        return (str(self._program), "-db", "-f", str(configuration))

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
