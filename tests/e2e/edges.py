"""A real HAProxy and a real nginx with many names, and a client that shakes hands with them without pause."""

import asyncio
import hashlib
import ssl
import tempfile
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cryptography import x509

from tests.e2e.stack import JSON, Customer
from tests.targets.haproxy_slot import Haproxy
from tests.targets.nginx_slot import Nginx
from tests.targets.pairs import pair

HOST: Final = "edge"
SEED: Final = 100  # the number of the pair that slots hold at first


@dataclass
class Edges:
    """Both servers, each with a slot for every name."""

    folder: Path
    names: Sequence[str]
    haproxy: Haproxy
    nginx: Nginx

    @property
    def ports(self) -> dict[str, int]:
        return {"haproxy": self.haproxy.tls_port, "nginx": self.nginx.port}

    def targets_file(self, host: str = HOST) -> Path:
        """Write what a targets worker may touch here."""
        path = self.folder / f"{host}.toml"
        command = ", ".join(f'"{word}"' for word in self.nginx.command)
        path.write_text(
            f'host = "{host}"\nkeep = "{self.folder / "keep"}"\n'
            f'[haproxy.main]\nsocket = "{self.haproxy.sockets / "admin"}"\nfolders = ["{self.haproxy.certs}"]\n'
            f'crt_lists = ["{self.haproxy.crt_list}"]\n'
            f'[nginx.main]\nfolders = ["{self.nginx.slots}"]\ncommand = [{command}]\n'
        )
        return path

    def forms(self, name: str, account_id: str, host: str = HOST) -> Iterator[JSON]:
        """Say how an operator describes the two slots of a name."""
        settings: dict[str, JSON] = {
            "haproxy": {"host": host, "file": self.haproxy.path(name), "crt_list": str(self.haproxy.crt_list)},
            "nginx": {"host": host, "folder": str(self.nginx.slot(name))},
        }
        for kind, port in self.ports.items():
            endpoint = {"host": name, "port": port}
            yield {
                "name": f"{kind} {name}",
                "kind": kind,
                "settings": settings[kind],
                "endpoints": [endpoint],
                "account_id": account_id,
            }


@asynccontextmanager
async def edges(folder: Path, names: Sequence[str]) -> AsyncIterator[Edges]:
    """Run both, every slot seeded with a pair from elsewhere for its own name; skips where one is not installed."""
    (folder / "haproxy").mkdir()
    with tempfile.TemporaryDirectory() as sockets:  # a socket's path may have 107 bytes
        haproxy = Haproxy(folder / "haproxy", Path(sockets))
        for name in names:
            haproxy.hold(name, pair(name, SEED))
        nginx = Nginx(folder / "nginx", names)
        await haproxy.start()
        try:
            async with nginx:
                yield Edges(folder, names, haproxy, nginx)
        finally:
            await haproxy.stop()


@dataclass
class Shaker:
    """A client that goes round all names of all servers; every handshake must succeed, with a leaf for that name."""

    ports: dict[str, int]
    names: Sequence[str]
    count: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    seen: defaultdict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))

    @contextmanager
    def shaking(self) -> Iterator[None]:
        """Shake hands meanwhile."""
        tasks = [asyncio.create_task(self._go_round(kind, port)) for kind, port in self.ports.items()]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()

    async def _go_round(self, kind: str, port: int) -> None:
        while True:
            for name in self.names:
                try:
                    self._judge(kind, name, await leaf_of(port, name))
                except (OSError, TimeoutError) as error:
                    self.faults.append(f"{kind} {name}: {error!r}")
                self.count[kind] += 1

    def _judge(self, kind: str, name: str, der: bytes) -> None:
        fingerprint = hashlib.sha256(der).hexdigest()
        seen = self.seen[kind, name]
        if fingerprint in seen:
            return
        names = x509.load_der_x509_certificate(der).extensions.get_extension_for_class(x509.SubjectAlternativeName)
        if names.value.get_values_for_type(x509.DNSName) != [name]:
            self.faults.append(f"{kind} {name}: a leaf for {names.value}")
        seen.append(fingerprint)


async def leaf_of(port: int, name: str) -> bytes:
    """Shake hands once; raises OSError or TimeoutError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    async with asyncio.timeout(10):
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)
    der: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    return der


async def fingerprint_at(port: int, name: str) -> str | None:
    """Return what is served for a name; None when no handshake comes about."""
    try:
        return hashlib.sha256(await leaf_of(port, name)).hexdigest()
    except (OSError, TimeoutError):
        return None


async def issued(customer: Customer, name: str, key: str = "") -> JSON:
    """Buy, apply, prove and receive a certificate for one name of the lab."""
    key = key or name
    form: dict[str, Any] = {"product": "dv-single", "payment": {"method": "balance"}}
    certificate_id = (await customer.call("POST", "/v1/certificates", form, key=f"buy-{key}")).json()["id"]
    await customer.until(certificate_id, lambda view: view["status"] == "paid")
    form = {"names": [name], "validation": "dns-01", "key": {"type": "ecdsa-p256"}}
    await customer.call("POST", f"/v1/certificates/{certificate_id}/application", form, key=f"apply-{key}")
    await customer.until(certificate_id, lambda view: view["phase"] != "preparing" and view["application"] is not None)
    await customer.call("POST", "/v1/lab/proofs", {"certificate_id": certificate_id})
    await customer.call("POST", f"/v1/certificates/{certificate_id}/application/check")
    return await customer.until(certificate_id, lambda view: view["status"] == "issued")
