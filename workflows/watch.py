"""The watch: looks at all endpoints batch by batch, and wakes the certificates whose leaf is not served as proven.

Started by a schedule (workers/init.py), which an operator may pause, change and trigger in the Temporal UI.
"""

from temporalio import workflow
from temporalio.exceptions import ActivityError, FailureError

from activities.watch import Batch, Seen, WatchActivities
from certloom.domain.deployment import DriftReport
from certloom.domain.model import Model
from workflows import options
from workflows.names import ENDPOINT_DRIFTED, WATCH_TYPE, queue_of, workflow_id


class Watched(Model):
    """What one watch came to, as Temporal's UI shows it."""

    looked_at: int
    drifted: int
    away: tuple[str, ...]  # hosts whose worker did not answer


@workflow.defn(name=WATCH_TYPE)
class EndpointWatchWorkflow:
    """One look at every endpoint of every target that should serve an issuance of ours."""

    def __init__(self) -> None:
        self._looked_at = 0
        self._drifted = 0

    @workflow.run
    async def run(self) -> Watched:
        """Look host by host."""
        hosts = await workflow.execute_activity_method(WatchActivities.hosts, summary="hosts", **options.RECORD)
        away = [host for host in hosts.hosts if not await self._look_at(host)]
        return Watched(looked_at=self._looked_at, drifted=self._drifted, away=tuple(host or "" for host in away))

    async def _look_at(self, host: str | None) -> bool:
        """Look at all targets of a host; False when its worker is away."""
        batch = Batch(host=host)
        while True:
            try:
                seen: Seen = await workflow.execute_activity_method(
                    WatchActivities.watch, batch, summary=host or "all", task_queue=queue_of(host), **options.WATCH
                )
            except ActivityError:
                return False
            self._looked_at += seen.looked_at
            for drift in seen.drifts:
                await self._wake(drift)
            if seen.after is None:
                return True
            batch = Batch(host=host, after=seen.after)

    async def _wake(self, drift: DriftReport) -> None:
        self._drifted += 1
        handle = workflow.get_external_workflow_handle(workflow_id(drift.certificate_id))
        try:
            await handle.signal(ENDPOINT_DRIFTED, drift)
        except FailureError as error:
            workflow.logger.info("%s is not told: %s", drift.certificate_id, error.message)
