"""A real ACME CA on loopback: Let's Encrypt's Pebble, and its DNS and HTTP server for challenges.

Pebble forgets everything when it stops, and is strict or hostile on request; see `Hostility`.
"""

import asyncio
import contextlib
import functools
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lab.program import STOP_WITHIN, Running, find_program, run
from workers.ports import HOST, free_port

VERSION: Final = "v2.10.1"  # the current one, from the Go module proxy
MODULE: Final = "github.com/letsencrypt/pebble/v2"
VALID: Final = timedelta(days=90)  # what it signs

_BUILD_WITHIN: Final = 180.0  # seconds; a busy machine without a cache takes one minute
_VARIABLE: Final = "CERTLOOM_PEBBLE"
_PEBBLE: Final = "pebble"
_CHALLENGES: Final = "pebble-challtestsrv"
_tried: set[Path] = set()  # what could not be built is not tried again in the same process


class Programs(NamedTuple):
    """Where the two programs are."""

    pebble: Path
    challenges: Path


def installed() -> Programs | None:
    """Return Pebble as the system has it, such as Debian's package; None when it is not there."""
    pebble, challenges = find_program(_PEBBLE), find_program(_CHALLENGES)
    return Programs(pebble, challenges) if pebble and challenges else None


async def current() -> Programs | None:
    """Return the current Pebble: in the folder that CERTLOOM_PEBBLE names, or built once by a Go toolchain.

    None where there is neither, or the module cannot be had.
    """
    named = os.environ.get(_VARIABLE)
    folder = Path(named) if named else _cache() / f"pebble-{VERSION}"
    programs = Programs(folder / _PEBBLE, folder / _CHALLENGES)
    if not named and not _are_there(programs) and folder not in _tried:
        _tried.add(folder)
        await _build(folder)
    return programs if _are_there(programs) else None


def _are_there(programs: Programs) -> bool:
    return all(program.exists() for program in programs)


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "certloom"


async def _build(folder: Path) -> None:
    """Install into a folder of its own first, so that nobody ever finds half of it."""
    go = shutil.which("go")
    if go is None:
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=folder.parent))
    wanted = [f"{MODULE}/cmd/{name}@{VERSION}" for name in (_PEBBLE, _CHALLENGES)]
    null = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        go, "install", *wanted, env={**os.environ, "GOBIN": str(draft)}, stdin=null, stdout=null, stderr=null
    )
    try:
        async with asyncio.timeout(_BUILD_WITHIN):
            if await process.wait() == 0:
                _publish(draft, folder)
    except TimeoutError:
        process.kill()
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _publish(draft: Path, folder: Path) -> None:
    with contextlib.suppress(OSError):  # somebody else was faster
        draft.rename(folder)


@dataclass(frozen=True)
class Hostility:
    """How hard Pebble makes it for clients, in percent where nothing else is said."""

    bad_nonces: int = 0
    reused_authorizations: int = 50
    always_valid: bool = False  # believes every challenge without looking
    sleeps: bool = False  # up to 15 s before each look

    def environment(self) -> Mapping[str, str]:
        """Return it as Pebble reads it."""
        return {
            "PEBBLE_WFE_NONCEREJECT": str(self.bad_nonces),
            "PEBBLE_AUTHZREUSE": str(self.reused_authorizations),
            **({"PEBBLE_VA_ALWAYS_VALID": "1"} if self.always_valid else {}),
            **({} if self.sleeps else {"PEBBLE_VA_NOSLEEP": "1"}),
        }


