"""The whole service, as its customer and its operator deploy with it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.stack import JSON, Customer, Stack, stack


class Service:
    """The running service with its customer and its operator."""

    def __init__(self, running: Stack, customer: Customer, operator: Customer, account_id: str) -> None:
        self.running = running
        self.customer = customer
        self.operator = operator
        self.account_id = account_id

    async def target(self, form: JSON) -> str:
        answer = await self.operator.call("POST", "/v1/targets", form, key=f"target-{form['name']}".replace(" ", "-"))
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def deploy(self, certificate_id: str, *targets: str) -> list[str]:
        path = f"/v1/certificates/{certificate_id}/deployments"
        answer = await self.customer.call("POST", path, {"targets": list(targets)}, key=f"deploy-{'-'.join(targets)}")
        assert answer.status_code == 202, answer.text
        return [item["id"] for item in answer.json()["items"]]

    async def ended(self, deployment_id: str) -> JSON:
        async with asyncio.timeout(150):
            while True:
                view: JSON = (await self.customer.call("GET", f"/v1/deployments/{deployment_id}")).json()
                if view["ended_at"]:
                    return view
                await asyncio.sleep(0.2)

    async def proven(self, certificate_id: str, number: int, count: int) -> JSON:
        """Wait until an issuance is proven at so many targets."""

        def holds(view: JSON) -> bool:
            return [one["proven"] for one in view["placements"]] == [number] * count

        return await self.customer.until(certificate_id, holds)


@asynccontextmanager
async def service(folder: Path, **settings: Any) -> AsyncIterator[Service]:
    async with stack(folder, **settings) as (running, seed, api), httpx.AsyncClient(base_url=api, timeout=30) as http:
        customer, operator = Customer(http, seed.customer_api_key), Customer(http, seed.operator_api_key)
        yield Service(running, customer, operator, seed.account_id)
