"""The only way in from outside: typed start, update and query of a certificate's workflow."""

from collections.abc import Awaitable
from datetime import timedelta
from time import monotonic
from typing import Any, Final

from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowUpdateFailedError,
    WorkflowUpdateHandle,
    WorkflowUpdateRPCTimeoutOrCancelledError,
    WorkflowUpdateStage,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from activities.deployment import Deploying
from activities.failures import from_failure
from certloom.domain import command as c
from certloom.domain.errors import NotFound, Outage, OutcomeUnknown
from certloom.domain.evolve import evolve
from certloom.domain.fact import Entry, Uploaded
from certloom.domain.look import Tried
from certloom.domain.state import CertificateState
from workflows.names import (
    DEPLOYMENT_TYPE,
    QUEUE,
    TARGET_CHECK_TYPE,
    WORKFLOW_TYPE,
    deployment_workflow_id,
    workflow_id,
)
from workflows.search_attributes import attributes
from workflows.start import Start
from workflows.target import TargetCheck

ANSWER_WITHIN: Final = timedelta(seconds=10)  # DESIGN 6: then the API answers with the view as it stands
TRIED_WITHIN: Final = timedelta(seconds=60)

_UPDATES: Final = {
    c.Pay: "pay",
    c.Apply: "apply",
    c.CheckNow: "check_now",
    c.Decide: "review",
    c.Withdraw: "withdraw",
    c.CancelOrder: "cancel_order",
    c.Renew: "renew",
    c.Replace: "replace",
    c.Revoke: "revoke",
    c.Deploy: "deploy",
    c.RollBack: "roll_back",
    c.Detach: "detach",
    c.Delete: "delete",
    c.Relabel: "relabel",
}


