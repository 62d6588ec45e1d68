"""A real nginx on loopback with one slot: a folder whose link `current` leads to certificate and key."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from lab.program import STOP_WITHIN, Running, run
from workers.ports import HOST

_TEMPORARY: Final = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")  # folders that every nginx wants to have
_KEY: Final = "-----BEGIN PRIVATE KEY-----"
_CONFIGURATION: Final = """\
daemon off;
worker_processes 1;
worker_shutdown_timeout 1s;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off;
{temporary}
  server {{
    listen {host}:{port} ssl;
    server_name {name};
    ssl_certificate {slot}/current/fullchain.pem;
    ssl_certificate_key {slot}/current/privkey.pem;
    return 200 "nginx\\n";
  }}
}}
"""


class LabNginx:
    """An async context manager; the folder must be ours alone.

    *held* is the PEM, leaf and then key, that the slot of *name* holds at first.
    """

    def __init__(self, program: Path, folder: Path, *, name: str, held: str) -> None:
        self.folder = folder
        self.slots = folder / "slots"
        self.slot = self.slots / name
        self.port = 0
        self._program = program
        self._name = name
        self._held = held
        self._running: Running | None = None

    @property
    def command(self) -> Sequence[str]:
        """What tests and reloads it, with `-t` and `-s reload` behind."""
        return (str(self._program), "-p", str(self.folder), "-c", str(self.folder / "nginx.conf"))

    async def start(self) -> None:
        """Write everything and listen; raises ChildDied with nginx's own words."""
        own = self.slot / "own"
        own.mkdir(mode=0o700, parents=True, exist_ok=True)
        leaf, mark, key = self._held.partition(_KEY)
        (own / "fullchain.pem").write_text(leaf, encoding="utf-8")
        (own / "privkey.pem").write_text(f"{mark}{key}", encoding="utf-8")
        current = self.slot / "current"
        current.unlink(missing_ok=True)
        current.symlink_to("own")
        sign, log = self.folder / "nginx.pid", self.folder / "nginx.log"
        self._running = await run("nginx", self._start, sign=sign, log=log)
        self.port = self._running.port

    async def stop(self) -> None:
        """End it; may be called twice."""
        if self._running:
            await self._running.child.stop(within=STOP_WITHIN)

    def _start(self, port: int) -> Sequence[str]:
        (self.folder / "nginx.pid").unlink(missing_ok=True)
        places = [f"  {part}_temp_path {self.folder}/{part};" for part in _TEMPORARY]
        text = _CONFIGURATION.format(
            folder=self.folder, temporary="\n".join(places), host=HOST, port=port, name=self._name, slot=self.slot
        )
        (self.folder / "nginx.conf").write_text(text, encoding="utf-8")
        return self.command

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
