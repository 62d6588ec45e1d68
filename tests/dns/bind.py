"""Real name servers for these tests: BIND on loopback, with TSIG keys and an update-policy."""

import asyncio
import base64
import contextlib
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import dns.message
import dns.query
import dns.rdatatype
import pytest

from certloom.dns.authorities import NetworkAuthorities
from certloom.dns.rfc2136 import Rfc2136Provider
from certloom.domain.zone import Rfc2136Credentials, Rfc2136Settings
from certloom.net.addresses import read_networks
from certloom.net.dialer import GuardedDialer
from certloom.net.interface import Connection, IPAddress, Tls
from certloom.net.nameservers import read_nameservers
from certloom.net.resolver import DnsResolver
from workers.ports import free_port

NAMED = shutil.which("named") or shutil.which("named", path="/usr/sbin:/usr/local/sbin")
needs_bind = pytest.mark.skipif(NAMED is None, reason="BIND's named is not installed (Debian package bind9)")
SECRET = base64.b64encode(b"x" * 32).decode()
OTHER = base64.b64encode(b"y" * 32).decode()
LOOPBACK = "127.0.0.0/8"

_OPTIONS = """
options {{
  directory "{folder}"; pid-file none; session-keyfile none; recursion no; dnssec-validation no; notify no;
  listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
}};
controls {{ }};
key "proofs" {{ algorithm hmac-sha256; secret "{secret}"; }};
key "reader" {{ algorithm hmac-sha256; secret "{secret}"; }};
"""
_ZONE = 'zone "{name}" {{ type primary; file "{name}.zone"; update-policy {{ grant proofs zonesub TXT; }}; }};\n'
_HEAD = "$TTL 5\n@ SOA ns1.{name}. root.{name}. 1 60 60 60 5\n"


@dataclass
class Bind:
    """One running server."""

    folder: Path
    port: int
    zones: Mapping[str, str]
    process: asyncio.subprocess.Process | None = field(default=None)
    listener: asyncio.Task[None] | None = field(default=None)

    async def start(self) -> None:
        options = _OPTIONS.format(folder=self.folder, port=self.port, secret=SECRET)
        zones = "".join(_ZONE.format(name=name) for name in self.zones)
        (self.folder / "named.conf").write_text(options + zones, encoding="ascii")
        for name, text in self.zones.items():
            if not (self.folder / f"{name}.zone").exists():
                (self.folder / f"{name}.zone").write_text(_HEAD.format(name=name) + text, encoding="ascii")
        self.process = await asyncio.create_subprocess_exec(
            str(NAMED), "-g", "-4", "-n", "1", "-c", str(self.folder / "named.conf"), stderr=asyncio.subprocess.PIPE
        )
        assert self.process.stderr is not None
        said = b""
        while line := await self.process.stderr.readline():
            said += line
            if b"running" in line.split():
                break
        else:
            pytest.fail(said.decode())
        self.listener = asyncio.create_task(_hear_out(self.process.stderr))
        await self._listening()

    async def _listening(self) -> None:
        """It says that it runs some milliseconds before it listens on TCP."""
        for _ in range(200):
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.close()
                return
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.terminate()
            await self.process.wait()
            self.process = None

    def texts(self, name: str) -> set[str]:
        """What stands there, asked of this very server."""
        query = dns.message.make_query(name, dns.rdatatype.TXT)
        answer = dns.query.tcp(query, "127.0.0.1", port=self.port, timeout=5)
        return {str(rdata).strip('"') for rrset in answer.answer for rdata in rrset if rdata.rdtype == 16}

    @property
    def settings(self) -> Rfc2136Settings:
        return Rfc2136Settings(server="127.0.0.1", port=self.port, key_name="proofs")


async def _hear_out(words: asyncio.StreamReader) -> None:
    """A server whose log nobody reads stops when the pipe is full."""
    while await words.read(65_536):
        pass


@asynccontextmanager
async def running(*servers: Bind) -> AsyncIterator[None]:
    try:
        for server in servers:
            await server.start()
        yield
    finally:
        for server in servers:
            await server.stop()


def make_bind(folder: Path, zones: Mapping[str, str]) -> Bind:
    folder.mkdir(exist_ok=True)
    return Bind(folder, free_port(), zones)


def make_dialer(resolver_at: Bind, *, allow: Sequence[str] = (LOOPBACK,)) -> GuardedDialer:
    return GuardedDialer(make_resolver(resolver_at), allow_networks=read_networks(allow), connect_timeout=1.0)


def make_resolver(at: Bind) -> DnsResolver:
    return DnsResolver(read_nameservers([f"127.0.0.1:{at.port}"]), query_lifetime=2.0, server_timeout=1.0)


class ByHost:
    """A dialer for name servers that share one address: which port each host has. BIND takes no 127.0.0.2."""

    def __init__(self, dialer: GuardedDialer, ports: Mapping[str, int]) -> None:
        self._dialer = dialer
        self._ports = ports

    async def resolve(self, host: str) -> Sequence[IPAddress]:
        return await self._dialer.resolve(host)

    async def dial(self, host: str, port: int, *, tls: Tls | None = None) -> Connection:
        return await self._dialer.dial(host, self._ports.get(host, port), tls=tls)


def make_authorities(
    at: Bind, ports: Mapping[str, int] | None = None, *, allow: Sequence[str] = (LOOPBACK,)
) -> NetworkAuthorities:
    """Ask hosts at the server's own port, but where *ports* says another."""
    dialer = ByHost(make_dialer(at, allow=allow), ports or {})
    return NetworkAuthorities(make_resolver(at), dialer, port=at.port)


def make_provider(
    server: Bind,
    zone: str,
    *,
    secret: str = SECRET,
    key_name: str = "proofs",
    algorithm: str = "hmac-sha256",
    allow: Sequence[str] = (LOOPBACK,),
    host: str = "127.0.0.1",
) -> Rfc2136Provider:
    settings = Rfc2136Settings.model_validate(
        {"server": host, "port": server.port, "key_name": key_name, "algorithm": algorithm}
    )
    credentials = Rfc2136Credentials.model_validate({"secret": secret})
    return Rfc2136Provider(zone, settings, credentials, make_dialer(server, allow=allow))
