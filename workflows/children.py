"""Deployments as child workflows: started once each, outliving every run of their parent, reporting by signal."""

from collections.abc import Sequence

from temporalio import workflow
from temporalio.common import SearchAttributePair, TypedSearchAttributes, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from activities.deployment import Deploying
from certloom.domain.state import CertificateState
from workflows.names import DEPLOYMENT_TYPE, QUEUE, deployment_workflow_id
from workflows.search_attributes import ACCOUNT


class Children:
    """What this run and those before it have started."""

    def __init__(self, started: Sequence[str]) -> None:
        self._started = set(started)

    def wanting(self, state: CertificateState) -> list[str]:
        """List the deployments that have no workflow yet as far as we know."""
        return [one for one in state.deploying if one not in self._started]

    def of(self, state: CertificateState) -> tuple[str, ...]:
        """List what is under way and started, for the next run."""
        return tuple(one for one in state.deploying if one in self._started)

    async def start(self, state: CertificateState) -> None:
        """Start what is wanting. One that runs already goes on; one that has ended starts again only to tell how."""
        for deployment_id in self.wanting(state):
            self._started.add(deployment_id)
            try:
                child = await workflow.start_child_workflow(
                    DEPLOYMENT_TYPE,
                    Deploying(deployment_id=deployment_id),
                    id=deployment_workflow_id(deployment_id),
                    task_queue=QUEUE,
                    parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                    id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                    search_attributes=TypedSearchAttributes([_account(state)]),
                    static_summary=f"Deployment {deployment_id}",
                )
            except WorkflowAlreadyStartedError:
                continue
            child.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # it reports by signal


def _account(state: CertificateState) -> SearchAttributePair[str]:
    return SearchAttributePair(ACCOUNT, state.account_id)
