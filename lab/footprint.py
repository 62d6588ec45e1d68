"""What one certificate left in Temporal: history events and bytes, over all runs of its workflow."""

from pathlib import Path
from typing import NamedTuple

from temporalio.client import Client

from certloom import wiring
from certloom.settings import read_settings
from workflows.names import workflow_id


class Footprint(NamedTuple):
    """Counted by Temporal itself, as it counts towards its limits and on bills."""

    runs: int
    events: int
    bytes: int


async def client_of(home: Path, temporal: str) -> Client:
    """Connect to the Temporal server of the service in *home*."""
    key_file = home / "keys" / "payload.key"
    settings = read_settings(home=home, temporal_address=temporal, payload_key=None, payload_key_file=key_file)
    return await wiring.connect(settings)


async def footprint(home: Path, temporal: str, certificate_id: str) -> Footprint:
    """Ask the Temporal server of the service in *home* about one certificate."""
    client = await client_of(home, temporal)
    runs = events = size = 0
    run: str | None = None
    while runs == 0 or run:
        handle = client.get_workflow_handle(workflow_id(certificate_id), run_id=run)
        found = await handle.describe()
        first = await anext(handle.fetch_history_events(page_size=1))
        runs, events = runs + 1, events + found.history_length
        size += found.raw_description.workflow_execution_info.history_size_bytes
        run = first.workflow_execution_started_event_attributes.continued_execution_run_id or None
    return Footprint(runs, events, size)
