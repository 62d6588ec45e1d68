"""The orders of the fake CA: who ordered what, what was proven, and what was signed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from josepy.b64 import b64decode
from josepy.jwk import JWK

from certloom.domain.address import read_address

PREFIX = "urn:ietf:params:acme:error:"


def problem(code: str, detail: str = "") -> dict[str, Any]:
    """Return a problem document."""
    return {"type": f"{PREFIX}{code}", **({"detail": detail} if detail else {})}


def identifier(name: str) -> dict[str, str]:
    """Return a name as the CA has it: an IPv6 address in another spelling than ours."""
    address = read_address(name)
    if address is None:
        return {"type": "dns", "value": name}
    return {"type": "ip", "value": address.exploded.upper()}


def san(name: str) -> x509.GeneralName:
    """Return a name as the CA certifies it."""
    address = read_address(name)
    return x509.DNSName(name) if address is None else x509.IPAddress(address)


class Problem(Exception):
    """A no of the CA."""

    def __init__(self, code: str, status: int = 403, detail: str = "") -> None:
        super().__init__(code)
        self.status = status
        self.body = problem(code, detail)


@dataclass
class Authz:
    """One name to prove."""

    url: str
    name: str
    token: str
    status: str = "pending"
    error: Mapping[str, Any] | None = None
    polls: int = 0  # looks until the answer is judged, once it was given
    answered: int = 0


@dataclass
class Order:
    """One order."""

    url: str
    names: tuple[str, ...]
    authzs: list[Authz]
    processing: int  # looks until it is valid, once it is finalized
    replaces: str | None = None
    csr: x509.CertificateSigningRequest | None = None
    leaf: x509.Certificate | None = None
    gone: Mapping[str, Any] | None = None
    wanted: dict[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> str:
        if self.gone or any(item.status == "invalid" for item in self.authzs):
            return "invalid"
        if self.leaf:
            return "valid"
        if self.csr:
            return "processing"
        return "ready" if all(item.status == "valid" for item in self.authzs) else "pending"

    def shown(self) -> dict[str, Any]:
        body: dict[str, Any] = {
            "status": self.status,
            "expires": "2030-01-01T00:00:00Z",
            "identifiers": [identifier(name) for name in reversed(self.names)],
            "authorizations": [item.url for item in reversed(self.authzs)],
            "finalize": self.url.replace("/order/", "/finalize/"),
        }
        if self.leaf:
            body["certificate"] = self.url.replace("/order/", "/cert/")
        return body | ({"error": self.gone} if self.gone else {})


class Orders:
    """All of them. `verdicts` are the errors that names fail with; `processing`, `polls`: how often to look in vain."""

    def __init__(self) -> None:
        self.url = ""
        self.all: list[Order] = []
        self.verdicts: dict[str, Mapping[str, Any]] = {}
        self.processing = 0
        self.polls = 0
        self.retry_after = "7"
        self.offers: tuple[str, ...] = ("dns-01", "http-01", "tls-alpn-01", "from-the-future-01")
        self.replaced: set[str] = set()
        self.revoked: list[tuple[int, int | None, bool]] = []
        self.extra_names: tuple[str, ...] = ()
        self.san: Callable[[str], x509.GeneralName] = san
        self.reuses_orders = True
        self._proven: set[str] = set()
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._issuer = _authority(self._key)

    @property
    def leaves(self) -> list[x509.Certificate]:
        """Every certificate that was ever signed."""
        return [order.leaf for order in self.all if order.leaf]

    def new(self, body: Mapping[str, Any]) -> Order:
        names = tuple(item["value"] for item in body["identifiers"])
        for order in self.all if self.reuses_orders else ():
            if set(order.names) == set(names) and order.status in {"pending", "ready"}:
                return order
        if body.get("replaces") in self.replaced:
            raise Problem("alreadyReplaced", 409, "it has a successor")
        number = len(self.all)
        authzs = [self._authz(f"{number}-{place}", name) for place, name in enumerate(names)]
        order = Order(f"{self.url}/order/{number}", names, authzs, self.processing, body.get("replaces"))
        order.wanted = dict(body)
        self.all.append(order)
        return order

    def forget(self) -> None:
        """Lose every order."""
        self.all = [Order(item.url, (), [], 0, gone=problem("malformed")) for item in self.all]

    def look(self, path: str) -> tuple[dict[str, Any], int, dict[str, str]]:
        order = self._order(path)
        if not order.names:
            raise Problem("malformed", 404, "no such order")
        if order.csr and not order.leaf:
            if order.processing:
                order.processing -= 1
                return order.shown(), 200, {"Retry-After": self.retry_after}
            self._sign(order)
        return order.shown(), 200, {}

    def authorization(self, path: str) -> dict[str, Any]:
        item = self._find(path)
        if item.answered and item.status == "pending":
            if item.polls:
                item.polls -= 1
            else:
                self._judge(item)
        return self._shown(item)

    def answered(self, path: str) -> dict[str, Any]:
        item = self._find(path)
        if item.status != "pending":
            raise Problem("malformed", 400, "this authorization is closed")
        item.answered += 1
        if not item.polls:
            self._judge(item)
        return self._shown(item)["challenges"][0]  # type: ignore[no-any-return]

    def finalize(self, path: str, body: Mapping[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
        order = self._order(path)
        if order.status != "ready":
            raise Problem("orderNotReady", 403, f"it is {order.status}")
        order.csr = x509.load_der_x509_csr(b64decode(body["csr"]))
        if order.processing:
            return order.shown(), 200, {"Retry-After": self.retry_after}
        self._sign(order)
        return order.shown(), 200, {}

    def chain(self, path: str) -> bytes:
        leaf = self._order(path).leaf
        assert leaf
        return leaf.public_bytes(Encoding.PEM) + self._issuer.public_bytes(Encoding.PEM)

    def revoke(self, body: Mapping[str, Any], *, by: Mapping[str, Any] | None) -> dict[str, Any]:
        leaf = x509.load_der_x509_certificate(b64decode(body["certificate"]))
        if leaf not in self.leaves:
            raise Problem("malformed", 404, "no such certificate")
        if by and _public(by) != leaf.public_key().public_bytes(*_SPKI):
            raise Problem("unauthorized")
        if body.get("reason") not in {None, 0, 1, 4, 5}:
            raise Problem("badRevocationReason", 400)
        if any(serial == leaf.serial_number for serial, _, _ in self.revoked):
            raise Problem("alreadyRevoked", 400)
        self.revoked.append((leaf.serial_number, body.get("reason"), by is not None))
        return {}

    def _authz(self, number: str, name: str) -> Authz:
        status = "valid" if name in self._proven else "pending"
        return Authz(f"{self.url}/authz/{number}", name, f"token-{number}", status, polls=self.polls)

    def _judge(self, item: Authz) -> None:
        item.error = self.verdicts.get(item.name)
        item.status = "invalid" if item.error else "valid"
        if item.status == "valid":
            self._proven.add(item.name)

    def _shown(self, item: Authz) -> dict[str, Any]:
        where = item.url.replace("/authz/", "/challenge/")
        body: dict[str, Any] = {"type": "dns-01", "url": where, "token": item.token, "status": item.status}
        if item.error:
            body["error"] = item.error
        others = [{"type": kind, "url": where, "token": item.token, "status": "pending"} for kind in self.offers]
        shown = {
            "identifier": identifier(item.name.removeprefix("*.")),
            "status": item.status,
            "challenges": [{**other, **body, "type": other["type"]} for other in others],
        }
        return shown | ({"wildcard": True} if item.name.startswith("*.") else {})

    def _order(self, path: str) -> Order:
        return self.all[int(path.rpartition("/")[2])]

    def _find(self, path: str) -> Authz:
        last = path.rpartition("/")[2]
        return next(item for order in self.all for item in order.authzs if item.url.endswith(f"/{last}"))

    def _sign(self, order: Order) -> None:
        assert order.csr
        names = [self.san(name) for name in (*order.names, *self.extra_names)]
        now = datetime.now(UTC)
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = x509.CertificateBuilder(self._issuer.subject, x509.Name([]), order.csr.public_key())
        builder = builder.serial_number(x509.random_serial_number()).add_extension(identifier, critical=False)
        builder = builder.not_valid_before(now).not_valid_after(now + timedelta(days=90))
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=True)
        order.leaf = builder.sign(self._key, hashes.SHA256())
        if order.replaces:
            self.replaced.add(order.replaces)


_SPKI = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _public(jwk: Mapping[str, Any]) -> bytes:
    key: Any = JWK.from_json(jwk)
    return bytes(key.key.public_bytes(*_SPKI))


def _authority(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    root = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Fake root")])
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Fake issuer")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(root, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=365))
    return builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
