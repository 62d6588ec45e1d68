"""Temporal is killed between an activity's transaction and its completion, at every step that moves something."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Worker

from certloom import wiring
from certloom.settings import read_settings
from certloom.storage.interface import Storage
from tests.e2e.stack import Customer, Stack, stack
from tests.e2e.test_chaos import agrees
from tests.workflows.trouble import Wrapped
from workers.heartbeat import Failures
from workers.sandbox import runner
from workers.steps import steps
from workers.temporal import connect
from workflows.certificate import CertificateWorkflow
from workflows.client import CertificateClient
from workflows.names import QUEUE

MOVING = {"charge", "prepare", "issue", "calculate_refund", "revoke", "refund"}


class Outages:
    """Kills Temporal after the first run of each step that moves something, and starts it again a moment later."""

    def __init__(self, running: Stack) -> None:
        self.stopped: set[str] = set()
        self._running = running
        self._starting: list[asyncio.Task[None]] = []

    async def around(self, inner: ActivityInboundInterceptor, given: ExecuteActivityInput) -> Any:
        answer = await inner.execute_activity(given)
        name = activity.info().activity_type
        if name in MOVING - self.stopped:
            self.stopped.add(name)
            await self._running.kill("temporal")
            self._starting.append(asyncio.create_task(self._running.again("temporal")))
        return answer


async def worker(
    running: Stack, patch: pytest.MonkeyPatch, outages: Outages
) -> tuple[Worker, CertificateClient, Storage]:
    """Build the product's worker in this process, with outages around its activities."""
    for name, value in running._env_of("worker").items():
        if name.startswith("CERTLOOM_"):
            patch.setenv(name, value)
    settings = read_settings()
    storage = wiring.storage(settings)
    client = await connect(settings)
    troubled = Worker(
        client,
        task_queue=QUEUE,
        workflows=[CertificateWorkflow],
        activities=steps(settings, storage),
        workflow_runner=runner(),
        interceptors=[Wrapped(outages.around), Failures()],
    )
    return troubled, CertificateClient(client), storage


@pytest.mark.timeout(300)
async def test_every_effect_happens_once_though_its_answer_met_no_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each kill the certificate goes on, with one charge, one order, one issuance, one refund."""
    async with stack(tmp_path / "home") as (running, seed, api), httpx.AsyncClient(base_url=api, timeout=30) as http:
        await running.kill("worker")
        outages = Outages(running)
        troubled, client, storage = await worker(running, monkeypatch, outages)
        customer = Customer(http, seed.customer_api_key)
        async with troubled:
            certificate_id = await life(customer)
            async with storage.read() as tx:
                state = await tx.certificates.get(certificate_id)
                records = await tx.issuances.list(certificate_id)
                charge = await tx.ledger.find(f"{certificate_id}/charge")
                refund = await tx.ledger.find(f"{certificate_id}/refund")
                audit = await tx.ledger.audit()
            assert state is not None
            await agrees(client, state)
        await storage.close()

    assert outages.stopped == MOVING
    assert charge is not None
    assert refund is not None
    assert set(audit.values()) == {0}
    assert [record.issuance.number for record in records] == [1]


async def life(customer: Customer) -> str:
    bought = await customer.call(
        "POST", "/v1/certificates", {"product": "dv-single", "payment": {"method": "balance"}}, key="buy"
    )
    certificate_id: str = bought.json()["id"]
    await customer.until(certificate_id, lambda view: view["status"] == "paid")
    form = {"names": ["lost.shop.lab.test"], "validation": "dns-01", "key": {"type": "ecdsa-p256"}}
    await customer.call("POST", f"/v1/certificates/{certificate_id}/application", form, key="apply")
    await customer.until(certificate_id, lambda view: view["phase"] == "proving")
    await customer.call("POST", "/v1/lab/proofs", {"certificate_id": certificate_id})
    await customer.until(certificate_id, lambda view: view["status"] == "issued")
    reason = {"reason": "superseded"}
    await customer.call("POST", f"/v1/certificates/{certificate_id}/revocation", reason, key="revoke")
    await customer.until(certificate_id, lambda view: view["status"] == "revoked" and view["phase"] == "idle")
    return certificate_id
