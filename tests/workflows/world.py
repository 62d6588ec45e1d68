"""A whole small world for workflow tests: real Temporal with skipped time, real SQL, the real private CA.

Only proofs are scripted, by the validator's own fake, and the issuer's where a test wants trouble.
"""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.client import WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from certloom.dns.fake import FakeDns
from certloom.domain import command as c
from certloom.domain.application import Organization, ValidationMethod
from certloom.domain.certificate import CertificateStatus, Origin, Phase
from certloom.domain.deployment import ENDS, DeploymentState
from certloom.domain.errors import NotAllowedNow
from certloom.domain.fact import Uploaded
from certloom.domain.issuance import RevocationReason
from certloom.domain.key import KeyType
from certloom.domain.product import Product
from certloom.domain.state import CertificateState
from certloom.domain.target import Endpoint, HaproxyTcpSettings, Target
from certloom.domain.zone import DnsZone, Rfc2136Settings
from certloom.issuers.fake import FakeIssuer
from certloom.issuers.interface import Issuer
from certloom.payments.balance import BalancePayments
from certloom.payments.interface import PaymentMethod
from certloom.storage.engine import SqlStorage
from certloom.storage.records import DeploymentRecord, Draft, Posting
from certloom.targets.fake import FakeTargets
from certloom.validation.fake import FakeValidator
from tests.lives import leaf, product
from workers.certificates import WORKFLOWS
from workers.heartbeat import Failures
from workers.sandbox import runner
from workflows.client import CertificateClient
from workflows.names import QUEUE, RENEWAL_WATCH_TYPE, TARGETS_QUEUE, WATCH_TYPE, workflow_id
from workflows.renewal import RenewalsAsked
from workflows.watch import Watched

ACCOUNT = "acct_world"
ORGANIZATION = Organization(
    name="Example GmbH",
    country="DE",
    state="Berlin",
    locality="Berlin",
    registration_number="HRB 1",
    jurisdiction_country="DE",
    business_category="Private Organization",
)
_ids = itertools.count(1)
_requests = itertools.count(1)