class CertificateClient:
    """Starts and steers certificates; raises the domain's errors and nothing of Temporal's.

    Every call may be repeated: starts by certificate id, updates by the command's request_id.
    """

    def __init__(self, client: Client, *, answer_within: timedelta = ANSWER_WITHIN) -> None:
        self._client = client
        self._answer_within = answer_within

    async def buy(self, state: CertificateState, pay: c.Pay) -> c.Accepted:
        """Start the life of a purchase and charge it; raises PaymentRefused when no money moved.

        Raises OutcomeUnknown when no worker answered in time: the order goes on, send the same again.
        """
        start: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
            WORKFLOW_TYPE,
            Start(state=state),
            id=workflow_id(state.certificate_id),
            task_queue=QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            search_attributes=attributes(state),
            static_summary=f"Certificate {state.certificate_id}",
        )
        sending = self._client.start_update_with_start_workflow(
            "pay",
            pay,
            start_workflow_operation=start,
            wait_for_stage=WorkflowUpdateStage.ACCEPTED,
            id=pay.request_id,
            result_type=c.Accepted,
            rpc_timeout=self._answer_within,
        )
        return await self._answer(sending, monotonic())

    async def admit(self, state: CertificateState, uploaded: Uploaded) -> None:
        """Start the life of an uploaded certificate, whose pieces are stored already; silent when it was started."""
        known = evolve(state, uploaded)
        start = Start(state=known, unrecorded=(Entry(version=known.version, fact=uploaded),))
        await self._start(start, WorkflowIDReusePolicy.REJECT_DUPLICATE)

    async def restore(self, state: CertificateState) -> bool:
        """Start again from the row's state what has no running workflow; False when it runs already."""
        return await self._start(Start(state=state), WorkflowIDReusePolicy.ALLOW_DUPLICATE)

    async def running(self, certificate_id: str) -> bool:
        """Whether the certificate's workflow runs now."""
        return await self._runs(workflow_id(certificate_id))

    async def deploying(self, deployment_id: str) -> bool:
        """Whether the deployment's workflow runs now."""
        return await self._runs(deployment_workflow_id(deployment_id))

    async def restore_deployment(self, deployment_id: str) -> bool:
        """Start again a deployment without a running workflow; it goes on where its row says. False when it runs."""
        return await self._begin(
            DEPLOYMENT_TYPE, Deploying(deployment_id=deployment_id), deployment_workflow_id(deployment_id)
        )

    async def try_target(self, target_id: str, *, host: str | None, request_id: str) -> Tried:
        """Have a target tried where it can be driven; raises Outage when that takes over 10 s."""
        try:
            tried: Tried = await self._client.execute_workflow(
                TARGET_CHECK_TYPE,
                TargetCheck(target_id=target_id, host=host),
                id=f"target-check-{request_id}",
                task_queue=QUEUE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                execution_timeout=TRIED_WITHIN,
                result_type=Tried,
                rpc_timeout=self._answer_within,
            )
        except WorkflowFailureError as error:
            raise from_failure(error.cause) or Outage("The target was not tried in time; ask again.") from error
        except RPCError as error:
            raise Outage("The target was not tried in time; ask again.") from error
        except RuntimeError as error:  # the SDK's word for a first connection that failed
            raise Outage("Temporal cannot be reached.") from error
        return tried

    async def _runs(self, name: str) -> bool:
        try:
            found = await self._client.get_workflow_handle(name).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise Outage("Temporal does not answer.") from error
        except RuntimeError as error:  # the SDK's word for a first connection that failed
            raise Outage("Temporal cannot be reached.") from error
        return found.status is WorkflowExecutionStatus.RUNNING

    async def send(self, certificate_id: str, command: c.Command) -> c.Accepted:
        """Send a command and return when it is in the row, or without a version when that takes over 10 s.

        Raises what the rules refuse, OutcomeUnknown when it was not even accepted in time, and NotFound when no
        workflow runs.
        """
        handle = self._client.get_workflow_handle(workflow_id(certificate_id))
        sending = handle.start_update(
            _UPDATES[type(command)],
            command,
            wait_for_stage=WorkflowUpdateStage.ACCEPTED,
            id=command.request_id,
            result_type=c.Accepted,
            rpc_timeout=self._answer_within,
        )
        return await self._answer(sending, monotonic())

    def name_of(self, subject_id: str) -> str:
        """Return the id under which Temporal's UI shows the workflow of a certificate or a deployment."""
        is_deployment = subject_id.startswith("dep_")
        return deployment_workflow_id(subject_id) if is_deployment else workflow_id(subject_id)

    async def view(self, certificate_id: str) -> CertificateState:
        """Ask the workflow itself; for operators and tests, lists and views come from SQL."""
        handle = self._client.get_workflow_handle(workflow_id(certificate_id))
        state: CertificateState = await handle.query("view", result_type=CertificateState)
        return state

    async def _begin(self, workflow_type: str, argument: Deploying, name: str) -> bool:
        try:
            await self._client.start_workflow(
                workflow_type,
                argument,
                id=name,
                task_queue=QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                static_summary=f"Deployment {argument.deployment_id}",
            )
        except WorkflowAlreadyStartedError:
            return False
        except RPCError as error:
            raise Outage("Temporal does not answer.") from error
        return True

    async def _start(self, start: Start, reuse: WorkflowIDReusePolicy) -> bool:
        try:
            await self._client.start_workflow(
                WORKFLOW_TYPE,
                start,
                id=workflow_id(start.state.certificate_id),
                task_queue=QUEUE,
                id_reuse_policy=reuse,
                search_attributes=attributes(start.state),
                static_summary=f"Certificate {start.state.certificate_id}",
            )
        except WorkflowAlreadyStartedError:
            return False
        except RPCError as error:
            raise OutcomeUnknown("Temporal does not answer; the same request may be sent again.") from error
        except RuntimeError as error:  # the SDK's word for a first connection that failed
            raise Outage("Temporal cannot be reached.") from error
        return True

    async def _answer(self, sending: Awaitable[WorkflowUpdateHandle[c.Accepted]], sent: float) -> c.Accepted:
        """Wait until it is accepted, which survives everything, then until it is done if there is time left."""
        try:
            accepted = await sending
        except WorkflowUpdateFailedError as error:
            raise from_failure(error.cause) or error from error
        except WorkflowUpdateRPCTimeoutOrCancelledError as error:
            raise OutcomeUnknown("No answer came in time; the same request may be sent again.") from error
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise NotFound("This certificate has no running workflow.") from error
            raise OutcomeUnknown("Temporal does not answer; the same request may be sent again.") from error
        except RuntimeError as error:  # the SDK's word for a first connection that failed
            raise Outage("Temporal cannot be reached.") from error
        left = self._answer_within - timedelta(seconds=monotonic() - sent)
        try:
            return await accepted.result(rpc_timeout=max(left, timedelta(milliseconds=1)))
        except WorkflowUpdateFailedError as error:
            raise from_failure(error.cause) or error from error
        except (WorkflowUpdateRPCTimeoutOrCancelledError, RPCError):
            return c.Accepted(version=None)
