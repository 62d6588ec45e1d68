"""The targets worker: drives HAProxy and nginx on the very machine it runs on, as that machine's targets file allows.

It works on the queue `targets-<host>` and runs no workflow; it needs neither the issuers' key nor the CA.
"""

from collections.abc import Sequence

from temporalio.client import Client
from temporalio.worker import Worker

from certloom import wiring
from certloom.process import leave
from certloom.settings import Settings
from certloom.storage.interface import Storage
from workers.steps import target_steps, target_worker
from workers.working import run


def build_workers(client: Client, settings: Settings, storage: Storage) -> Sequence[Worker]:
    """Return the one worker of this machine's targets; raises BadSetting and KeyringInvalid."""
    host = wiring.allowed_targets(settings).host
    return [target_worker(client, settings, target_steps(settings, storage, on_host=True), host=host)]


if __name__ == "__main__":
    leave(run("certloom targets worker", build_workers))