class LabPebble:
    """An async context manager; *folder* must be ours alone. It validates by *dns_server*, host:port, or the system's.

    `directory_url` is where it serves, `trusted_root_file` the root of its own TLS certificate, not of what it signs.
    """

    def __init__(
        self,
        program: Path,
        folder: Path,
        *,
        hostility: Hostility | None = None,
        dns_server: str | None = None,
        http_port: int = 80,
        blocked: Sequence[str] = (),
        binding_keys: Mapping[str, str] | None = None,
        retry_after: int = 1,
    ) -> None:
        self.trusted_root_file = folder / "root.pem"
        self.log = folder / "pebble.log"
        self.directory_url = ""
        self.management_url = ""
        self._program = program
        self._folder = folder
        self._hostility = hostility or Hostility()
        self._dns_server = dns_server
        self._settings = {
            "certificate": str(folder / "tls.pem"),
            "privateKey": str(folder / "tls.key"),
            "httpPort": http_port,
            "tlsPort": 443,
            "ocspResponderURL": "",
            "caaIdentities": ["pebble.lab.test"],
            "domainBlocklist": list(blocked),
            "externalAccountBindingRequired": bool(binding_keys),
            "externalAccountMACKeys": dict(binding_keys or {}),
            "certificateValidityPeriod": int(VALID.total_seconds()),
            "profiles": {
                "default": {"description": "90 days", "validityPeriod": int(VALID.total_seconds())},
                "shortlived": {"description": "6 days", "validityPeriod": 6 * 86_400},
            },
            "retryAfter": {"authz": retry_after, "order": retry_after},
        }
        self._running: Running | None = None

    async def start(self) -> None:
        """Write everything and listen; raises ChildDied with Pebble's own words."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        root, leaf, key = loopback_tls()
        self.trusted_root_file.write_text(root, encoding="ascii")
        (self._folder / "tls.pem").write_text(leaf, encoding="ascii")
        (self._folder / "tls.key").write_text(key, encoding="ascii")
        environment = {**os.environ, **self._hostility.environment()}
        self._running = await run("Pebble", self._command, sign=self._folder, log=self.log, env=environment)
        self.directory_url = f"https://{HOST}:{self._running.port}/dir"

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._running.child.pid if self._running else None

    async def stop(self) -> None:
        """End it; may be called twice."""
        if self._running:
            await self._running.child.stop(within=STOP_WITHIN)

    def _command(self, port: int) -> Sequence[str]:
        management = f"{HOST}:{free_port()}"
        self.management_url = f"https://{management}"
        listen = {"listenAddress": f"{HOST}:{port}", "managementListenAddress": management}
        file = self._folder / "pebble.json"
        file.write_text(json.dumps({"pebble": {**self._settings, **listen}}), encoding="utf-8")
        asks = ("-dnsserver", self._dns_server) if self._dns_server else ()
        return (str(self._program), "-strict", "-config", str(file), *asks)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


class LabChalltestsrv:
    """Pebble's server for challenges: DNS at `dns_server`, HTTP at `http_port`, filled through `management_url`."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.management_url = ""
        self.dns_server = f"{HOST}:{free_port()}"
        self.http_port = free_port()
        self._program = program
        self._folder = folder
        self._names: frozenset[str] = frozenset()
        self._running: Running | None = None

    async def start(self) -> None:
        """Listen; raises ChildDied with its own words."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._names = await _flags(self._program)
        log = self._folder / "challtestsrv.log"
        self._running = await run("pebble-challtestsrv", self._command, sign=self._folder, log=log)
        self.management_url = f"http://{HOST}:{self._running.port}"

    async def stop(self) -> None:
        """End it; may be called twice."""
        if self._running:
            await self._running.child.stop(within=STOP_WITHIN)

    def _command(self, port: int) -> Sequence[str]:
        dns = "-dnsserver" if "-dnsserver" in self._names else "-dns01"  # an older name
        serves = ("-management", f"{HOST}:{port}", dns, self.dns_server, "-http01", f"{HOST}:{self.http_port}")
        silent: tuple[str, ...] = ("-https01", "", "-tlsalpn01", "", "-defaultIPv4", HOST, "-defaultIPv6", "")
        silent += ("-doh", "") if "-doh" in self._names else ()
        return (str(self._program), *serves, *silent)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


async def _flags(program: Path) -> frozenset[str]:
    """Return the names of a program's options, which differ between versions."""
    pipe, null = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(program, "-help", stdin=null, stdout=null, stderr=pipe)
    _, told = await process.communicate()
    return frozenset(word for word in told.decode().split() if word.startswith("-"))


@functools.cache
def loopback_tls() -> tuple[str, str, str]:
    """Return a root, a leaf for loopback signed by it, and the leaf's key, as PEM; the same within a process."""
    root_key, key, now = (
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP256R1()),
        datetime.now(UTC),
    )
    named = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Certloom lab root")])
    authority = x509.BasicConstraints(ca=True, path_length=0)
    root = _builder(named, named, root_key, now).add_extension(authority, critical=True).sign(root_key, hashes.SHA256())
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address(HOST))])
    serves = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    leaf = _builder(x509.Name([]), named, key, now).add_extension(names, critical=True)
    signed = leaf.add_extension(serves, critical=False).sign(root_key, hashes.SHA256())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    texts = (root.public_bytes(Encoding.PEM), signed.public_bytes(Encoding.PEM), private)
    return texts[0].decode(), texts[1].decode(), texts[2].decode()


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
    return builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=365))
