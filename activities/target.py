"""Tries a target without changing anything: what works, what is missing, what its endpoints serve now."""

from temporalio import activity

from activities.place import Places
from certloom.domain.errors import NotFound, Outage, Refusal
from certloom.domain.look import Finding, Tried
from certloom.domain.model import Model
from certloom.domain.target import Target
from certloom.storage.interface import Storage


class Trying(Model):
    """Which target."""

    target_id: str


def by_nobody(host: str | None) -> Tried:
    """Say that no worker took it up."""
    who = f"The targets worker of {host}" if host else "A worker"
    away = Finding(what="worker", works=False, detail=f"{who} does not answer; is it running?")
    return Tried(findings=(away,), looks=())


class TargetActivities:
    """Runs where the target can be driven."""

    def __init__(self, *, storage: Storage, places: Places) -> None:
        self._storage = storage
        self._places = places

    @activity.defn(name="try_target")
    async def attempt(self, trying: Trying) -> Tried:
        """Check settings, credentials and reach, and look at every endpoint; raises NotFound only."""
        async with self._storage.read() as tx:
            record = await tx.targets.get(trying.target_id)
        if record is None:
            raise NotFound("There is no such target.")
        looks = await self._places.looks(record.target.endpoints)
        return Tried(findings=await self._findings(record.target), looks=looks)

    async def _findings(self, target: Target) -> tuple[Finding, ...]:
        try:
            async with self._places.opened(target) as opened:
                return tuple(await opened.check())
        except (Refusal, Outage) as error:
            return (Finding(what="target", works=False, detail=error.detail),)
