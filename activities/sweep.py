"""Takes away what was published in DNS and is not wanted any more: by value, with growing pauses, until it is gone."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from activities.zone import ZoneWriters
from certloom.dns.interface import DnsProvider
from certloom.domain.errors import CertloomError, Outage
from certloom.storage.interface import Storage
from certloom.storage.records import PublishedRecord

AT_ONCE: Final = 10
BATCH: Final = 200
FIRST_PAUSE: Final = timedelta(seconds=5)
LONGEST_PAUSE: Final = timedelta(hours=1)

logger = logging.getLogger(__name__)


class Sweep:
    """Several processes may sweep at once: taking away twice does no harm. `clock` tells the time in UTC."""

    def __init__(self, *, storage: Storage, writers: ZoneWriters, clock: Callable[[], datetime]) -> None:
        self._storage = storage
        self._writers = writers
        self._clock = clock

    async def __call__(self) -> str:
        """Take away what is due; return a line for the log, or nothing. Raises Outage when the database is away."""
        async with self._storage.read() as tx:
            due = await tx.published.due(self._clock(), limit=BATCH)
        gate, down = asyncio.Semaphore(AT_ONCE), dict[str, Outage]()

        async def one(record: PublishedRecord) -> bool:
            async with gate:
                return await self._take_away(record, down)

        done = sum(await asyncio.gather(*(one(record) for record in due)))
        failed = len(due) - done
        return f"took away {done} DNS records" + (f", {failed} later" if failed else "") if due else ""

    async def _take_away(self, record: PublishedRecord, down: dict[str, Outage]) -> bool:
        """Try it, unless its zone was found away in this very sweep: one that is away must not hold up all others."""
        if record.how in down:
            await self._postpone(record, down[record.how].detail)
            return False
        try:
            await self._clean_up(record)
        except CertloomError as error:
            if isinstance(error, Outage):
                down[record.how] = error
            await self._postpone(record, error.detail)
            return False
        except Exception as error:  # one tenant's odd zone must not keep all others' records where they are
            logger.exception("an error that nobody planned for at %s", record.place)
            await self._postpone(record, f"an error that nobody planned for: {type(error).__name__}")
            return False
        async with self._storage.begin() as tx:
            await tx.published.close(record)
        return True

    async def _postpone(self, record: PublishedRecord, why: str) -> None:
        pause = min(FIRST_PAUSE * 2 ** min(record.tries, 20), LONGEST_PAUSE)
        logger.warning("the record at %s is still there: %s", record.place, why)
        async with self._storage.begin() as tx:
            await tx.published.postpone(record, until=self._clock() + pause, error=why)

    async def _clean_up(self, record: PublishedRecord) -> None:
        """Remove the value, unless another certificate wants the same one to stand there."""
        async with self._storage.read() as tx:
            if await tx.published.wanted(record.key):
                return
            provider: DnsProvider | None = await self._writers.open(tx, record.how)
        if provider is None:
            logger.warning("the record at %s stays: the zone %s is not ours any more", record.place, record.how)
            return
        await provider.clean_up(record.place, record.value)
