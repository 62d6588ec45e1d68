"""The whole API over a real database and the real keys room; only the workflows are stood in for."""

import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpx

from api.app import create_app
from api.auth import make_key
from api.services import CodecAccess, Services
from certloom.dns.fake import FakeDns
from certloom.domain.application import Challenge
from certloom.domain.money import Money
from certloom.domain.product import Catalogue, Level, NameMode, Product
from certloom.domain.role import Role
from certloom.domain.target import HOST_KINDS, TargetKind
from certloom.issuers.interface import PublishedAuthority
from certloom.keys.bundle import ZipBundler
from certloom.keys.credentials import PemCredentials
from certloom.keys.keyring import parse_keyring
from certloom.keys.payload import SealedPayloadCodec
from certloom.keys.sealing import AesGcmSealer
from certloom.payments.balance import BalancePayments
from certloom.payments.interface import PaymentRequest
from certloom.storage.engine import SqlStorage
from certloom.storage.records import Account, ApiKey
from tests.api.fake_client import FakeClient
from tests.databases import SQLITE, fresh_storage
from tests.lives import NOW

JSON = dict[str, Any]
HOST = "certs.test"
DELEGATION = "proofs.test"
RING = parse_keyring("QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=")
UI_ORIGIN = "https://temporal.test"
OURS, THEIRS = "acct_ours", "acct_theirs"
HOLDERS = {
    "member": (OURS, Role.MEMBER),
    "viewer": (OURS, Role.VIEWER),
    "stranger": (THEIRS, Role.MEMBER),
    "operator": (None, Role.OPERATOR),
}
ORGANIZATION = {"name": "Example GmbH", "country": "DE", "locality": "Berlin"}
CONTACT = {"name": "Erika Muster", "email": "erika@example.com"}
DNS = {"validation": "dns-01", "key": {"type": "ecdsa-p256"}}
_numbers = itertools.count(1)


def _product(product_id: str, level: Level, mode: NameMode, price: int, **more: Any) -> Product:
    amount = Money(amount=price, currency=more.pop("currency", "EUR"))
    return Product(id=product_id, title=product_id, level=level, name_mode=mode, price=amount, **more)


CATALOGUE = Catalogue(
    items=(
        _product("single", Level.DV, NameMode.SINGLE, 900),
        _product("wildcard", Level.DV, NameMode.WILDCARD, 4_900),
        _product("multi", Level.DV, NameMode.MULTI_DOMAIN, 8_900, max_names=200),
        _product("ov", Level.OV, NameMode.MULTI_DOMAIN, 19_900, max_names=10, wildcards=True),
        _product("dear", Level.DV, NameMode.SINGLE, 10**12),
        _product("yen", Level.DV, NameMode.SINGLE, 900, currency="JPY"),
        _product("addresses", Level.DV, NameMode.MULTI_DOMAIN, 2_900, max_names=10, wildcards=True, addresses=True),
    )
)


@dataclass
class Clock:
    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass
class Files:
    """What the CA published: PublishedFiles in memory."""

    certificates: dict[str, bytes] = field(default_factory=dict)
    crls: dict[str, bytes] = field(default_factory=dict)
    shown: list[PublishedAuthority] = field(default_factory=list)

    async def certificate(self, authority_id: str) -> bytes | None:
        return self.certificates.get(authority_id)

    async def crl(self, authority_id: str) -> bytes | None:
        return self.crls.get(authority_id)

    async def authorities(self) -> Sequence[PublishedAuthority]:
        return self.shown


@dataclass
class Board:
    """A lab in memory."""

    published: list[Challenge] = field(default_factory=list)

    async def publish(self, challenges: Sequence[Challenge]) -> None:
        self.published += challenges


