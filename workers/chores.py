"""Doing small things over and over: each on its own, so that one that fails or is slow holds up no other."""

import asyncio
import contextlib
import logging
import random
import signal
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple

from certloom.domain.errors import Outage

JITTER: Final = 0.1  # of the pause, so that replicas do not march in step

logger = logging.getLogger(__name__)


class Chore(NamedTuple):
    """What to do every so many seconds; `do` returns what is worth a line in the log, or nothing."""

    name: str
    every: float
    do: Callable[[], Awaitable[str]]


async def keep_doing(chores: Sequence[Chore], *, once: bool = False) -> None:
    """Do each chore at once and then again after its pause, until SIGTERM or SIGINT.

    With `once` each is done one time, and what it raises is raised here; otherwise it is logged and tried again.
    """
    if once:
        for chore in chores:
            _tell(chore, await chore.do())
        return
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await asyncio.gather(*(_repeat(chore, stop) for chore in chores))


async def _repeat(chore: Chore, stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            _tell(chore, await chore.do())
        except Outage as outage:
            logger.warning("%s: %s", chore.name, outage.detail)
        except Exception:
            logger.exception("%s failed", chore.name)
        pause = chore.every * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - no secret
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause)


def _tell(chore: Chore, line: str) -> None:
    if line:
        logger.info("%s: %s", chore.name, line)
