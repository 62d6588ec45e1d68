"""Opens the slot that a deployment is about, and lets only one at a time change what must not be changed twice."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime, timedelta
from typing import Final
from weakref import WeakValueDictionary

from activities.material import Materials
from certloom.domain.errors import Outage
from certloom.domain.look import Look
from certloom.domain.target import Endpoint, Target
from certloom.storage.interface import Storage
from certloom.targets.interface import Exclusive, Prover, Targets
from certloom.targets.interface import Target as Opened

LEASE: Final = timedelta(seconds=15)  # a killed worker's ends by itself; a living one prolongs it
PROLONG: Final = 5.0  # s
TURN: Final = 5.0  # s in the queue of a place; then the attempt ends and comes again, so that others find room here
LOOKS_AT_ONCE: Final = 60  # endpoints per process, each of at most 16 connections at once
BUSY_PAUSE: Final = 0.5  # s, until a place that another worker is changing is tried again


class PlaceBusy(Outage):
    """The same place is being changed by somebody else; it is this one's turn soon."""

    code = "place_busy"


class Places:
    """Targets opened under a lease; one per worker process, because its tasks queue for a place here."""

    def __init__(self, *, storage: Storage, targets: Targets, prover: Prover, materials: Materials) -> None:
        self._storage = storage
        self._targets = targets
        self._prover = prover
        self._materials = materials
        self._queues: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._room = asyncio.Semaphore(LOOKS_AT_ONCE)
        self._holder = secrets.token_hex(8)  # this process: its tasks queue for each other

    @contextlib.asynccontextmanager
    async def changing(self, target: Target, *, now: datetime) -> AsyncIterator[Opened]:
        """Open a slot to change it. Raises Outage while another worker changes the same place.

        An attempt that Temporal gave up may still be at work in another task: whoever gets in reads the row again, and
        does nothing that is not wanted any more.
        """
        began = time.monotonic()
        async with self.opened(target) as opened:
            key = opened.exclusive_key if isinstance(opened, Exclusive) else f"target/{target.id}"
            queue = self._queues.setdefault(key, asyncio.Lock())
            async with _turn(queue), self._leased(key, lambda: now + timedelta(seconds=time.monotonic() - began)):
                yield opened

    @contextlib.asynccontextmanager
    async def opened(self, target: Target) -> AsyncIterator[Opened]:
        """Open a slot to look at it."""
        async with self._targets.open(target, await self._materials.credentials(target)) as opened:
            yield opened

    async def looks(self, endpoints: Sequence[Endpoint]) -> tuple[Look, ...]:
        """Ask every endpoint once, all at the same time as far as there is room."""
        found = await asyncio.gather(*(self.look(endpoint) for endpoint in endpoints))
        return tuple(look for looks in found for look in looks)

    async def look(self, endpoint: Endpoint) -> Sequence[Look]:
        """Ask one endpoint once."""
        async with self._room:
            return await self._prover.look(endpoint)

    @contextlib.asynccontextmanager
    async def _leased(self, key: str, moment: Callable[[], datetime]) -> AsyncIterator[None]:
        await self._take(key, moment())
        owner = asyncio.current_task()
        prolonging = asyncio.create_task(self._prolong(key, moment))
        lost = False

        def stop(ended: asyncio.Task[None]) -> None:
            nonlocal lost
            lost = not ended.cancelled()
            if lost and owner is not None:
                owner.cancel()

        prolonging.add_done_callback(stop)
        try:
            yield
        except asyncio.CancelledError:
            if not lost:
                raise
            raise PlaceBusy("The lease on the place was lost.", retry_after=BUSY_PAUSE) from None
        finally:
            prolonging.remove_done_callback(stop)
            prolonging.cancel()
            async with self._storage.begin() as tx:
                await tx.leases.release(key, self._holder)

    async def _prolong(self, key: str, moment: Callable[[], datetime]) -> None:
        """Hold on to the lease; returns when it is lost, or could not be prolonged before its end."""
        until = moment() + LEASE
        while moment() < until:
            await asyncio.sleep(PROLONG)
            try:
                asked = moment()
                await self._take(key, asked)
                until = asked + LEASE
            except PlaceBusy:
                return
            except Outage:
                continue  # the next one may reach the database again

    async def _take(self, key: str, moment: datetime) -> None:
        async with self._storage.begin() as tx:
            taken = await tx.leases.take(key, self._holder, now=moment, until=moment + LEASE)
        if not taken:
            raise PlaceBusy("Another worker is changing the same place.", retry_after=BUSY_PAUSE)


@contextlib.asynccontextmanager
async def _turn(queue: asyncio.Lock) -> AsyncIterator[None]:
    try:
        await asyncio.wait_for(queue.acquire(), TURN)
    except TimeoutError:
        raise PlaceBusy("Others are changing the same place.", retry_after=BUSY_PAUSE) from None
    try:
        yield
    finally:
        queue.release()
