"""Rows of deployments say how far each is, and are never turned back by an attempt that was given up."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from certloom.domain.deployment import DeploymentState, Trigger
from certloom.storage.engine import SqlStorage
from certloom.storage.records import DeploymentRecord
from certloom.targets.interface import Standing
from tests.databases import KINDS, fresh_storage
from tests.storage.rows import NOW

S = DeploymentState


@pytest.fixture(params=KINDS)
async def storage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqlStorage]:
    async with fresh_storage(request.param, tmp_path) as fresh:
        async with fresh.begin() as tx:
            await tx.deployments.add(record())
        yield fresh


def record(name: str = "dep_1", number: int | None = 1) -> DeploymentRecord:
    return DeploymentRecord(
        id=name,
        certificate_id="cert_1",
        account_id="acct_1",
        target_id="tgt_1",
        number=number,
        trigger=Trigger.REQUEST,
        actor="key_1",
        started_at=NOW,
        updated_at=NOW,
    )


async def test_a_rollback_is_not_turned_round(storage: SqlStorage) -> None:
    """Once it is being rolled back, nothing writes that it is installed or proven."""
    async with storage.begin() as tx:
        answers = [
            await tx.deployments.begin("dep_1", served_before=(), before=None, at=NOW),
            await tx.deployments.progress("dep_1", S.ROLLING_BACK, at=NOW),
            await tx.deployments.begin("dep_1", served_before=(), before=Standing(), at=NOW),
            await tx.deployments.progress("dep_1", S.PROVING, at=NOW),
        ]
        found = await tx.deployments.get("dep_1")

    assert answers == [True, True, False, False]
    assert found is not None
    assert (found.state, found.before) == (S.ROLLING_BACK, None)


async def test_the_first_memory_of_what_was_there_counts(storage: SqlStorage) -> None:
    """A second attempt does not overwrite what the target held before the first."""
    async with storage.begin() as tx:
        for fingerprint in ("old", "new"):
            standing = Standing(fingerprint_sha256=fingerprint)
            await tx.deployments.begin("dep_1", served_before=(), before=standing, at=NOW)
        found = await tx.deployments.get("dep_1")

    assert found is not None
    assert found.before == Standing(fingerprint_sha256="old")


async def test_the_first_end_stands(storage: SqlStorage) -> None:
    """What has ended is not ended in another way, nor taken up again."""
    async with storage.begin() as tx:
        await tx.deployments.end("dep_1", S.ROLLED_BACK, why="Seen.", at=NOW)
        await tx.deployments.end("dep_1", S.DEPLOYED, why=None, at=NOW)
        again = await tx.deployments.progress("dep_1", S.ROLLING_BACK, at=NOW)
        found = await tx.deployments.get("dep_1")

    assert found is not None
    assert (found.state, found.why, again) == (S.ROLLED_BACK, "Seen.", False)


async def test_what_was_ever_put_there_is_known(storage: SqlStorage) -> None:
    """However often it failed since, an issuance that was once put on a target is found."""
    async with storage.begin() as tx:
        for count in range(30):
            await tx.deployments.add(record(f"dep_again{count}", number=2))
        await tx.deployments.add(record("dep_back", number=None))
        found = await tx.deployments.put_there("tgt_1")

    assert set(found) == {("cert_1", 1), ("cert_1", 2)}
