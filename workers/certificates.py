"""The worker: runs the certificates' workflows and every activity; as many processes as are wanted.

Nothing in a process is state: kill it at any moment and another goes on.
"""

import asyncio
import logging
import signal
import sys
from datetime import timedelta
from typing import Final

from temporalio.client import Client
from temporalio.worker import Worker

from certloom import wiring
from certloom.domain.errors import CertloomError
from certloom.logs import start_logging
from certloom.process import leave
from certloom.settings import Settings, read_settings
from certloom.storage.interface import Storage
from workers.heartbeat import Failures, Heartbeats
from workers.ready import say_ready
from workers.sandbox import runner
from workers.steps import steps
from workers.temporal import connect
from workflows.certificate import CertificateWorkflow
from workflows.names import QUEUE

GRACE: Final = timedelta(seconds=10)  # for running activities; each is one short exchange

logger = logging.getLogger(__name__)


def build_worker(client: Client, settings: Settings, storage: Storage) -> Worker:
    """Return a worker that is not running yet; raises BadSetting and KeyringInvalid."""
    beat = timedelta(seconds=settings.heartbeat_interval)
    return Worker(
        client,
        task_queue=QUEUE,
        workflows=[CertificateWorkflow],
        activities=steps(settings, storage),
        workflow_runner=runner(),
        interceptors=[Heartbeats(beat), Failures()],
        graceful_shutdown_timeout=GRACE,
        max_cached_workflows=settings.cached_workflows,
        # Otherwise the SDK holds beats back for 80 % of the timeout, and one late beat looks like a dead worker.
        max_heartbeat_throttle_interval=beat,
    )


async def serve(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT; raises CertloomError when it cannot start."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    storage = wiring.storage(settings)
    try:
        worker = build_worker(await connect(settings), settings, storage)
        async with worker:
            logger.info("works on the queue %s of %s", QUEUE, settings.temporal)
            say_ready()
            await stop.wait()
            logger.info("stops")
    finally:
        await storage.close()


def main() -> int:
    """Run the worker process; 1 with one sentence on stderr when it cannot start."""
    try:
        settings = read_settings()
        start_logging(settings)
        asyncio.run(serve(settings))
    except CertloomError as error:
        sys.stderr.write(f"certloom worker: {error.detail}\n")
        return 1
    return 0


if __name__ == "__main__":
    leave(main())