@dataclass
class World:
    """What a test may look at and script."""

    env: WorkflowEnvironment
    storage: SqlStorage
    validator: FakeValidator
    client: CertificateClient
    payments: BalancePayments
    issuers: dict[str, Issuer]
    methods: dict[str, PaymentMethod]
    stranger: FakeIssuer
    targets: FakeTargets = field(default_factory=FakeTargets)
    board: FakeDns = field(default_factory=FakeDns)
    activities: list[Callable[..., Any]] = field(default_factory=list)

    @asynccontextmanager
    async def worker(self, **more: Any) -> AsyncIterator[None]:
        """Run workers over the same adapters, as workers/certificates.py does."""
        surround = {"interceptors": [Failures()], **more}
        certificates = Worker(
            self.env.client,
            task_queue=QUEUE,
            workflows=WORKFLOWS,
            activities=self.activities,
            workflow_runner=runner(),
            **surround,
        )
        async with (
            certificates,
            Worker(self.env.client, task_queue=TARGETS_QUEUE, activities=self.activities, **surround),
        ):
            yield

    def handle(self, certificate_id: str) -> WorkflowHandle[Any, Any]:
        return self.env.client.get_workflow_handle(workflow_id(certificate_id))

    async def now(self, certificate_id: str) -> datetime:
        """Return the time as this certificate's workflow sees it."""
        return (await self.env.get_current_time(self.handle(certificate_id))).astimezone(UTC)

    async def find(self, certificate_id: str) -> CertificateState | None:
        async with self.storage.read() as tx:
            return await tx.certificates.get(certificate_id)

    async def row(self, certificate_id: str) -> CertificateState:
        state = await self.find(certificate_id)
        assert state is not None
        return state

    async def spki_sha256(self, certificate_id: str) -> str:
        """Return which key the newest leaf has."""
        async with self.storage.read() as tx:
            return (await tx.issuances.list(certificate_id))[-1].spki_sha256

    async def facts(self, certificate_id: str) -> list[str]:
        """Return the kinds in the timeline, oldest first."""
        async with self.storage.read() as tx:
            page = await tx.certificates.timeline(certificate_id, limit=200)
        return [entry.fact.kind for entry in reversed(page.items)]

    async def postings(self, certificate_id: str) -> Mapping[str, int]:
        """Return the customer's amounts booked for a certificate, by kind."""
        found: dict[str, int] = {}
        for kind in ("charge", "refund"):
            async with self.storage.read() as tx:
                posting: Posting | None = await tx.ledger.find(f"{certificate_id}/{kind}")
            if posting is not None:
                found[kind] = sum(line.amount for line in posting.lines if line.account == ACCOUNT)
        return found

    async def buy(self, of: Product | None = None, *, method: str = "balance") -> str:
        certificate_id = f"cert_w{next(_ids)}"
        now = datetime.now(UTC)
        state = CertificateState(
            certificate_id=certificate_id,
            account_id=ACCOUNT,
            origin=Origin.PURCHASED,
            created_at=now,
            updated_at=now,
            product=of or product(),
        )
        await self.client.buy(state, c.Pay(method=method, **self.who(certificate_id, now)))
        return certificate_id

    def who(self, certificate_id: str, now: datetime) -> dict[str, Any]:
        request_id = f"{certificate_id}-{next(_requests)}"
        return {"request_id": request_id, "actor": "key_1", "requested_at": now}

    async def ask(self, certificate_id: str, command: type[c.Command], **more: Any) -> c.Accepted:
        """Send a command stamped with the workflow's own time."""
        now = await self.now(certificate_id)
        return await self.client.send(certificate_id, command(**self.who(certificate_id, now), **more))

    async def apply(
        self, certificate_id: str, *names: str, key_type: KeyType = KeyType.ECDSA_P256, csr_ref: str | None = None
    ) -> None:
        await self.ask(
            certificate_id,
            c.Apply,
            application_id=f"appl_{certificate_id}_{next(_ids)}",
            names=names or (f"{certificate_id.replace('_', '-')}.example.com",),
            validation=ValidationMethod.DNS_01,
            key_type=key_type,
            csr_ref=csr_ref,
        )

    async def write_zone(self, zone: str) -> None:
        """Let the service publish proofs below this name by itself."""
        settings = Rfc2136Settings(server="ns1.example.com", key_name="proofs")
        made = DnsZone(
            id=f"zone_w{next(_ids)}", account_id=ACCOUNT, zone=zone, settings=settings, created_at=datetime.now(UTC)
        )
        async with self.storage.begin() as tx:
            assert await tx.zones.add(made)

    async def target(self, *endpoints: Endpoint, prove_within: timedelta = timedelta(seconds=2)) -> Target:
        """Make a target that the fake drives; settings name a HAProxy that nobody contacts."""
        target_id = f"tgt_w{next(_ids)}"
        made = Target(
            id=target_id,
            account_id=ACCOUNT,
            name=target_id,
            settings=HaproxyTcpSettings(address="edge.example.com", port=9999, file=f"/certs/{target_id}.pem"),
            endpoints=endpoints or (Endpoint(host=f"{target_id.replace('_', '-')}.example.com"),),
            prove_within=prove_within,
            created_at=datetime.now(UTC),
        )
        self.targets.register(made)
        async with self.storage.begin() as tx:
            await tx.targets.add(made)
        return made

    async def deploy(self, certificate_id: str, *targets: Target) -> list[str]:
        """Ask for deployments and return their ids."""
        items = tuple(c.DeployItem(deployment_id=f"dep_w{next(_ids)}", target_id=one.id) for one in targets)
        await self.ask(certificate_id, c.Deploy, items=items)
        return [item.deployment_id for item in items]

    async def ended(self, deployment_id: str, *, seconds: float = 60) -> DeploymentRecord:
        """Wait for a deployment's end."""
        return await self.reached(deployment_id, *ENDS, seconds=seconds)

    async def reached(self, deployment_id: str, *states: DeploymentState, seconds: float = 60) -> DeploymentRecord:
        """Wait until a deployment is in one of these states."""

        async def wait() -> DeploymentRecord:
            while True:
                async with self.storage.read() as tx:
                    record = await tx.deployments.get(deployment_id)
                if record is not None and record.state in states:
                    return record
                await asyncio.sleep(0.02)

        return await asyncio.wait_for(wait(), seconds)

    async def roll_back(self, certificate_id: str, undone: DeploymentRecord, *, number: int | None) -> None:
        """Ask for what was there before a deployment."""
        item = c.DeployItem(deployment_id=f"dep_w{next(_ids)}", target_id=undone.target_id)
        await self.ask(certificate_id, c.RollBack, item=item, restores=undone.id, number=number)

    async def watch(self) -> Watched:
        """Let the watch look once at everything."""
        seen: Watched = await self.env.client.execute_workflow(
            WATCH_TYPE, id=f"watch-{next(_ids)}", task_queue=QUEUE, result_type=Watched
        )
        return seen

    async def ask_renewals(self) -> RenewalsAsked:
        """Let the renewal watch ask once about everything due."""
        asked: RenewalsAsked = await self.env.client.execute_workflow(
            RENEWAL_WATCH_TYPE, id=f"renewals-{next(_ids)}", task_queue=QUEUE, result_type=RenewalsAsked
        )
        return asked

    async def ask_later(self, certificate_id: str, command: type[c.Command], after: timedelta, **more: Any) -> None:
        """Let the certificate's clock run on, then ask."""
        await self.forward(certificate_id, after)
        await self.ask(certificate_id, command, **more)

    async def prove(self, certificate_id: str) -> None:
        """Publish the proof and have it looked for."""
        for name in (await self.row(certificate_id)).names:
            self.validator.prove(name.removeprefix("*."))
        await self.look_now(certificate_id)

    async def look_now(self, certificate_id: str) -> None:
        """Have the proof looked for, unless a look that came by itself has found it just before."""
        with contextlib.suppress(NotAllowedNow):
            await self.ask(certificate_id, c.CheckNow)

    async def issued(self, of: Product | None = None, *, key_type: KeyType = KeyType.ECDSA_P256) -> str:
        """Take a new certificate as far as issued."""
        certificate_id = await self.buy(of)
        name = f"{certificate_id.replace('_', '-')}.example.com"
        self.validator.prove(name)
        await self.apply(certificate_id, name, key_type=key_type)
        await self.reaches(certificate_id, CertificateStatus.ISSUED)
        return certificate_id

    async def file_organization(self, certificate_id: str) -> None:
        """Store the form as the API does, then apply with it."""
        application_id = f"appl_{certificate_id}"
        now = await self.now(certificate_id)
        async with self.storage.begin() as tx:
            await tx.drafts.put(
                Draft(id=application_id, certificate_id=certificate_id, created_at=now, organization=ORGANIZATION)
            )
        await self.ask(
            certificate_id,
            c.Apply,
            application_id=application_id,
            names=(f"{certificate_id.replace('_', '-')}.example.com",),
            validation=ValidationMethod.DNS_01,
            key_type=KeyType.ECDSA_P256,
        )

    async def uploaded(self, *, ends_in: timedelta) -> str:
        """Bring a certificate from elsewhere, as the API does once its pieces are stored."""
        certificate_id = f"cert_w{next(_ids)}"
        now = datetime.now(UTC)
        state = CertificateState(
            certificate_id=certificate_id,
            account_id=ACCOUNT,
            origin=Origin.UPLOADED,
            created_at=now,
            updated_at=now,
            status=CertificateStatus.ISSUED,
        )
        uploaded = Uploaded(at=now, names=("up.example.com",), issuance=leaf(at=now, ends=now + ends_in))
        await self.client.admit(state, uploaded)
        await self.until(certificate_id, lambda state: state.version >= 1)
        return certificate_id

    async def revoke(self, certificate_id: str) -> None:
        await self.ask(certificate_id, c.Revoke, reason=RevocationReason.SUPERSEDED)

    async def reaches(self, certificate_id: str, status: CertificateStatus) -> CertificateState:
        return await self.until(certificate_id, lambda state: state.status is status)

    async def until(
        self, certificate_id: str, holds: Callable[[CertificateState], bool], *, seconds: float = 60
    ) -> CertificateState:
        """Wait for the row, and then for the workflow to know it too."""

        async def wait() -> CertificateState:
            while (state := await self.find(certificate_id)) is None or not holds(state):
                await asyncio.sleep(0.02)
            while not holds(await self.client.view(certificate_id)):
                await asyncio.sleep(0.02)
            return await self.row(certificate_id)

        return await asyncio.wait_for(wait(), seconds)

    async def forward(self, certificate_id: str, by: timedelta) -> None:
        """Let the certificate's own clock run on."""
        await self.env.fast_forward(self.handle(certificate_id), by)

    async def live_on(self, certificate_id: str, until: datetime) -> CertificateState:
        """Let time pass in strides, so that every new run has set its timers before the next one begins."""
        while (now := await self.now(certificate_id)) < until:
            await self.forward(certificate_id, min(timedelta(days=12), until - now + timedelta(seconds=1)))
            await self.until(certificate_id, lambda state: state.phase is Phase.IDLE)
            await self.client.view(certificate_id)
        return await self.row(certificate_id)

    async def agrees(self, certificate_id: str) -> bool:
        """Whether workflow and row know the same."""
        return await self.client.view(certificate_id) == await self.row(certificate_id)
