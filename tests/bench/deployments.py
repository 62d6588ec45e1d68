"""Deployments in flight: from command to proof, renewals that deploy by themselves, and the bare loop beside them."""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from certloom.domain import command as c
from certloom.domain.deployment import DeploymentState
from certloom.domain.errors import Outage
from certloom.targets.allowed import read_allowed
from tests.bench import lanes
from tests.bench.bare_loop import BareLoop
from tests.bench.edges import HOST, Edge, Edges
from tests.bench.figures import Batch, Deployed
from tests.bench.ground import Ground
from tests.bench.histories import histories, share
from tests.bench.orders import Orders
from tests.bench.watching import ENDED, RENEWED, Watch, watching
from tests.targets.pairs import pair
from workflows.client import CertificateClient
from workflows.names import deployment_workflow_id, workflow_id

ALONE: Final = 5  # certificates that warm everything up first, and are renewed one after the other later
SETTLES_WITHIN: Final = 60.0  # seconds, until the certificates' workflows have recorded all ends
NEWS_EVERY: Final = 0.05  # seconds

Tell = Callable[[str], None]
_numbers = itertools.count(1)


class Deployments:
    """Deploys certificates to the slots of one server, each to its own."""

    def __init__(self, ground: Ground, edge: Edge, *, bare: BareLoop, ended: Watch, renewed: Watch) -> None:
        self._ground = ground
        self._edge = edge
        self._bare = bare
        self._ended = ended
        self._renewed = renewed
        self._client = CertificateClient(ground.client, answer_within=timedelta(seconds=lanes.PATIENCE))
        self._certificates: dict[str, str] = {}  # id by name
        self._deployments: dict[str, str] = {}  # the first one's id by name

    async def prepare(self, orders: Orders, *, in_flight: int) -> None:
        """Describe the slots, and have a certificate for each."""
        async with self._ground.storage.begin() as tx:
            for target in self._edge.targets.values():
                await tx.targets.add(target)
        names = iter(self._edge.names)

        async def order() -> None:
            name = next(names)
            self._certificates[name] = await orders.certificate(name)

        await orders.run(Batch(), order, total=len(self._edge.names), in_flight=in_flight)

    async def deploy(self, batch: Batch, names: Sequence[str], *, in_flight: int) -> None:
        """Deploy those names' certificates, and wait until their workflows have recorded it."""
        waiting = iter(names)

        async def order() -> None:
            await self._deploy(next(waiting))

        async def settled() -> None:
            await self._settled(names)

        await lanes.run(self._ground.service, batch, order, total=len(names), in_flight=in_flight, settled=settled)

    async def renew(self, names: Sequence[str], *, at_once: bool) -> list[float]:
        """Renew; return the seconds from issued to proven of each."""
        lot = asyncio.Semaphore(len(names) if at_once else 1)

        async def one(name: str) -> float:
            async with lot:
                return await self._renew(name)

        return list(await asyncio.gather(*(one(name) for name in names)))

    async def loop(self, batch: Batch, names: Sequence[str], *, in_flight: int) -> None:
        """Let the bare loop do the same with pairs made beforehand."""
        number = next(_numbers)
        pairs = [(self._edge.targets[name], pair(name, number)) for name in names]
        waiting = iter(pairs)

        async def order() -> None:
            await self._bare.deploy(*next(waiting))

        await lanes.run(self._ground.service, batch, order, total=len(pairs), in_flight=in_flight)

    async def count(self, deployed: Deployed, names: Sequence[str], *, in_flight: int) -> None:
        """Deploy so that everything is measured, histories too."""
        parents = [workflow_id(self._certificates[name]) for name in names]
        earlier = await histories(self._ground.client, parents)
        await self.deploy(deployed.ours, names, in_flight=in_flight)
        later = await histories(self._ground.client, parents)
        children = [deployment_workflow_id(self._deployments[name]) for name in names]
        deployed.parents = [after.since(before) for before, after in zip(earlier, later, strict=True)]
        deployed.own = await histories(self._ground.client, children)
        deployed.own_share = await share(self._ground.client, children[0])
        deployed.parent_share = await share(self._ground.client, parents[0], after=earlier[0].events)

    async def _deploy(self, name: str) -> None:
        deployment_id = self._deployments[name] = f"dep_bench{next(_numbers)}"
        item = c.DeployItem(deployment_id=deployment_id, target_id=self._edge.targets[name].id, host=HOST)
        command = c.Deploy(request_id=f"deploy-{deployment_id}", items=(item,), **_who())
        await self._client.send(self._certificates[name], command)
        _require_deployed(name, await self._ended.wait(deployment_id))

    async def _renew(self, name: str) -> float:
        certificate_id = self._certificates[name]
        command = c.Renew(request_id=f"renew-{certificate_id}", **_who())
        await self._client.send(certificate_id, command)
        async with asyncio.timeout(lanes.PATIENCE):
            _require_deployed(name, await self._renewed.wait(certificate_id))
        async with self._ground.storage.read() as tx:
            found = await tx.issuances.get(certificate_id, 2)
            page = await tx.deployments.of_certificate(certificate_id, limit=1)
        if found is None or page.items[0].ended_at is None:
            raise LookupError(f"{certificate_id} was renewed, and is not there")
        return (page.items[0].ended_at - found.issuance.issued_at) / timedelta(seconds=1)

    async def _settled(self, names: Sequence[str]) -> None:
        left = {self._certificates[name] for name in names}
        async with asyncio.timeout(SETTLES_WITHIN):
            while left:
                await asyncio.sleep(NEWS_EVERY)
                async with self._ground.storage.read() as tx:
                    states = [await tx.certificates.get(one) for one in left]
                left = {state.certificate_id for state in states if state and state.deploying}


def _who() -> dict[str, Any]:
    return {"actor": "bench", "requested_at": datetime.now(UTC)}


def _require_deployed(name: str, state: str) -> None:
    if state != DeploymentState.DEPLOYED:
        raise Outage(f"The deployment of {name} ended as {state}.")


async def measure(
    ground: Ground, orders: Orders, edges: Edges, edge: Edge, *, in_flight: int, workers: int, tell: Tell
) -> Deployed:
    """Measure everything with one server: the bare loop before and after, so that a slow minute hits both."""
    ground.service.server = edge.pid
    bare = BareLoop(ground.settings, read_allowed(edges.targets_file))
    deployed = Deployed(edge.kind, in_flight=in_flight, workers=workers)
    quiet, names = edge.names[:ALONE], edge.names[ALONE:]
    half = len(names) // 2
    async with watching(ground.database, ENDED) as ended, watching(ground.database, RENEWED) as renewed:
        doing = Deployments(ground, edge, bare=bare, ended=ended, renewed=renewed)
        tell(f"{len(edge.names)} certificates are issued for {edge.kind}")
        await doing.prepare(orders, in_flight=in_flight)
        tell(f"{half} installed by a bare loop, {len(names)} deployed, {in_flight} in flight")
        await doing.deploy(Batch(), quiet, in_flight=ALONE)
        await doing.loop(deployed.bare, names[:half], in_flight=in_flight)
        await doing.count(deployed, names, in_flight=in_flight)
        tell(
            f"{len(names[:in_flight])} renewed at once, {ALONE} one after the other, {len(names) - half} by a bare loop"
        )
        deployed.renewed = await doing.renew(names[:in_flight], at_once=True)
        deployed.renewed_alone = await doing.renew(quiet, at_once=False)
        await doing.loop(deployed.bare, names[half:], in_flight=in_flight)
        await doing.loop(deployed.bare_alone, quiet, in_flight=1)
    return deployed
