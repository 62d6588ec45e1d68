"""A slot of the shipped fake, for the contract that all kinds keep."""

import functools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from certloom.domain.target import Endpoint, HaproxyTcpSettings
from certloom.domain.target import Target as TargetRecord
from certloom.targets.fake import FakeProver, FakeTargets
from tests.targets.pairs import pair
from tests.targets.slot import Slot

NAME = "www.example.com"


def record(*endpoints: str, id: str = "target_1") -> TargetRecord:
    """Return a target, with one endpoint per host, or one at NAME."""
    return TargetRecord(
        id=id,
        account_id="account_1",
        name="a fake",
        settings=HaproxyTcpSettings(address="198.51.100.1", port=9999, file="/etc/haproxy/site.pem"),
        endpoints=tuple(Endpoint(host=host) for host in endpoints or (NAME,)),
        prove_within=timedelta(seconds=30),
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


@asynccontextmanager
async def fake_slot(_folder: Path) -> AsyncIterator[Slot]:
    """Yield a slot that holds a pair from elsewhere, looked at by the fake prover."""
    targets, target = FakeTargets(), record()
    targets.serve(target.id, pair(NAME, 100))
    prover = FakeProver(targets)

    async def served() -> str | None:
        (look,) = await prover.look(target.endpoints[0])
        return look.fingerprint_sha256

    async with targets.open(target, None) as opened:
        yield Slot(opened, served, functools.partial(pair, NAME))
