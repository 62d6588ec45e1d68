"""Orders in flight: certificates from purchase to issued through CertificateClient, and the yardstick beside them."""

import asyncio
import itertools
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from temporalio.client import WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy

from certloom import wiring
from certloom.domain import command as c
from certloom.domain.application import ValidationMethod
from certloom.domain.certificate import CertificateStatus, Origin
from certloom.domain.errors import Outage
from certloom.domain.key import KeyType
from certloom.domain.money import Money
from certloom.domain.state import CertificateState
from certloom.payments.interface import PaymentRequest
from tests.bench.figures import Batch, Shape
from tests.bench.ground import Ground
from workflows.client import CertificateClient
from workflows.names import QUEUE

PRODUCT: Final = "dv-single"
LOOK_EVERY: Final = 0.005  # seconds; the error of every latency
PATIENCE: Final = 120.0  # seconds for one order

Order = Callable[[], Awaitable[object]]
_numbers = itertools.count(1)


class Issued:
    """Sees in the database which orders are issued; one short query for all of them, so that looking costs little."""

    def __init__(self, database: Path) -> None:
        self._database = sqlite3.connect(f"file:{database}?mode=ro", uri=True, isolation_level=None)
        self._waiting: dict[str, asyncio.Event] = {}

    async def wait(self, certificate_id: str) -> None:
        self._waiting[certificate_id] = asyncio.Event()
        await self._waiting[certificate_id].wait()

    async def watch(self) -> None:
        while True:
            marks = ",".join("?" * len(self._waiting))
            query = f"SELECT id FROM certificates WHERE status = ? AND id IN ({marks})"
            for (found,) in self._database.execute(query, (CertificateStatus.ISSUED, *self._waiting)).fetchall():
                self._waiting.pop(found).set()
            await asyncio.sleep(LOOK_EVERY)


class Orders:
    """Places orders; `placed` are the certificates' ids so far, `bare_ids` the yardsticks' workflow ids."""

    def __init__(self, ground: Ground, issued: Issued) -> None:
        self._ground = ground
        self._issued = issued
        self._client = CertificateClient(ground.client, answer_within=timedelta(seconds=PATIENCE))
        self._product = wiring.catalogue(ground.settings).find(PRODUCT)
        self.placed: list[str] = []
        self.bare_ids: list[str] = []

    async def certificate(self) -> None:
        """Buy, apply, and wait until it is issued."""
        number = next(_numbers)
        certificate_id, now = f"cert_bench{number}", datetime.now(UTC)
        state = CertificateState(
            certificate_id=certificate_id,
            account_id=self._ground.seed.account_id,
            origin=Origin.PURCHASED,
            created_at=now,
            updated_at=now,
            product=self._product,
        )
        who: dict[str, Any] = {"actor": "bench", "requested_at": now}
        await self._client.buy(state, c.Pay(request_id=f"pay-{number}", method="balance", **who))
        form = c.Apply(
            request_id=f"apply-{number}",
            application_id=f"appl_bench{number}",
            names=(f"bench{number}.example.com",),
            validation=ValidationMethod.DNS_01,
            key_type=KeyType.ECDSA_P256,
            **who,
        )
        await self._client.send(certificate_id, form)
        await self._issued.wait(certificate_id)
        self.placed.append(certificate_id)

    def bare(self, shape: Shape) -> Order:
        """Return an order of the yardstick: as many calls, updates, activities and timers' years, and nothing else."""

        async def order() -> None:
            name = f"bare-{next(_numbers)}"
            start: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
                "BareWorkflow",
                id=name,
                task_queue=QUEUE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            )
            client = self._ground.client
            await client.execute_update_with_start_workflow(
                "work", shape.before_paid, start_workflow_operation=start, result_type=int
            )
            await client.get_workflow_handle(name).execute_update("work", shape.after_paid, result_type=int)
            self.bare_ids.append(name)

        return order

    async def run(self, batch: Batch, order: Order, *, total: int, in_flight: int) -> None:
        """Place *total* orders, never more than *in_flight* at once, and add them to the batch."""
        tickets = iter(range(total))
        latencies: list[float] = []

        async def lane() -> None:
            for _ in tickets:
                began = time.perf_counter()
                await _patiently(order)
                latencies.append(time.perf_counter() - began)

        cpu, began = self._ground.service.cpu(), time.perf_counter()
        await asyncio.gather(*(lane() for _ in range(in_flight)))
        wall, after = time.perf_counter() - began, self._ground.service.cpu()
        batch.add(latencies, wall=wall, cpu={name: after[name] - cpu[name] for name in after})


async def _patiently(order: Order) -> None:
    try:
        await asyncio.wait_for(order(), PATIENCE)
    except TimeoutError:
        raise Outage(f"One order took more than {PATIENCE:.0f} s; ask for fewer in flight.") from None


@asynccontextmanager
async def orders(ground: Ground, *, total: int) -> AsyncIterator[Orders]:
    """Fill the account for *total* orders, and look at the database while they run."""
    issued = Issued(ground.database)
    placing = Orders(ground, issued)
    await _fill(ground, placing, total)
    watching = asyncio.create_task(issued.watch())
    try:
        yield placing
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def _fill(ground: Ground, placing: Orders, total: int) -> None:
    if placing._product is None:
        raise LookupError(f"{PRODUCT} is not in the catalogue")
    price = placing._product.price
    deposit = PaymentRequest(
        key="bench/deposit",
        account_id=ground.seed.account_id,
        amount=Money(amount=price.amount * total, currency=price.currency),
        reference="bench",
    )
    await wiring.balances(ground.storage).deposit(deposit, now=datetime.now(UTC))
