"""Slots of a real nginx, on this machine and over a real sshd; an operator's own pair is what they hold at first."""

import asyncio
import functools
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import pytest

from certloom.domain.target import NginxSettings
from certloom.targets.allowed import AllowedTargets, NginxInstance
from certloom.targets.nginx import NginxTarget, host_nginx
from tests.targets.pairs import pair
from tests.targets.slot import Slot
from tests.targets.sshd import Sshd
from tests.targets.waiting import listens, until
from workers.ports import free_port

NGINX: Final = Path("/usr/sbin/nginx")
NAME: Final = "www.example.com"
HOST: Final = "here"

_MAIN = """
daemon off;
worker_processes 1;
worker_shutdown_timeout 30s;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off;
  ssl_session_cache none;
  ssl_session_tickets off;
  client_body_temp_path {folder}/tmp/body;
  proxy_temp_path {folder}/tmp/proxy;
  fastcgi_temp_path {folder}/tmp/fastcgi;
  uwsgi_temp_path {folder}/tmp/uwsgi;
  scgi_temp_path {folder}/tmp/scgi;
  include {folder}/sites/*.conf;
}}
"""
_SITE = """
server {{
  listen 127.0.0.1:{port} ssl;
  server_name {name};
  ssl_certificate {slot}/current/fullchain.pem;
  ssl_certificate_key {slot}/current/privkey.pem;
  return 200;
}}
"""


async def leaf_at(port: int, name: str) -> str | None:
    """Shake hands and return the leaf's fingerprint; None when no handshake comes about."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        async with asyncio.timeout(5):
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)
    except OSError:
        return None
    leaf = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    return sha256(leaf).hexdigest()


class Nginx:
    """An nginx of our own, with one slot and one server block per name, all on one port and told apart by SNI.

    As a context it runs from enter to exit. A slot is seeded with a link to a folder that an operator might have made.
    """

    def __init__(self, folder: Path, names: Sequence[str] = (NAME,), *, seeded: bool = True) -> None:
        if not NGINX.exists():
            pytest.skip(f"{NGINX} is not installed")
        self.folder = folder
        self.slots = folder / "slots"
        self.port = free_port()
        self._process: asyncio.subprocess.Process | None = None
        for part in ("sites", "slots", "own", "tmp"):
            (folder / part).mkdir(parents=True)
        (folder / "nginx.conf").write_text(_MAIN.format(folder=folder))
        for name in names:
            self.add(name, seeded=seeded)

    @property
    def command(self) -> tuple[str, ...]:
        return (str(NGINX), "-p", str(self.folder), "-c", str(self.folder / "nginx.conf"))

    @property
    def allowed(self) -> AllowedTargets:
        instance = NginxInstance(folders=(self.slots,), command=self.command)
        return AllowedTargets(host=HOST, keep=self.folder / "keep", nginx={"main": instance})

    def slot(self, name: str = NAME) -> Path:
        return self.slots / name

    def settings(self, name: str = NAME) -> NginxSettings:
        return NginxSettings(host=HOST, folder=str(self.slot(name)))

    def target(self, name: str = NAME) -> NginxTarget:
        return host_nginx(self.settings(name), self.allowed)

    def add(self, name: str, *, seeded: bool = True) -> None:
        """Write a server block and its slot; nginx reads them at the next start or reload."""
        self.slot(name).mkdir()
        own = self.folder / "own" / name
        own.mkdir()
        seed = pair(name, 100)
        (own / "fullchain.pem").write_text(seed.leaf_pem)
        (own / "privkey.pem").write_text(seed.key_pem)
        if seeded:
            (self.slot(name) / "current").symlink_to(own)
        self.site(name).write_text(_SITE.format(port=self.port, name=name, slot=self.slot(name)))

    def site(self, name: str) -> Path:
        return self.folder / "sites" / f"{name}.conf"

    async def served(self, name: str = NAME) -> str | None:
        """Look when no worker is on its way out: until then the old leaf may come back after the new one was seen."""
        await until(lambda: self._workers() < 2, "old workers go")
        leaf = await leaf_at(self.port, name)
        return leaf if self._workers() < 2 else await self.served(name)

    def _workers(self) -> int:
        if self._process is None or self._process.returncode is not None:
            return 0
        pid = self._process.pid
        return len(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())

    async def start(self) -> None:
        """Return when it listens and can be told to reload."""
        self._process = await asyncio.create_subprocess_exec(
            *self.command, stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        running = self._process
        pid = self.folder / "nginx.pid"
        await until(
            lambda: running.returncode is not None or (pid.exists() and listens(self.port)), "nginx starts listening"
        )
        assert running.returncode is None, (self.folder / "error.log").read_text()

    async def stop(self) -> None:
        """Return when it is gone; may be called twice."""
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()
        self._process = None

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


def over_ssh(folder: Path, nginx: Nginx, name: str = NAME) -> Sshd:
    """An sshd by which a slot of this nginx is reached; to be started."""
    return Sshd(folder, nginx.command, nginx.slot(name))


@asynccontextmanager
async def nginx_slot(folder: Path) -> AsyncIterator[Slot]:
    async with Nginx(folder / "nginx") as nginx:
        yield Slot(nginx.target(), nginx.served, functools.partial(pair, NAME))


@asynccontextmanager
async def nginx_ssh_slot(folder: Path) -> AsyncIterator[Slot]:
    async with Nginx(folder / "nginx") as nginx, over_ssh(folder / "sshd", nginx) as sshd, sshd.target() as target:
        yield Slot(target, nginx.served, functools.partial(pair, NAME))
