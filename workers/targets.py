"""The targets worker: drives HAProxy and nginx on the very machine it runs on, as that machine's targets file allows.

It works on the queue `targets-<host>` and runs no workflow; it needs neither the issuers' key nor the CA.
"""

from datetime import timedelta
from typing import Final

from temporalio.client import Client
from temporalio.worker import Worker

from certloom import wiring
from certloom.process import leave
from certloom.settings import Settings
from certloom.storage.interface import Storage
from workers.heartbeat import Failures, Heartbeats
from workers.steps import target_steps
from workers.working import run
from workflows.names import queue_of

GRACE: Final = timedelta(seconds=10)
AT_ONCE: Final = 50  # activities; changes of one place queue for each other anyway


def build_worker(client: Client, settings: Settings, storage: Storage) -> Worker:
    """Return a worker that is not running yet; raises BadSetting and KeyringInvalid."""
    beat = timedelta(seconds=settings.heartbeat_interval)
    return Worker(
        client,
        task_queue=queue_of(wiring.allowed_targets(settings).host),
        activities=target_steps(settings, storage, on_host=True),
        interceptors=[Heartbeats(beat), Failures()],
        graceful_shutdown_timeout=GRACE,
        max_concurrent_activities=AT_ONCE,
        max_heartbeat_throttle_interval=beat,
    )


if __name__ == "__main__":
    leave(run("certloom targets worker", build_worker))
