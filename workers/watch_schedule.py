"""The schedule of the watch: made once, kept at the interval of the settings; pausing it in the Temporal UI stays."""

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

from workflows.names import QUEUE, WATCH_ID, WATCH_TYPE

JITTER: Final = 0.1  # of the interval, so that several services do not look at the same moment


async def ensure_watch(client: Client, *, every: timedelta) -> bool:
    """Make the schedule, or bring an older one to this interval; True when this call made it."""
    try:
        await client.create_schedule(WATCH_ID, _schedule(every))
    except ScheduleAlreadyRunningError:
        await client.get_schedule_handle(WATCH_ID).update(lambda found: _updated(found, every))
        return False
    return True


def _schedule(every: timedelta) -> Schedule:
    action = ScheduleActionStartWorkflow(
        WATCH_TYPE, id=WATCH_ID, task_queue=QUEUE, execution_timeout=max(every * 4, timedelta(hours=1))
    )
    policy = SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=every)
    return Schedule(action=action, spec=_spec(every), policy=policy)


def _updated(found: ScheduleUpdateInput, every: timedelta) -> ScheduleUpdate | None:
    if found.description.schedule.spec.intervals == _spec(every).intervals:
        return None
    fresh = _schedule(every)
    fresh.state = found.description.schedule.state  # an operator may have paused it
    return ScheduleUpdate(fresh)


def _spec(every: timedelta) -> ScheduleSpec:
    return ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every)], jitter=every * JITTER)
