"""The schedules of the watches: made once, kept at the interval of the settings; pausing one in the UI stays."""

from datetime import timedelta
from typing import Final

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)

from workflows.names import QUEUE

JITTER: Final = 0.1  # of the interval, so that several services do not look at the same moment


async def ensure_watch(client: Client, *, schedule_id: str, workflow_type: str, every: timedelta) -> bool:
    """Make a schedule, or bring an older one to this interval; True when this call made it."""
    wanted = _schedule(schedule_id, workflow_type, every)
    try:
        await client.create_schedule(schedule_id, wanted)
    except ScheduleAlreadyRunningError:
        await client.get_schedule_handle(schedule_id).update(lambda found: _updated(found, wanted))
        return False
    return True


def _schedule(schedule_id: str, workflow_type: str, every: timedelta) -> Schedule:
    action = ScheduleActionStartWorkflow(
        workflow_type, id=schedule_id, task_queue=QUEUE, execution_timeout=max(every * 4, timedelta(hours=1))
    )
    policy = SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=every)
    spec = ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every)], jitter=every * JITTER)
    return Schedule(action=action, spec=spec, policy=policy)


def _updated(found: ScheduleUpdateInput, wanted: Schedule) -> ScheduleUpdate | None:
    if found.description.schedule.spec.intervals == wanted.spec.intervals:
        return None
    wanted.state = found.description.schedule.state  # an operator may have paused it
    return ScheduleUpdate(wanted)
