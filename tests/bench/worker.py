"""The worker of the bench: as workers/certificates.py, but every proof is found at once, and the yardstick is served.

python -m tests.bench.worker
"""

import asyncio
import signal
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.issuance import IssuanceActivities
from activities.proof import Proofs
from activities.verification import VerificationActivities
from certloom import wiring
from certloom.domain.application import Challenge
from certloom.process import run
from certloom.settings import Settings, read_settings
from certloom.storage.interface import Storage
from certloom.validation.interface import CaaVerdict, Look
from tests.bench.bare import BareWorkflow, nothing
from workers.heartbeat import Failures, Heartbeats
from workers.ready import say_ready
from workers.steps import steps, target_steps
from workers.temporal import connect
from workflows.certificate import CertificateWorkflow
from workflows.deployment import DeploymentWorkflow
from workflows.names import QUEUE


class ProvesAtOnce:
    """A validator with no network: what it is asked about is proven, and CAA permits it."""

    async def look(self, challenge: Challenge) -> Look:
        return Look(name=challenge.name, type=challenge.type, proven=True, seen="proven")

    async def check_caa(
        self, names: Sequence[str], *, method: str, identities: Sequence[str], account: str | None = None
    ) -> Sequence[CaaVerdict]:
        return [CaaVerdict(name=name, permitted=True) for name in names]


def activities(settings: Settings, storage: Storage) -> list[Callable[..., Any]]:
    """Return the worker's own activities, with those that look at the network exchanged."""
    validator = ProvesAtOnce()
    issuers = wiring.issuers(settings, storage)
    proofs = Proofs(storage=storage, validator=validator, issuers=issuers)
    seeing = VerificationActivities(proofs=proofs, check_interval=timedelta(seconds=5))
    issuing = IssuanceActivities(storage=storage, issuers=issuers, validator=validator)
    exchanged: list[Callable[..., Any]] = [seeing.look, issuing.issue]
    names = {one.__name__ for one in exchanged}
    kept = [step for step in steps(settings, storage) if step.__name__ not in names]
    return [*kept, *exchanged, *target_steps(settings, storage), nothing]


async def serve(settings: Settings) -> None:
    """Work until SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    storage = wiring.storage(settings)
    beat = timedelta(seconds=settings.heartbeat_interval)
    worker = Worker(
        await connect(settings),
        task_queue=QUEUE,
        workflows=[CertificateWorkflow, DeploymentWorkflow, BareWorkflow],
        activities=activities(settings, storage),
        workflow_runner=UnsandboxedWorkflowRunner(),
        interceptors=[Heartbeats(beat), Failures()],
        max_cached_workflows=settings.cached_workflows,
        max_heartbeat_throttle_interval=beat,
        graceful_shutdown_timeout=timedelta(seconds=5),
    )
    async with worker:
        say_ready()
        await stop.wait()
    await storage.close()


if __name__ == "__main__":
    run(serve(read_settings()))
