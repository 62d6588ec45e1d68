"""The workflow of one deployment: install, prove, or put back what was there before and prove that.

`run` never fails: whatever happens is an outcome, in the row and told to the certificate's workflow.
"""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, Final

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, FailureError
from temporalio.exceptions import TimeoutError as ActivityTimeoutError

from activities.deployment import NOT_SERVED, Begun, Deploying, DeploymentActivities, Proving, Settling
from activities.failures import from_failure
from certloom.domain.deployment import DeploymentReport, DeploymentState, DisplacedReport
from workflows import options
from workflows.names import DEPLOYMENT_ENDED, DEPLOYMENT_TYPE, TARGET_DISPLACED, queue_of, workflow_id

CANCELLED: Final = "It was cancelled by an operator."

Step = Callable[[Any, Any], Coroutine[Any, Any, None]]


@workflow.defn(name=DEPLOYMENT_TYPE)
class DeploymentWorkflow:
    """One issuance on one target. A cancel request means: stop proving, put back what was there before."""

    @workflow.init
    def __init__(self, deploying: Deploying) -> None:
        self._deploying = deploying
        self._begun = Begun()
        self._step: asyncio.Task[Any] | None = None
        self._cancelled = False

    @workflow.run
    async def run(self, deploying: Deploying) -> None:  # noqa: ARG002 - __init__ took it
        """Deploy to the end and tell it; a cancel request rolls back what is not proven yet."""
        life = asyncio.create_task(self._live())
        while not life.done():
            try:
                await asyncio.shield(life)
            except asyncio.CancelledError:
                self._cancelled = True
                if self._step is not None:
                    self._step.cancel()
        life.result()

    async def _live(self) -> None:
        report = await self._begin()
        if report is None:
            self._show("installs and proves")
            report = await self._deploy()
        self._show(f"ended: {report.outcome}")
        await self._tell(report)

    async def _begin(self) -> DeploymentReport | None:
        """Take the target; returns a report when there is nothing to do."""
        self._show("waits for the target")
        task = workflow.start_activity_method(
            DeploymentActivities.begin, self._deploying, summary="begin", **options.BEGIN_DEPLOYMENT
        )
        self._step = task
        try:
            self._begun = await task
        except (ActivityError, asyncio.CancelledError) as error:
            why = _why(error) if isinstance(error, ActivityError) and not self._cancelled else CANCELLED
            return await self._settle(DeploymentState.SUPERSEDED, why)
        finally:
            self._step = None
        return self._begun.report

    async def _deploy(self) -> DeploymentReport:
        why = await self._proven()
        if why is None:
            await self._run(DeploymentActivities.clean_up, "clean up", options.CLEAN_UP)
            return await self._settle(DeploymentState.DEPLOYED)
        self._show("rolls back")
        self._cancelled = False  # the way back is not cancelled
        trouble = await self._rolled_back()
        if trouble is None:
            return await self._settle(DeploymentState.ROLLED_BACK, why)
        return await self._settle(DeploymentState.FAILED, f"{why} It could not be put back for sure: {trouble}")

    async def _proven(self) -> str | None:
        """Install, then ask every endpoint until the deadline; returns what is wrong, or None."""
        patience = self._begun.patience
        asked, waits = self._asking(patience), options.install(patience)
        why = await self._run(DeploymentActivities.install, "install", waits, asked, cancellable=True)
        if why is None:
            waits = options.prove(patience)
            why = await self._run(DeploymentActivities.prove, "prove", waits, asked, cancellable=True)
        return why

    async def _rolled_back(self) -> str | None:
        patience = max(self._begun.patience, options.WAY_BACK)
        asked = self._asking(patience)
        why = await self._run(DeploymentActivities.roll_back, "roll back", options.install(patience), asked)
        if why is None:
            why = await self._run(DeploymentActivities.prove_rollback, "prove rollback", options.prove(patience), asked)
        return why

    def _asking(self, patience: timedelta) -> Proving:
        return Proving(deployment_id=self._deploying.deployment_id, within=patience)

    async def _run(
        self,
        step: Step,
        summary: str,
        waits: dict[str, Any],
        argument: Deploying | None = None,
        *,
        cancellable: bool = False,
    ) -> str | None:
        """Run a step where the target can be driven; returns why it failed, or None."""
        if cancellable and self._cancelled:
            return CANCELLED
        task: asyncio.Task[None] = workflow.start_activity_method(
            step, argument or self._deploying, summary=summary, task_queue=queue_of(self._begun.host), **waits
        )
        self._step = task if cancellable else None
        try:
            await task
        except ActivityError as error:
            return CANCELLED if cancellable and self._cancelled else _why(error)
        except asyncio.CancelledError:  # what a step raises whose end and cancellation came at the same moment
            if cancellable and self._cancelled:
                return CANCELLED
            raise
        finally:
            self._step = None
        return None

    async def _settle(self, outcome: DeploymentState, why: str | None = None) -> DeploymentReport:
        settling = Settling(deployment_id=self._deploying.deployment_id, outcome=outcome, why=why)
        return await workflow.execute_activity_method(
            DeploymentActivities.settle, settling, summary="settle", **options.RECORD
        )

    async def _tell(self, report: DeploymentReport) -> None:
        await _signal(report.certificate_id, DEPLOYMENT_ENDED, report)
        if report.displaced:
            news = DisplacedReport(target_id=report.target_id, by=report.certificate_id)
            await _signal(report.displaced, TARGET_DISPLACED, news)

    def _show(self, doing: str) -> None:
        where = f" on `{self._begun.host}`" if self._begun.host else ""
        patience = f", within {self._begun.patience / timedelta(seconds=1):.0f} s each" if self._begun.patience else ""
        lines = (
            f"Deployment {self._deploying.deployment_id} {doing}{where}{patience}.",
            "A cancel request makes it put back what was there before.",
        )
        workflow.set_current_details("\n\n".join(lines))


async def _signal(certificate_id: str, name: str, news: DeploymentReport | DisplacedReport) -> None:
    """Tell a certificate's workflow; one that is gone does not need to know."""
    handle = workflow.get_external_workflow_handle(workflow_id(certificate_id))
    try:
        await handle.signal(name, news)
    except FailureError as error:
        workflow.logger.info("%s is not told: %s", certificate_id, error.message)


def _why(error: ActivityError) -> str:
    """Say what the last attempt said; a worker that never answered says nothing."""
    cause: BaseException | None = error.cause
    while isinstance(cause, ActivityTimeoutError) and cause.cause is not None:
        cause = cause.cause
    known = from_failure(cause)
    if known is not None:
        return known.detail
    if isinstance(cause, ActivityTimeoutError) or cause is None:
        return "No worker finished the step in time; for a target on a host, the targets worker there may be away."
    if isinstance(cause, ApplicationError) and cause.type == NOT_SERVED:
        return cause.message
    return f"An error nobody planned for: {getattr(cause, 'type', None) or 'unknown'}. The worker's log has the rest."
