"""Processes are killed at random moments through fifty lives; afterwards everything happened exactly once."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest
from temporalio.client import Client

from certloom.domain.state import CertificateState
from certloom.keys.keyring import read_key_file
from certloom.keys.payload import SealedPayloadCodec, make_data_converter
from certloom.storage.engine import SqlStorage
from tests.e2e.stack import JSON, Customer, Stack, stack
from workflows.client import CertificateClient

LIVES = 50
AT_ONCE = 25
PRODUCT = "dv-single"


async def live(customer: Customer, number: int) -> JSON:
    """Buy, apply, prove and receive; then revoke, revoke and delete, or keep."""
    bought = await customer.call(
        "POST", "/v1/certificates", {"product": PRODUCT, "payment": {"method": "balance"}}, key=f"buy-{number}"
    )
    assert bought.status_code in {201, 202}, bought.text
    certificate_id: str = bought.json()["id"]
    await customer.until(certificate_id, lambda view: view["status"] == "paid")
    form = {"names": [f"chaos{number}.lab.test"], "validation": "dns-01", "key": {"type": "ecdsa-p256"}}
    await customer.call("POST", f"/v1/certificates/{certificate_id}/application", form, key=f"apply-{number}")
    await customer.until(certificate_id, lambda view: view["phase"] != "preparing" and view["application"] is not None)
    await customer.call("POST", "/v1/lab/proofs", {"certificate_id": certificate_id})
    await customer.call("POST", f"/v1/certificates/{certificate_id}/application/check")
    await customer.until(certificate_id, lambda view: view["status"] == "issued")
    if number % 3:
        reason = {"reason": "superseded"}
        await customer.call("POST", f"/v1/certificates/{certificate_id}/revocation", reason, key=f"revoke-{number}")
        await customer.until(certificate_id, lambda view: view["status"] == "revoked" and view["phase"] == "idle")
    if number % 3 == 2:
        await customer.call("DELETE", f"/v1/certificates/{certificate_id}", key=f"delete-{number}")
        await customer.until(certificate_id, lambda view: view["status"] == "deleted")
    return await customer.view(certificate_id)


async def havoc(running: Stack, dice: random.Random, kills: Counter[str]) -> None:
    """Kill something every few seconds, mostly the worker, and start it again."""
    while True:
        await asyncio.sleep(dice.uniform(0.5, 4.0))
        name = dice.choices(("worker", "api", "temporal"), weights=(6, 2, 1))[0]
        await running.kill(name)
        kills[name] += 1
        await running.again(name)


async def lives(customer: Customer) -> Sequence[JSON]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> JSON:
        async with gate:
            return await live(customer, number)

    return await asyncio.gather(*(one(number) for number in range(LIVES)))


@pytest.mark.timeout(400)
async def test_every_certificate_goes_on_and_everything_happens_once(tmp_path: Path) -> None:
    """Through kills of worker, API and Temporal: one charge, issuance and refund each, and rows that agree."""
    dice = random.Random(20261123)
    kills: Counter[str] = Counter()
    async with stack(tmp_path / "home") as (running, seed, api), httpx.AsyncClient(base_url=api, timeout=30) as http:
        trouble = asyncio.create_task(havoc(running, dice, kills))
        try:
            views = await lives(Customer(http, seed.customer_api_key))
        finally:
            trouble.cancel()
            await asyncio.gather(trouble, return_exceptions=True)
        for name in ("temporal", "worker", "api"):
            await running.kill(name)
            await running.again(name)
        await check(tmp_path / "home", running, views)
    print(f"killed: {dict(kills)}")
    assert kills["worker"] > 0


async def check(home: Path, running: Stack, views: Sequence[JSON]) -> None:
    """Compare ledger, serials, statuses and workflows."""
    storage = SqlStorage(f"sqlite+aiosqlite:///{home}/certloom.db")
    converter = make_data_converter(SealedPayloadCodec(read_key_file(home / "keys" / "payload.key")))
    address = f"127.0.0.1:{running._ports['temporal']}"
    client = CertificateClient(await Client.connect(address, data_converter=converter))
    serials: list[str] = []
    async with storage.read() as tx:
        assert set((await tx.ledger.audit()).values()) <= {0}
        for view in views:
            charge = await tx.ledger.find(f"{view['id']}/charge")
            refund = await tx.ledger.find(f"{view['id']}/refund")
            records = await tx.issuances.list(view["id"])
            state = await tx.certificates.get(view["id"])
            assert charge is not None
            assert (refund is not None) == (view["revocation"] is not None)
            assert len(records) == 1
            serials.append(records[0].issuance.serial)
            assert state is not None
            await agrees(client, state)
    assert len(set(serials)) == LIVES
    await storage.close()


async def agrees(client: CertificateClient, state: CertificateState) -> None:
    """The workflow of what lives knows what the row says; the workflow of what was deleted is over."""
    if state.closed:
        assert not await client.running(state.certificate_id)
    else:
        assert await client.view(state.certificate_id) == state
