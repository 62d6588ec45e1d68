"""Recorded histories still lead today's workflow to the same commands."""

from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from certloom.keys.payload import SealedPayloadCodec, make_data_converter
from tests.replay.record import HERE, LIVES
from tests.workflows.ground import RING
from workers.certificates import WORKFLOWS
from workers.sandbox import runner

HISTORIES = sorted(HERE.glob("*.json"))


def test_every_kind_of_life_is_recorded() -> None:
    """A kind of life without a history would be replayed by nobody."""
    kinds = {path.stem.rsplit("-", 1)[0] for path in HISTORIES}
    assert {kind.removesuffix("-deployment") for kind in kinds} == set(LIVES)


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_a_recorded_life_replays(path: Path) -> None:
    """Today's code makes the decisions that were made when this was recorded."""
    replayer = Replayer(
        workflows=WORKFLOWS,
        workflow_runner=runner(),
        data_converter=make_data_converter(SealedPayloadCodec(RING)),
    )
    result = await replayer.replay_workflow(
        WorkflowHistory.from_json("certificate-recorded", path.read_text()), raise_on_replay_failure=False
    )

    assert result.replay_failure is None
