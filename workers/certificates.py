"""The worker: runs the certificates' workflows and every activity; as many processes as are wanted.

Nothing in a process is state: kill it at any moment and another goes on.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from certloom.process import leave
from certloom.settings import Settings
from certloom.storage.interface import Storage
from workers.heartbeat import Failures, Heartbeats
from workers.steps import GRACE, steps, target_steps, target_worker
from workers.working import run
from workflows.certificate import CertificateWorkflow
from workflows.deployment import DeploymentWorkflow
from workflows.names import QUEUE
from workflows.renewal import RenewalWatchWorkflow
from workflows.target import TargetCheckWorkflow
from workflows.watch import EndpointWatchWorkflow

WORKFLOWS: Final = (
    CertificateWorkflow,
    DeploymentWorkflow,
    EndpointWatchWorkflow,
    RenewalWatchWorkflow,
    TargetCheckWorkflow,
)


def build_workers(client: Client, settings: Settings, storage: Storage) -> Sequence[Worker]:
    """Return workers that are not running yet; raises BadSetting and KeyringInvalid."""
    beat = timedelta(seconds=settings.heartbeat_interval)
    targets = target_steps(settings, storage)
    certificates = Worker(
        client,
        task_queue=QUEUE,
        workflows=WORKFLOWS,
        activities=[*steps(settings, storage), *targets],  # of the latter, those that begin and end a deployment
        workflow_runner=UnsandboxedWorkflowRunner(),  # tests and replays run in the sandbox (workers/sandbox.py)
        interceptors=[Heartbeats(beat), Failures()],
        graceful_shutdown_timeout=GRACE,
        max_cached_workflows=settings.cached_workflows,
        # Otherwise the SDK holds beats back for 80 % of the timeout, and one late beat looks like a dead worker.
        max_heartbeat_throttle_interval=beat,
    )
    return [certificates, target_worker(client, settings, targets, host=None)]


if __name__ == "__main__":
    leave(run("certloom worker", build_workers))
