"""Puts an issuance on a target, proves by handshakes that it is served, or puts back what was there before.

Each step may be repeated after a crash at any moment: what was there before is in the row ahead of the first change.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.job import Job, find_job, holder_of, leaf_of, needless, require_issued
from activities.material import Materials
from activities.place import PlaceBusy, Places
from activities.served import missing, not_back
from activities.work import started_at
from certloom.domain.deployment import DeploymentReport, DeploymentState
from certloom.domain.errors import Outage
from certloom.domain.look import Look
from certloom.domain.model import Model
from certloom.domain.target import BETWEEN_PROOFS
from certloom.storage.interface import Storage, Transaction
from certloom.storage.records import DeploymentRecord
from certloom.targets.interface import Material, Standing, TargetRefused
from certloom.targets.interface import Target as Opened

NOT_SERVED: Final = "NotServedYet"
ROUNDS: Final = 3  # times in a row that every address must serve the leaf
SLOWEST_LOOK: Final = timedelta(seconds=30)
FIRST_PAUSE: Final = 0.1  # s, between rows of looks of one attempt
PATIENT_FOR: Final = 1.5  # s: a reload takes a tenth of one, and a server waits a second before it tries a step again
OCCUPIED_PAUSE: Final = 2.0  # s, until a target that another deployment holds is asked for again

Judge = Callable[[tuple[Look, ...]], str | None]
_S = DeploymentState


class Deploying(Model):
    """Which deployment; everything else is in its row."""

    deployment_id: str


class Begun(Model):
    """Where its steps run and how long its target may take; or the report when there is nothing to do."""

    host: str | None = None
    patience: timedelta = timedelta()
    report: DeploymentReport | None = None


class Proving(Deploying):
    """How long endpoints are asked; the last look is at the end of it."""

    within: timedelta


class Settling(Deploying):
    """How it ended. Without `why` the reason is what the last look did not find."""

    outcome: DeploymentState
    why: str | None = None


class DeploymentActivities:
    """`begin` and `settle` run anywhere, the others where the target can be driven."""

    def __init__(self, *, storage: Storage, places: Places, materials: Materials) -> None:
        self._storage = storage
        self._places = places
        self._materials = materials

    @activity.defn(name="begin_deployment")
    async def begin(self, deploying: Deploying) -> Begun:
        """Take the target; raises Outage while another deployment has it. Nothing to do is an answer, too."""
        now = started_at()
        async with self._storage.begin() as tx:
            job = await find_job(tx, deploying.deployment_id)
            if job.record.ended:
                return Begun(report=await _report(tx, job.record.id))
            holder = await tx.targets.occupy(job.target.id, job.record.id)
            if holder != job.record.id:
                raise Outage(f"The deployment {holder} to the same target is under way.", retry_after=OCCUPIED_PAUSE)
            if (why := await needless(tx, job)) is not None:  # asked once nobody else can change the answer
                await tx.deployments.end(job.record.id, _S.SUPERSEDED, why=why, at=now)
                await tx.targets.release(job.target.id, job.record.id)
                return Begun(report=await _report(tx, job.record.id))
        return Begun(host=job.target.host, patience=job.target.prove_within)

    @activity.defn(name="install")
    async def install(self, proving: Proving) -> None:
        """Remember what is there, then put the issuance there; the second time it is a cheap no-op.

        A place that is being changed is waited for; any other outage is tried again `within` the target's patience.
        """
        await _in_time(self._install(proving), proving.within)

    async def _install(self, deploying: Deploying) -> None:
        now = started_at()
        job = await self._find(deploying)
        require_issued(job)
        if job.record.served_before is None:
            await self._remember(job, await self._places.looks(job.target.endpoints), None, now)
        async with self._places.changing(job.target, now=now) as target:
            job = await self._find(deploying, _S.WAITING, _S.INSTALLING, _S.PROVING)
            before = job.record.before or await self._examined(job, target, now)
            await self._put(job, target, before)
            async with self._storage.begin() as tx:
                _require(await tx.deployments.progress(job.record.id, _S.PROVING, at=now))

    @activity.defn(name="prove")
    async def prove(self, proving: Proving) -> None:
        """Ask every endpoint until all serve it, some times in a row; raises NotServedYet with a growing pause."""
        now = started_at()
        job = await self._find(proving)
        looks, fault = await self._seen(job, await self._judge(job))
        async with self._storage.begin() as tx:
            _require(await tx.deployments.progress(job.record.id, _S.PROVING, seen=looks, why=fault, at=now))
        _require_none(fault, proving.within)

    @activity.defn(name="roll_back")
    async def roll_back(self, proving: Proving) -> None:
        """Put back what was there before; nothing when nothing was changed yet. Waits and tries again as `install`."""
        await _in_time(self._roll_back(proving), proving.within)

    async def _roll_back(self, deploying: Deploying) -> None:
        now = started_at()
        job = await self._find(deploying)
        async with self._storage.begin() as tx:
            await tx.deployments.progress(job.record.id, _S.ROLLING_BACK, at=now)
        async with self._places.changing(job.target, now=now) as target:
            job = await self._find(deploying, _S.ROLLING_BACK)
            if job.record.before is not None:
                await self._put_back(job, target, job.record.before)

    @activity.defn(name="prove_rollback")
    async def prove_rollback(self, proving: Proving) -> None:
        """Ask every endpoint until it serves again what it served before; raises NotServedYet."""
        now = started_at()
        job = await self._find(proving)
        before = job.record.served_before or ()
        same = job.leaf in {look.fingerprint_sha256 for look in before}
        looks, fault = await self._seen(job, lambda looks: not_back(looks, before, None if same else job.leaf))
        async with self._storage.begin() as tx:
            await tx.deployments.progress(job.record.id, _S.ROLLING_BACK, seen=looks, at=now)
        _require_none(fault, proving.within)

    @activity.defn(name="clean_up")
    async def clean_up(self, deploying: Deploying) -> None:
        """Remove from the target what a deployment of ours had put there and this one replaced."""
        now = started_at()
        job = await self._find(deploying)
        if job.record.before is None or not await self._is_ours(job, job.record.before):
            return
        async with self._places.changing(job.target, now=now) as target:
            await self._find(deploying, _S.PROVING)
            await target.forget(job.record.before)

    @activity.defn(name="settle_deployment")
    async def settle(self, settling: Settling) -> DeploymentReport:
        """Record the end and give the target free, together; the first end stands."""
        now = started_at()
        async with self._storage.begin() as tx:
            job = await find_job(tx, settling.deployment_id)
            if not job.record.ended:
                outcome = settling.outcome
                if outcome is _S.FAILED and job.record.before is None:  # nothing was ever changed
                    outcome = _S.ROLLED_BACK
                if outcome is _S.SUPERSEDED and job.record.before is not None:  # something may have been
                    outcome = _S.FAILED
                proven = outcome is _S.DEPLOYED
                why = None if proven else settling.why or job.record.why
                displaced = await _take_over(tx, job) if proven else None
                await tx.deployments.end(job.record.id, outcome, why=why, at=now, displaced=displaced)
            await tx.targets.release(job.target.id, job.record.id)
            return await _report(tx, job.record.id)

    async def _find(self, deploying: Deploying, *states: DeploymentState) -> Job:
        """Read the row. Raises TargetRefused unless it is in one of *states*: then this attempt was given up."""
        async with self._storage.read() as tx:
            job = await find_job(tx, deploying.deployment_id)
        if states and job.record.state not in states:
            raise TargetRefused(f"The deployment is {job.record.state.replace('_', ' ')} by now.")
        return job

    async def _remember(self, job: Job, looks: tuple[Look, ...], before: Standing | None, now: datetime) -> None:
        async with self._storage.begin() as tx:
            _require(await tx.deployments.begin(job.record.id, served_before=looks, before=before, at=now))

    async def _examined(self, job: Job, target: Opened, now: datetime) -> Standing:
        """Ask the target what it holds; where it cannot tell, its serial or a handshake may show a leaf of ours.

        Another one's fingerprint is left out: whoever cannot tell it cannot put it back either.
        """
        standing = await target.examine()
        looks = job.record.served_before or ()
        seen = {look.fingerprint_sha256 for look in looks if look.fingerprint_sha256}
        if standing.fingerprint_sha256 is None:
            only = seen.pop() if len(seen) == 1 else None
            ours = await self._materials.ours(job.target.id, fingerprint=only, serial=standing.serial)
            standing = standing.model_copy(update={"fingerprint_sha256": ours})
        await self._remember(job, looks, standing, now)
        return standing

    async def _put(self, job: Job, target: Opened, before: Standing) -> None:
        if job.record.number is not None:
            material = await self._materials.of(job.record.certificate_id, job.record.number)
            await target.install(material, before=before)
            return
        restored = await self._restored(job)
        if restored.before is None:
            raise TargetRefused("The deployment that is to be undone never changed anything.")
        await self._put_back(job, target, restored.before)

    async def _put_back(self, job: Job, target: Opened, before: Standing) -> None:
        known = await self._materials.known(job.target.id, before.fingerprint_sha256)
        await target.roll_back(before, installed=await self._installed(job), known=known)

    async def _installed(self, job: Job) -> Material:
        """Return the pair that was put there: this deployment's own, or the one that a rollback undoes."""
        record = job.record if job.record.number is not None else await self._restored(job)
        if record.number is None:
            raise TargetRefused("A rollback cannot be rolled back; deploy the certificate again.")
        return await self._materials.of(record.certificate_id, record.number)

    async def _restored(self, job: Job) -> DeploymentRecord:
        async with self._storage.read() as tx:
            found = await tx.deployments.get(job.record.restores) if job.record.restores else None
        if found is None:
            raise TargetRefused("The deployment that is to be undone is not known.")
        return found

    async def _seen(self, job: Job, judge: Judge) -> tuple[tuple[Look, ...], str | None]:
        """Look until it is right some times in a row, for a moment: an attempt that fails costs a second of waiting."""
        began, pause = time.monotonic(), FIRST_PAUSE
        while True:
            looks, fault = await self._row_of_looks(job, judge)
            if fault is None or time.monotonic() - began > PATIENT_FOR:
                return looks, fault
            await asyncio.sleep(pause)
            pause *= 2

    async def _row_of_looks(self, job: Job, judge: Judge) -> tuple[tuple[Look, ...], str | None]:
        """Look some times in a row, until something is wrong."""
        pause = BETWEEN_PROOFS[job.target.kind].total_seconds()
        for count in range(1, ROUNDS + 1):
            looks = await self._places.looks(job.target.endpoints)
            fault = judge(looks)
            if fault is not None or count == ROUNDS:
                break
            await asyncio.sleep(pause)
        return looks, fault

    async def _judge(self, job: Job) -> Judge:
        """Return what tells a proof from everything else."""
        before = {
            look.fingerprint_sha256 or "": "the certificate from before" for look in job.record.served_before or ()
        }
        if (leaf := job.leaf) is not None:
            return lambda looks: missing(looks, leaf, before)
        restored = await self._restored(job)
        async with self._storage.read() as tx:
            undone = await leaf_of(tx, restored)
        return lambda looks: not_back(looks, restored.served_before or (), undone)

    async def _is_ours(self, job: Job, before: Standing) -> bool:
        if job.leaf is None or before.fingerprint_sha256 == job.leaf:
            return False
        return await self._materials.ours(job.target.id, fingerprint=before.fingerprint_sha256) is not None


