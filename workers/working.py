"""How a worker's process lives: it connects, works until a signal, and ends with one sentence when it cannot start."""

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Callable, Sequence

from temporalio.client import Client
from temporalio.worker import Worker

from certloom import process, wiring
from certloom.domain.errors import CertloomError
from certloom.logs import start_logging
from certloom.process import calm_collector
from certloom.settings import Settings, read_settings
from certloom.storage.interface import Storage
from workers.ready import say_ready
from workers.temporal import connect

Build = Callable[[Client, Settings, Storage], Sequence[Worker]]

logger = logging.getLogger(__name__)


async def serve(settings: Settings, build: Build) -> None:
    """Work until SIGTERM or SIGINT; raises CertloomError when it cannot start."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    storage = wiring.storage(settings)
    try:
        async with contextlib.AsyncExitStack() as running:
            for worker in build(await connect(settings), settings, storage):
                await running.enter_async_context(worker)
                logger.info("works on the queue %s of %s", worker.task_queue, settings.temporal)
            calm_collector()
            say_ready()
            await stop.wait()
            logger.info("stops")
    finally:
        await storage.close()


def run(name: str, build: Build) -> int:
    """Run a worker's process; 1 with one sentence on stderr when it cannot start."""
    try:
        settings = read_settings()
        start_logging(settings)
        process.run(serve(settings, build))
    except CertloomError as error:
        sys.stderr.write(f"{name}: {error.detail}\n")
        return 1
    return 0
