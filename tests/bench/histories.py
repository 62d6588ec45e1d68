"""What orders left in Temporal: events and bytes, and the shape that the yardstick copies."""

from collections.abc import Sequence
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from tests.bench.figures import History, Shape, Share
from workflows.names import workflow_id

E = EventType


async def histories(client: Client, workflow_ids: Sequence[str]) -> list[History]:
    """Return events and bytes of each; orders are one run each, so nothing has to be followed."""
    return [await _history(client, one) for one in workflow_ids]


async def shape(client: Client, certificate_id: str) -> Shape:
    """Count what one issued certificate asked of Temporal."""
    handle = client.get_workflow_handle(workflow_id(certificate_id))
    kinds: list[Any] = [event.event_type async for event in handle.fetch_history_events()]
    paid = kinds.index(E.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED)
    activity = E.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
    return Shape(
        before_paid=kinds[:paid].count(activity),
        activities=kinds.count(activity),
        updates=kinds.count(E.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED),
        timers=kinds.count(E.EVENT_TYPE_TIMER_STARTED),
    )


async def share(client: Client, name: str, *, after: int = 0) -> Share:
    """Count what a workflow did after the event of that number."""
    events = client.get_workflow_handle(name).fetch_history_events()
    kinds: list[Any] = [event.event_type async for event in events if event.event_id > after]
    return Share(
        activities=kinds.count(E.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED),
        tasks=kinds.count(E.EVENT_TYPE_WORKFLOW_TASK_COMPLETED),
    )


async def _history(client: Client, name: str) -> History:
    found = await client.get_workflow_handle(name).describe()
    return History(found.history_length, found.raw_description.workflow_execution_info.history_size_bytes)
