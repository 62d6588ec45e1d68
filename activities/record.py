"""Writes what the workflow decided by itself: the row and the timeline, nothing else."""

from temporalio import activity

from activities.work import Work, record
from certloom.storage.interface import Storage


class RecordActivities:
    """Rows are written by regular activities only (DESIGN 4.1)."""

    def __init__(self, *, storage: Storage) -> None:
        self._storage = storage

    @activity.defn(name="record")
    async def record(self, work: Work) -> None:
        """Write state and entries; harmless when repeated."""
        async with self._storage.begin() as tx:
            await record(tx, work)
