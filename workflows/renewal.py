"""The renewal watch: asks issuers when they want leaves renewed, and tells the certificates whose instant changed.

Started by a schedule (workers/init.py), which an operator may pause, change and trigger in the Temporal UI.
"""

from temporalio import workflow
from temporalio.exceptions import FailureError

from activities.renewal import Asked, RenewalActivities
from certloom.domain.model import Model
from certloom.domain.renewal import RenewalReport
from workflows import options
from workflows.names import RENEWAL_SUGGESTED, RENEWAL_WATCH_TYPE, workflow_id

BATCHES: int = 100  # per run, so that its history stays short; the next run goes on


class RenewalsAsked(Model):
    """What one run came to, as Temporal's UI shows it."""

    asked: int
    told: int


@workflow.defn(name=RENEWAL_WATCH_TYPE)
class RenewalWatchWorkflow:
    """One look at every leaf about which its issuer is to be asked by now."""

    @workflow.run
    async def run(self) -> RenewalsAsked:
        """Ask batch by batch."""
        asked, told = 0, 0
        for _ in range(BATCHES):
            batch: Asked = await workflow.execute_activity_method(
                RenewalActivities.ask_renewals, summary="renewal information", **options.ASK_RENEWALS
            )
            asked += batch.asked
            for report in batch.reports:
                told += await self._tell(report)
            if not batch.more:
                break
        return RenewalsAsked(asked=asked, told=told)

    async def _tell(self, report: RenewalReport) -> bool:
        handle = workflow.get_external_workflow_handle(workflow_id(report.certificate_id))
        try:
            await handle.signal(RENEWAL_SUGGESTED, report)
        except FailureError as error:
            workflow.logger.info("%s is not told: %s", report.certificate_id, error.message)
            return False
        return True