def _require(written: bool) -> None:  # noqa: FBT001 - what a table answered
    if not written:
        raise TargetRefused("This attempt was given up meanwhile.")


async def _in_time(work: Awaitable[None], within: timedelta) -> None:
    """Do it; an outage is a final no once the time to try again is over, a place that is busy never is."""
    try:
        await work
    except PlaceBusy:
        raise
    except Outage as outage:
        info = activity.info()
        if info.started_time - info.scheduled_time < within:
            raise
        raise TargetRefused(outage.detail) from outage


def _require_none(fault: str | None, within: timedelta) -> None:
    """Raise NotServedYet: with the pause until the next look, or for good when the time is over."""
    if fault is None:
        return
    info = activity.info()
    left = within - (info.started_time - info.scheduled_time)
    pause = min(timedelta(seconds=1) * 2 ** min(info.attempt - 1, 20), SLOWEST_LOOK)
    raise ApplicationError(
        fault,
        type=NOT_SERVED,
        non_retryable=left <= timedelta(),
        next_retry_delay=max(min(pause, left), timedelta(milliseconds=1)),
        category=ApplicationErrorCategory.BENIGN,
    )


async def _take_over(tx: Transaction, job: Job) -> str | None:
    """Remember what is served now; return another certificate that was until now."""
    past = await holder_of(tx, job.target.id)
    await tx.targets.settle(job.target.id, job.record.id if job.record.number is not None else None)
    served = past.certificate_id if past else None
    return served if served != job.record.certificate_id else None


async def _report(tx: Transaction, deployment_id: str) -> DeploymentReport:
    job = await find_job(tx, deployment_id)
    record, holder = job.record, await holder_of(tx, job.target.id)
    taken = holder is not None and holder.certificate_id != record.certificate_id
    return DeploymentReport(
        deployment_id=record.id,
        certificate_id=record.certificate_id,
        target_id=record.target_id,
        number=record.number,
        outcome=record.state,
        why=record.why,
        target_gone=job.target.deleted_at is not None or (taken and record.state is _S.SUPERSEDED),
        displaced=record.displaced,
    )
