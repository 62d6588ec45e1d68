"""A database with zones of two accounts, and what publishes and sweeps over it."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from activities.publication import Obstacle, Publication
from activities.sweep import Sweep
from activities.zone import ZoneWriters
from certloom.dns.interface import Authorities, DelegationZone, DnsProviders
from certloom.domain.application import Challenge, ValidationMethod
from certloom.domain.errors import Outage
from certloom.domain.zone import DnsZone, ManualSettings, Rfc2136Settings
from certloom.keys.keyring import parse_keyring
from certloom.keys.sealing import AesGcmSealer
from certloom.storage.engine import SqlStorage
from certloom.storage.interface import Transaction
from certloom.storage.records import PublishedRecord
from tests.databases import SQLITE, fresh_storage
from tests.dns.bind import SECRET
from tests.lives import NOW

OURS, THEIRS = "acct_ours", "acct_theirs"
CERT = "cert_1"
SETTINGS = Rfc2136Settings(server="ns1.one.test", key_name="proofs")
DELEGATION = "proofs.test"


def challenge(name: str = "www.one.test", value: str = "v", *, label: str = "_acme-challenge") -> Challenge:
    record = f"{label}.{name.removeprefix('*.')}"
    return Challenge(name=name, type=ValidationMethod.DNS_01, token=value, record_name=record, record_value=value)


@dataclass
class Counted:
    """A storage that counts its transactions, and fails at the one that it is told."""

    storage: SqlStorage
    reads: int = 0
    writes: int = 0
    fail_at: int | None = None

    def read(self) -> AbstractAsyncContextManager[Transaction]:
        self.reads += 1
        return self.storage.read()

    def begin(self) -> AbstractAsyncContextManager[Transaction]:
        self.writes += 1
        if self.writes == self.fail_at:
            raise Outage("The process dies here.")
        return self.storage.begin()

    async def ping(self) -> None:
        await self.storage.ping()

    async def close(self) -> None:
        await self.storage.close()


@dataclass
class Ground:
    storage: Counted
    sealer: AesGcmSealer
    publication: Publication
    sweep: Sweep
    now: datetime = NOW
    zones: int = field(default=0)

    async def add_zone(
        self,
        zone: str = "one.test",
        *,
        account_id: str = OURS,
        settings: Rfc2136Settings | ManualSettings = SETTINGS,
    ) -> DnsZone:
        self.zones += 1
        made = DnsZone(id=f"zone_{self.zones}", account_id=account_id, zone=zone, settings=settings, created_at=NOW)
        ref = made.credentials_ref
        async with self.storage.storage.begin() as tx:
            assert await tx.zones.add(made)
            if isinstance(settings, Rfc2136Settings):
                sealed = self.sealer.seal(json.dumps({"secret": SECRET}).encode(), identity=ref)
                await tx.secrets.put(ref, owner=made.id, sealed=sealed)
        return made

    async def delegate(self, name: str = "www.one.test", *, account_id: str = OURS, label: str = "ours") -> str:
        async with self.storage.storage.begin() as tx:
            kept = await tx.delegations.keep(account_id, name, label, NOW)
        return f"{kept}.{DELEGATION}"

    async def publish(
        self, *challenges: Challenge, account_id: str = OURS, certificate_id: str = CERT, attempt: int = 1
    ) -> Mapping[Challenge, Obstacle]:
        """Publish and note it, as one look does."""
        published = await self.publication.publish(
            challenges, account_id=account_id, certificate_id=certificate_id, attempt=attempt, now=self.now
        )
        if published.presented:
            async with self.storage.begin() as tx:
                await published.note(tx, self.now)
        return published.obstacles

    async def release(self, certificate_id: str = CERT, *, attempt: int | None = None) -> int:
        async with self.storage.storage.begin() as tx:
            return await tx.published.release(certificate_id, self.now, attempt=attempt)

    async def rows(self, certificate_id: str = CERT) -> Sequence[PublishedRecord]:
        async with self.storage.storage.read() as tx:
            return await tx.published.of_certificate(certificate_id)

    def later(self, **by: float) -> None:
        self.now += timedelta(**by)


@asynccontextmanager
async def make_ground(
    folder: Path,
    providers: DnsProviders,
    authorities: Authorities,
    delegation: DelegationZone | None = None,
    *,
    settling: Sequence[float] = (),
) -> AsyncIterator[Ground]:
    sealer = AesGcmSealer(parse_keyring("QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="))
    async with fresh_storage(SQLITE, folder) as storage:
        counted = Counted(storage)
        writers = ZoneWriters(sealer=sealer, providers=providers, delegation=delegation)
        publication = Publication(storage=counted, writers=writers, authorities=authorities, settling=settling)
        made = Ground(counted, sealer, publication, Sweep(storage=counted, writers=writers, clock=lambda: made.now))
        yield made
