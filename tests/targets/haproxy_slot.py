"""HAProxy as Debian packs it, started on free loopback ports; the lab's edge with the same reach; slots of both."""

import asyncio
import contextlib
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from certloom.domain.target import HaproxySettings, HaproxyTcpSettings
from certloom.net.addresses import read_networks
from certloom.net.dialer import GuardedDialer
from certloom.net.nameservers import read_nameservers
from certloom.net.resolver import DnsResolver
from certloom.targets.allowed import AllowedTargets, HaproxyInstance
from certloom.targets.haproxy import HaproxyTarget, host_haproxy, tcp_haproxy
from certloom.targets.interface import Material
from certloom.targets.pem import one_file
from lab.edge import CRT_LIST, LabEdge
from tests.targets.pairs import pair
from tests.targets.slot import Slot
from workers.ports import free_port

PROGRAM: Final = Path("/usr/sbin/haproxy")
NAME: Final = "www.example.com"
FOREIGN: Final = 100
"""The number of the pair that a slot holds at first, from elsewhere."""

_CONFIGURATION = """
global
    nbthread 1
    stats socket {sockets}/admin mode 600 level admin
    stats socket {sockets}/operator mode 600 level operator
    stats socket {sockets}/user mode 600 level user
    stats socket ipv4@127.0.0.1:{admin_port} level admin
defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
frontend tls
    bind 127.0.0.1:{tls_port} ssl strict-sni {kind} {crt_list}
    http-request return status 200
"""


async def handshake(port: int, name: str) -> str | None:
    """Return the fingerprint of the leaf that a client gets; None when no handshake comes about."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        async with asyncio.timeout(5):
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)
    except OSError:
        return None
    leaf = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    return x509.load_der_x509_certificate(leaf).fingerprint(hashes.SHA256()).hex()


async def say(port: int, text: str) -> str:
    """Send raw text to a runtime API and return everything that comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(text.encode())
        async with asyncio.timeout(5):
            return (await reader.read()).decode()
    finally:
        writer.transport.abort()


def loopback_dialer() -> GuardedDialer:
    """Return a dialer that may go to loopback; it never gets to ask DNS."""
    return GuardedDialer(DnsResolver(read_nameservers(["127.0.0.1:9"])), allow_networks=read_networks(["127.0.0.0/8"]))


class Haproxy:
    """One real process with any number of slots, bound by one crt-list, or by their folder. `hold` before the start."""

    def __init__(self, folder: Path, sockets: Path, *, by_folder: bool = False) -> None:
        if not PROGRAM.exists():
            pytest.skip(f"{PROGRAM} is not installed")
        self.folder = folder
        self.certs = folder / "certs"
        self.crt_list = self.certs if by_folder else folder / "crt-list.txt"
        self.keep = folder / "keep"
        self.sockets = sockets
        self.tls_port = self.admin_port = 0
        self._process: asyncio.subprocess.Process | None = None
        self.certs.mkdir()
        if not by_folder:
            self.crt_list.touch()

    def path(self, name: str) -> str:
        """The file of a slot."""
        return str(self.certs / f"{name}.pem")

    def hold(self, name: str, material: Material) -> None:
        """Put a pair on disk and into the crt-list, as an administrator would."""
        Path(self.path(name)).write_text(f"# by hand\n\n{one_file(material)}")
        if self.crt_list.is_file():
            with self.crt_list.open("a") as file:
                file.write(f"{self.path(name)}\n")

    async def start(self) -> None:
        """Start and wait until the runtime API answers; fails with HAProxy's own words."""
        for _ in range(3):
            ports = (self.tls_port, self.admin_port) if self.tls_port else (free_port(), free_port())
            if await self._started(*ports):
                self.tls_port, self.admin_port = ports
                return
        pytest.fail((self.folder / "haproxy.log").read_text())

    async def stop(self) -> None:
        """Kill it; twice is fine."""
        if self._process and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def restart(self) -> None:
        """Start anew from what is on disk, on the same ports."""
        await self.stop()
        await self.start()

    async def served(self, name: str) -> str | None:
        """What a client that asks for a name gets."""
        return await handshake(self.tls_port, name)

    async def say(self, text: str) -> str:
        """Send raw text to the runtime API."""
        return await say(self.admin_port, text)

    def allowed(self, *, largest: int = 16_000, level: str = "admin") -> AllowedTargets:
        """A targets file for this process."""
        instance = HaproxyInstance(
            socket=self.sockets / level, folders=(self.certs,), crt_lists=(self.crt_list,), largest=largest
        )
        return AllowedTargets(host="edge-1", keep=self.keep, haproxy={"main": instance})

    def target(self, name: str, *, bind: bool = True, largest: int = 16_000, level: str = "admin") -> HaproxyTarget:
        """Open a slot with its file."""
        settings = HaproxySettings(host="edge-1", file=self.path(name), crt_list=str(self.crt_list) if bind else None)
        return host_haproxy(settings, self.allowed(largest=largest, level=level))

    async def _started(self, tls_port: int, admin_port: int) -> bool:
        configuration = self.folder / "haproxy.cfg"
        configuration.write_text(
            _CONFIGURATION.format(
                sockets=self.sockets,
                tls_port=tls_port,
                admin_port=admin_port,
                kind="crt" if self.crt_list.is_dir() else "crt-list",
                crt_list=self.crt_list,
            )
        )
        with (self.folder / "haproxy.log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                str(PROGRAM), "-db", "-f", str(configuration), stdout=log, stderr=log
            )
        async with asyncio.timeout(20):
            while self._process.returncode is None:
                with contextlib.suppress(OSError):
                    if await say(admin_port, "show cli level\n") == "admin\n\n":
                        return True
                await asyncio.sleep(0.01)
        return False


