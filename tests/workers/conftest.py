"""A fresh database, and one real Temporal server without our search attributes, for tests of processes."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment

from certloom.settings import Settings
from certloom.storage.engine import SqlStorage
from tests.databases import SQLITE, fresh_storage
from workers.service import find_temporal_cli


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[SqlStorage]:
    async with fresh_storage(SQLITE, tmp_path) as made:
        yield made


@pytest.fixture(scope="session")
async def temporal() -> AsyncIterator[WorkflowEnvironment]:
    cli = find_temporal_cli(Settings())
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(cli),
        dev_server_log_level="never",
        dev_server_startup_timeout=timedelta(seconds=30),
    ) as env:
        yield env
