"""The worker: runs the certificates' workflows and every activity; as many processes as are wanted.

Nothing in a process is state: kill it at any moment and another goes on.
"""

from datetime import timedelta
from typing import Final

from temporalio.client import Client
from temporalio.worker import Worker

from certloom.process import leave
from certloom.settings import Settings
from certloom.storage.interface import Storage
from workers.heartbeat import Failures, Heartbeats
from workers.sandbox import runner
from workers.steps import steps
from workers.working import run
from workflows.certificate import CertificateWorkflow
from workflows.deployment import DeploymentWorkflow
from workflows.names import QUEUE
from workflows.target import TargetCheckWorkflow
from workflows.watch import EndpointWatchWorkflow

GRACE: Final = timedelta(seconds=10)  # for running activities; each is one short exchange

WORKFLOWS: Final = (CertificateWorkflow, DeploymentWorkflow, EndpointWatchWorkflow, TargetCheckWorkflow)


def build_worker(client: Client, settings: Settings, storage: Storage) -> Worker:
    """Return a worker that is not running yet; raises BadSetting and KeyringInvalid."""
    beat = timedelta(seconds=settings.heartbeat_interval)
    return Worker(
        client,
        task_queue=QUEUE,
        workflows=WORKFLOWS,
        activities=steps(settings, storage),
        workflow_runner=runner(),
        interceptors=[Heartbeats(beat), Failures()],
        graceful_shutdown_timeout=GRACE,
        max_cached_workflows=settings.cached_workflows,
        # Otherwise the SDK holds beats back for 80 % of the timeout, and one late beat looks like a dead worker.
        max_heartbeat_throttle_interval=beat,
    )


if __name__ == "__main__":
    leave(run("certloom worker", build_worker))
