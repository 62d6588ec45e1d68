"""Looks at what endpoints serve: for the watch that finds drift, and before a certificate is revoked or deleted."""

import asyncio
import random
from datetime import datetime, timedelta
from typing import Final

from temporalio import activity

from activities.place import Places
from activities.served import served
from activities.work import started_at
from certloom.domain.certificate import CertificateStatus
from certloom.domain.deployment import DriftProblem, DriftReport
from certloom.domain.issuance import Issuance
from certloom.domain.look import Look, Sight
from certloom.domain.model import Model
from certloom.storage.interface import Storage
from certloom.storage.records import Watched

AT_ONCE: Final = 20  # targets in parallel
BATCH: Final = 200  # targets per activity: 10 rounds of at most 10 s
JITTER: Final = 2.0  # s, over which a batch's looks are spread
SECOND_LOOK: Final = 3.0  # s until what seems wrong is looked at again: a reload may be under way
ASK_WITHIN: Final = 6.0  # s; who asks waits 8: one slow endpoint must not hide what the others serve
EXPIRING_LEFT: Final = 6  # a sixth of the lifetime; renewal begins at a third


class Hosts(Model):
    """Whose workers have targets to look at; None is any worker."""

    hosts: tuple[str | None, ...]


class Batch(Model):
    """Which targets: those of a host, by id after the last one seen."""

    host: str | None
    after: str | None = None


class Seen(Model):
    """What is wrong, and where the next batch begins; None at the end."""

    drifts: tuple[DriftReport, ...]
    looked_at: int
    after: str | None


class ServedQuestion(Model):
    """Asks whether these targets still serve any unexpired leaf of this certificate."""

    certificate_id: str
    target_ids: tuple[str, ...]


class ServedAnswer(Model):
    """One sentence per address that does."""

    found: tuple[str, ...]


class WatchActivities:
    """`jitter` and `second_look` are in seconds."""

    def __init__(
        self, *, storage: Storage, places: Places, jitter: float = JITTER, second_look: float = SECOND_LOOK
    ) -> None:
        self._storage = storage
        self._places = places
        self._jitter = jitter
        self._second_look = second_look

    @activity.defn(name="watched_hosts")
    async def hosts(self) -> Hosts:
        """Say whose workers have to look."""
        async with self._storage.read() as tx:
            return Hosts(hosts=tuple(await tx.targets.hosts()))

    @activity.defn(name="watch_endpoints")
    async def watch(self, batch: Batch) -> Seen:
        """Look at one batch of targets, and keep what was seen."""
        now = started_at()
        async with self._storage.read() as tx:
            found = await tx.targets.watched(host=batch.host, after=batch.after, limit=BATCH)
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(watched: Watched) -> DriftReport | None:
            async with gate:
                await asyncio.sleep(random.uniform(0, self._jitter) / len(found))  # noqa: S311 - no secret
                return await self._look(watched, now)

        drifts = await asyncio.gather(*(one(watched) for watched in found if watched.occupied_by is None))
        last = found[-1].target.id if len(found) == BATCH else None
        return Seen(drifts=tuple(drift for drift in drifts if drift), looked_at=len(found), after=last)

    @activity.defn(name="still_served")
    async def still_served(self, question: ServedQuestion) -> ServedAnswer:
        """Ask the endpoints of the certificate's targets; who does not answer does not count."""
        now = started_at()
        async with self._storage.read() as tx:
            records = [await tx.targets.get(target_id) for target_id in question.target_ids]
            leaves = [record.issuance for record in await tx.issuances.list(question.certificate_id)]
        ours = {leaf.fingerprint_sha256: f"serial {leaf.serial}" for leaf in leaves if leaf.not_after > now}
        endpoints = [one for record in records if record for one in record.target.endpoints]
        looking = [asyncio.ensure_future(self._places.look(endpoint)) for endpoint in endpoints]
        done, slow = await asyncio.wait(looking, timeout=ASK_WITHIN) if looking else (set(), set())
        for one in slow:
            one.cancel()
        looks = [look for one in looking if one in done for look in one.result()]
        return ServedAnswer(found=tuple(served(looks, ours)))

    async def _look(self, watched: Watched, now: datetime) -> DriftReport | None:
        async with self._storage.read() as tx:
            record = await tx.issuances.get(watched.certificate_id, watched.number)
            state = await tx.certificates.get(watched.certificate_id)
        if record is None or state is None or state.status is not CertificateStatus.ISSUED:
            return None
        looks = await self._places.looks(watched.target.endpoints)
        fault = _problem(looks, record.issuance, now)
        if fault is not None:
            await asyncio.sleep(self._second_look)
            looks = await self._places.looks(watched.target.endpoints)
            fault = _problem(looks, record.issuance, now)
        async with self._storage.begin() as tx:
            await tx.targets.saw(watched.target.id, looks, now)
        if fault is None:
            return None
        problem, detail = fault
        newest = state.issuance is None or state.issuance.number == watched.number
        if problem is DriftProblem.EXPIRING and newest:  # then renewing is the matter, and goes its own way
            return None
        return DriftReport(
            certificate_id=watched.certificate_id,
            target_id=watched.target.id,
            number=watched.number,
            problem=problem,
            detail=detail,
        )


def _problem(looks: tuple[Look, ...], leaf: Issuance, now: datetime) -> tuple[DriftProblem, str] | None:
    """Say what is worth waking the certificate for: an endpoint that nobody reaches is not, a deployment mends nothing.

    The worst comes first.
    """
    for look in looks:
        if look.sight is Sight.SERVED and look.fingerprint_sha256 != leaf.fingerprint_sha256:
            return DriftProblem.WRONG, f"{look.endpoint} serves serial {look.serial or 'unreadable'}."
    for look in looks:
        if look.sight is Sight.NO_CERTIFICATE:
            return DriftProblem.MISSING, f"{look.endpoint} gives no certificate: {look.detail}"
    left = leaf.not_after - now
    if left < (leaf.not_after - leaf.not_before) / EXPIRING_LEFT and any(look.fingerprint_sha256 for look in looks):
        return DriftProblem.EXPIRING, f"It ends in {max(left, timedelta()).days} day(s)."
    return None
