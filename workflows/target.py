"""Tries a target for a person who waits: one activity, on the queue of whoever can drive it."""

from temporalio import workflow
from temporalio.exceptions import ActivityError
from temporalio.exceptions import TimeoutError as ActivityTimeoutError

from activities.failures import from_failure, to_failure
from activities.target import TargetActivities, Trying, by_nobody
from certloom.domain.errors import Outage
from certloom.domain.look import Tried
from certloom.domain.model import Model
from workflows import options
from workflows.names import TARGET_CHECK_TYPE, queue_of


class TargetCheck(Model):
    """Which target, and whose worker can drive it."""

    target_id: str
    host: str | None


@workflow.defn(name=TARGET_CHECK_TYPE)
class TargetCheckWorkflow:
    """Changes nothing; a worker that is away is a finding."""

    @workflow.run
    async def run(self, check: TargetCheck) -> Tried:
        """Return what works and what is missing."""
        trying = Trying(target_id=check.target_id)
        try:
            return await workflow.execute_activity_method(
                TargetActivities.attempt, trying, summary="try", task_queue=queue_of(check.host), **options.TRY
            )
        except ActivityError as error:
            if isinstance(error.cause, ActivityTimeoutError):
                return by_nobody(check.host)
            raise to_failure(from_failure(error.cause) or Outage("The target could not be tried.")) from error
