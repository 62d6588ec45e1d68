"""Takes away what was published in DNS and is not wanted any more: by value, with growing pauses, until it is gone."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from activities.zone import ZoneWriters
from certloom.dns.interface import DnsBusy, DnsProvider
from certloom.domain.errors import CertloomError, Outage
from certloom.storage.interface import Storage
from certloom.storage.records import PublishedRecord

AT_ONCE: Final = 10
"""Zones at the same time, and of each as many records: those share two transactions."""

BATCH: Final = 200
FIRST_PAUSE: Final = timedelta(seconds=5)
LONGEST_PAUSE: Final = timedelta(hours=1)
UNDER_WAY: Final = timedelta(minutes=1)
"""How long after its release a record may still appear: a call goes on when its caller is gone."""

FORGOTTEN: Final = timedelta(days=30)
"""Longer than any order or proof takes: what is wanted since then was written down by a look that came too late."""

logger = logging.getLogger(__name__)

_Opened = DnsProvider | str | None
"""Who writes into a zone; or why nobody can now; or None, because it is not ours any more."""


class _Try(NamedTuple):
    """What became of one record. `why` says that it is not to be closed yet, `away` that its server does not answer.

    `kept` is one that stays on purpose: another certificate has the same value there.
    """

    record: PublishedRecord
    why: str | None = None
    away: bool = False
    kept: bool = False


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
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(how: str, records: Sequence[PublishedRecord]) -> int:
            async with gate:
                return await self._take_away(how, records)

        done = sum(await asyncio.gather(*(one(how, records) for how, records in _by_zone(due).items())))
        failed = len(due) - done
        return f"took away {done} DNS records" + (f", {failed} later" if failed else "") if due else ""

    async def _take_away(self, how: str, records: Sequence[PublishedRecord]) -> int:
        """Take away one zone's and return how many went; once it was found away in this very sweep, the rest waits."""
        zone, done = await self._open(how), 0
        for start in range(0, len(records), AT_ONCE):
            tries = await self._try(zone, records[start : start + AT_ONCE])
            await self._write_down(tries)
            done += sum(one.why is None for one in tries)
            zone = next((one.why for one in tries if one.away), zone)
        return done

    async def _open(self, how: str) -> _Opened:
        try:
            async with self._storage.read() as tx:
                return await self._writers.open(tx, how)
        except Outage:
            raise
        except CertloomError as error:
            return error.detail
        except Exception as error:  # one tenant's odd zone must not keep all others' records where they are
            logger.exception("an error that nobody planned for at the zone %s", how)
            return _unplanned(error)

    async def _try(self, zone: _Opened, records: Sequence[PublishedRecord]) -> Sequence[_Try]:
        """Remove the values, unless another certificate wants the same one to stand there."""
        async with self._storage.read() as tx:
            wanted = await tx.published.wanted([record.key for record in records])

        elsewhere = {(place, value) for _, place, value in wanted}

        async def one(record: PublishedRecord) -> _Try:
            if record.key in wanted:
                return _Try(record, kept=True)
            if (record.place, record.value) in elsewhere:
                return _Try(record, "another account's proof may be the very same record; it is left for now")
            return self._settled(await _clean_up(zone, record))

        return await asyncio.gather(*(one(record) for record in records))

    def _settled(self, tried: _Try) -> _Try:
        """Look again at what was never seen to stand there: whoever was writing it may not have come to an end."""
        since = tried.record.unwanted_since
        young = since is not None and self._clock() - since < UNDER_WAY
        if tried.why is None and tried.record.presented_at is None and young:
            return tried._replace(why="it may be written at this moment; it is looked for once more")
        return tried

    async def _write_down(self, tries: Sequence[_Try]) -> None:
        """Close what is gone, postpone what is not; a process that dies before cleans up again."""
        async with self._storage.begin() as tx:
            gone = [one for one in tries if one.why is None]
            await tx.published.close(*(one.record for one in gone if not one.kept))
            await tx.published.close(*(one.record for one in gone if one.kept), taken_away=False)
            for record, why, *_ in tries:
                if why is not None:
                    pause = min(FIRST_PAUSE * 2 ** min(record.tries, 20), LONGEST_PAUSE)
                    logger.warning("the record at %s is still there: %s", record.place, why)
                    await tx.published.postpone(record, until=self._clock() + pause, error=why)


def _by_zone(records: Sequence[PublishedRecord]) -> Mapping[str, Sequence[PublishedRecord]]:
    found: dict[str, list[PublishedRecord]] = {}
    for record in records:
        found.setdefault(record.how, []).append(record)
    return found


async def _clean_up(zone: _Opened, record: PublishedRecord) -> _Try:
    if zone is None:
        logger.warning("the record at %s stays: the zone %s is not ours any more", record.place, record.how)
        return _Try(record)
    if isinstance(zone, str):
        return _Try(record, zone)
    try:
        await zone.clean_up(record.place, record.value)
    except CertloomError as error:
        return _Try(record, error.detail, away=isinstance(error, Outage) and not isinstance(error, DnsBusy))
    except Exception as error:  # nor must one odd record keep those beside it
        logger.exception("an error that nobody planned for at %s", record.place)
        return _Try(record, _unplanned(error))
    return _Try(record)


def _unplanned(error: Exception) -> str:
    return f"an error that nobody planned for: {type(error).__name__}"