@asynccontextmanager
async def haproxy(folder: Path, *names: str, by_folder: bool = False) -> AsyncIterator[Haproxy]:
    """Run a process that holds FOREIGN pairs for these names; its sockets lie where their paths are short."""
    with tempfile.TemporaryDirectory(prefix="haproxy-") as sockets:
        process = Haproxy(folder, Path(sockets), by_folder=by_folder)
        for name in names:
            process.hold(name, pair(name, FOREIGN))
        try:
            await process.start()
            yield process
        finally:
            await process.stop()


@dataclass(frozen=True)
class Place:
    """A runtime API on TCP, HAProxy's own or the lab's, with the same slots."""

    admin_port: int
    tls_port: int
    crt_list: str
    path: Callable[[str], str]

    def settings(self, name: str, *, bind: bool = True, replace: bool = False) -> HaproxyTcpSettings:
        """A slot with its file."""
        return HaproxyTcpSettings(
            address="127.0.0.1",
            port=self.admin_port,
            file=self.path(name),
            crt_list=self.crt_list if bind else None,
            replace_unknown_with_no_way_back=replace,
        )

    def target(self, name: str, *, bind: bool = True, replace: bool = False) -> HaproxyTarget:
        """Open a slot."""
        return tcp_haproxy(self.settings(name, bind=bind, replace=replace), loopback_dialer())

    async def served(self, name: str) -> str | None:
        """What a client that asks for a name gets."""
        return await handshake(self.tls_port, name)

    async def say(self, text: str) -> str:
        """Send raw text to the runtime API."""
        return await say(self.admin_port, text)


@asynccontextmanager
async def haproxy_place(folder: Path, *names: str) -> AsyncIterator[Place]:
    """Yield the real thing, holding FOREIGN pairs for these names."""
    async with haproxy(folder, *names) as process:
        yield Place(process.admin_port, process.tls_port, str(process.crt_list), process.path)


@asynccontextmanager
async def edge_place(_folder: Path, *names: str) -> AsyncIterator[Place]:
    """Yield the lab's edge, holding the same."""
    async with LabEdge() as edge:
        for name in names:
            edge.load(edge_path(name), one_file(pair(name, FOREIGN)), listed=True)
        yield Place(edge.admin_port, edge.tls_port, CRT_LIST, edge_path)


def edge_path(name: str) -> str:
    """The file of a slot at the lab's edge."""
    return f"/lab/edge/{name}.pem"


@asynccontextmanager
async def haproxy_slot(folder: Path) -> AsyncIterator[Slot]:
    """Yield a slot with a file on disk that holds a pair from elsewhere."""
    async with haproxy(folder, NAME) as process:
        yield Slot(process.target(NAME), partial(process.served, NAME), partial(pair, NAME))


@asynccontextmanager
async def haproxy_new_slot(folder: Path) -> AsyncIterator[Slot]:
    """Yield a slot that nothing is known of yet."""
    async with haproxy(folder) as process:
        yield Slot(process.target(NAME), partial(process.served, NAME), partial(pair, NAME))


@asynccontextmanager
async def haproxy_tcp_slot(folder: Path) -> AsyncIterator[Slot]:
    """Yield an empty slot in memory alone, which may replace what it cannot read back."""
    async with haproxy_place(folder) as place:
        yield Slot(place.target(NAME, replace=True), partial(place.served, NAME), partial(pair, NAME))


@asynccontextmanager
async def edge_slot(folder: Path) -> AsyncIterator[Slot]:
    """Yield the same at the lab's edge."""
    async with edge_place(folder) as place:
        yield Slot(place.target(NAME, replace=True), partial(place.served, NAME), partial(pair, NAME))


def mode(path: Path) -> int:
    """The rights of a file or folder."""
    return path.stat().st_mode & 0o777
