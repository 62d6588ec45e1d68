"""The yardstick: a workflow that asks the same of Temporal as an order does, and does nothing."""

from datetime import timedelta
from typing import Any

from temporalio import activity, workflow

YEAR = timedelta(days=365)


@activity.defn(name="nothing")
async def nothing() -> None:
    pass


@workflow.defn(name="BareWorkflow")
class BareWorkflow:
    """Runs activities when an update says how many, with a timer of a year beside them as certificates have."""

    @workflow.run
    async def run(self) -> None:
        await workflow.sleep(YEAR)

    @workflow.update
    async def work(self, count: int) -> int:
        options: dict[str, Any] = {"start_to_close_timeout": timedelta(seconds=60), "summary": "nothing"}
        for _ in range(count):
            await workflow.execute_activity(nothing, **options)
        return count