@dataclass
class World:
    """What a test may use and look at."""

    services: Services
    storage: SqlStorage
    client: FakeClient
    clock: Clock
    files: Files
    board: Board
    tokens: dict[str, str]
    http: httpx.AsyncClient
    dns: FakeDns

    async def call(
        self, method: str, path: str, body: Any = None, *, who: str | None = "member", **headers: str
    ) -> httpx.Response:
        """Send a request; header names are written with underscores."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if who:
            named = {"Authorization": f"Bearer {self.tokens[who]}", **named}
        return await self.http.request(method, path, json=body, headers=named)

    async def get(self, path: str, *, who: str = "member", **headers: str) -> JSON:
        return ok(await self.call("GET", path, who=who, **headers))

    async def buy(self, product: str = "single", *, who: str = "member", label: str | None = None) -> JSON:
        body = {"product": product, "label": label, "payment": {"method": "balance"}}
        return ok(await self.call("POST", "/v1/certificates", body, who=who, idempotency_key=fresh()))

    async def apply(self, product: str = "single", *names: str, who: str = "member", **form: Any) -> JSON:
        bought = await self.buy(product, who=who)
        body = {"names": names or ["www.example.com"], **DNS, **form}
        return ok(await self.call("POST", f"/v1/certificates/{bought['id']}/application", body, who=who))

    async def proving(self, product: str = "single", *names: str, who: str = "member", **form: Any) -> JSON:
        view = await self.apply(product, *names, who=who, **form)
        await self.client.prepare(view["id"])
        return await self.get(f"/v1/certificates/{view['id']}", who=who)

    async def issued(self, product: str = "single", *names: str, who: str = "member", **form: Any) -> JSON:
        view = await self.proving(product, *names, who=who, **form)
        await self.client.prove(view["id"])
        await self.client.issue(view["id"])
        return await self.get(f"/v1/certificates/{view['id']}", who=who)

    async def balance(self, account_id: str = OURS) -> int:
        return (await self.services.balances.balance(account_id)).amount

    def with_services(self, **changes: Any) -> httpx.AsyncClient:
        """Return a client of another application over the same database."""
        return _http(replace(self.services, **changes))


def fresh() -> str:
    """Return an Idempotency-Key that nobody used."""
    return f"key-{next(_numbers)}"


def ok(answer: httpx.Response) -> JSON:
    """Return the body of a good answer."""
    assert answer.status_code in (200, 201, 202), answer.text
    body: JSON = answer.json()
    return body


def assert_problem(answer: httpx.Response, status: int, code: str) -> JSON:
    """Return the body of a problem, which must be the expected one and well-formed."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: JSON = answer.json()
    assert (body["code"], body["status"]) == (code, status), body
    assert body["title"]
    assert body["detail"].endswith((".", "?")), body
    return body


@asynccontextmanager
async def make_world(folder: Path) -> AsyncIterator[World]:
    """Build it: two accounts with money, and a key of each kind."""
    async with fresh_storage(SQLITE, folder) as storage:
        clock, files, board, dns = Clock(), Files(), Board(), FakeDns()
        payments, sealer = BalancePayments(storage), AesGcmSealer(RING)
        client = FakeClient(storage, payments, sealer, clock)
        tokens = await _people(storage, payments)
        services = Services(
            storage=storage,
            client=client,
            sealer=sealer,
            credentials=PemCredentials(),
            bundler=ZipBundler(),
            balances=payments,
            files=files,
            catalogue=CATALOGUE,
            clock=clock,
            hosts=frozenset({HOST}),
            public_url=f"http://{HOST}",
            temporal_ui_url="https://temporal.test",
            member_kinds=frozenset(TargetKind) - HOST_KINDS,
            internal_suffixes=frozenset({"lab.test"}),
            internal_networks=frozenset({ip_network("127.0.0.0/8")}),
            dns=dns,
            delegation_zone=DELEGATION,
            lab=board,
            codec=CodecAccess(SealedPayloadCodec(RING), UI_ORIGIN, "default"),
            answer_within=timedelta(milliseconds=50),
        )
        async with _http(services) as http:
            yield World(services, storage, client, clock, files, board, tokens, http, dns)


def _http(services: Services) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(create_app(services))
    return httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}")


async def _people(storage: SqlStorage, payments: BalancePayments) -> dict[str, str]:
    tokens = {}
    async with storage.begin() as tx:
        for account_id in (OURS, THEIRS):
            await tx.accounts.add(Account(id=account_id, name=account_id, currency="EUR", created_at=NOW))
        for name, (owner, role) in HOLDERS.items():
            made = make_key(f"key{name}")
            tokens[name] = made.token
            key = ApiKey(id=f"key{name}", account_id=owner, role=role, label=name, hash=made.hash, created_at=NOW)
            await tx.accounts.add_key(key)
    for account_id in (OURS, THEIRS):
        amount = Money(amount=10**6, currency="EUR")
        request = PaymentRequest(key=f"{account_id}/first", account_id=account_id, amount=amount, reference="test")
        await payments.deposit(request, now=NOW)
    return tokens
