"""Orders in flight: certificates from purchase to issued through CertificateClient, and the yardstick beside them."""

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from temporalio.client import WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy

from certloom import wiring
from certloom.domain import command as c
from certloom.domain.application import ValidationMethod
from certloom.domain.certificate import Origin
from certloom.domain.key import KeyType
from certloom.domain.money import Money
from certloom.domain.state import CertificateState
from certloom.payments.interface import PaymentRequest
from tests.bench import lanes
from tests.bench.figures import Batch, Shape
from tests.bench.ground import Ground
from tests.bench.lanes import PATIENCE, Order
from tests.bench.watching import ISSUED, Watch, watching
from workflows.client import CertificateClient
from workflows.names import QUEUE

PRODUCT: Final = "dv-single"

_numbers = itertools.count(1)


class Orders:
    """Places orders; `placed` are the certificates' ids so far, `bare_ids` the yardsticks' workflow ids."""

    def __init__(self, ground: Ground, issued: Watch, *, product: str, domain: str) -> None:
        self._ground = ground
        self._domain = domain
        self._issued = issued
        self._client = CertificateClient(ground.client, answer_within=timedelta(seconds=PATIENCE))
        self._product = wiring.catalogue(ground.settings).find(product)
        self.placed: list[str] = []
        self.bare_ids: list[str] = []

    async def certificate(self, name: str | None = None) -> str:
        """Buy, apply, and wait until it is issued; return the certificate's id."""
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
            names=(name or f"bench{number}.{self._domain}",),
            validation=ValidationMethod.DNS_01,
            key_type=KeyType.ECDSA_P256,
            **who,
        )
        await self._client.send(certificate_id, form)
        await self._issued.wait(certificate_id)
        self.placed.append(certificate_id)
        return certificate_id

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
        await lanes.run(self._ground.service, batch, order, total=total, in_flight=in_flight)


@asynccontextmanager
async def orders(
    ground: Ground, *, total: int, product: str = PRODUCT, domain: str = "example.com"
) -> AsyncIterator[Orders]:
    """Fill the account for *total* orders, and look at the database while they run."""
    async with watching(ground.database, ISSUED) as issued:
        placing = Orders(ground, issued, product=product, domain=domain)
        await _fill(ground, placing, total)
        yield placing


async def _fill(ground: Ground, placing: Orders, total: int) -> None:
    if placing._product is None:
        raise LookupError("the product is not in the catalogue")
    price = placing._product.price
    deposit = PaymentRequest(
        key="bench/deposit",
        account_id=ground.seed.account_id,
        amount=Money(amount=price.amount * total, currency=price.currency),
        reference="bench",
    )
    await wiring.balances(ground.storage).deposit(deposit, now=datetime.now(UTC))
