"""A made-up DNS with two name servers, and the ground on which proofs are published into it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from certloom.dns.fake import FakeDns
from certloom.dns.interface import DelegationZone
from tests.dns.ground import DELEGATION, Ground, make_ground


@pytest.fixture
def board() -> FakeDns:
    return FakeDns("ns1.one.test", "ns2.one.test")


@pytest.fixture
async def ground(tmp_path: Path, board: FakeDns) -> AsyncIterator[Ground]:
    async with make_ground(tmp_path, board, board, DelegationZone(DELEGATION, board)) as made:
        yield made
