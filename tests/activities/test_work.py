"""How activities act once."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from activities.work import Work, act_once
from certloom.domain import fact as f
from certloom.domain.evolve import evolve
from certloom.domain.fact import Entry, Fact
from certloom.domain.step import StepKind
from certloom.storage.engine import SqlStorage
from certloom.storage.migrate import migrate
from tests.lives import NOW, PRICE, ordered


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[SqlStorage]:
    url = f"sqlite+aiosqlite:///{tmp_path}/certloom.db"
    await migrate(url)
    made = SqlStorage(url)
    yield made
    await made.close()


async def _pay() -> Fact:
    return f.Paid(at=NOW, amount=PRICE)


async def _never() -> Fact:
    raise AssertionError("acted twice")


def _work(*facts: Fact) -> Work:
    state, entries = ordered(), []
    for fact in facts:
        state = evolve(state, fact)
        entries.append(Entry(version=state.version, fact=fact))
    return Work(state=state, unrecorded=tuple(entries))


class TestActOnce:
    async def test_a_second_call_gets_the_first_fact(self, storage: SqlStorage) -> None:
        """Whoever comes later is answered from the claim, and acts no more."""
        work = _work(f.Ordered(at=NOW, method="balance"))
        first = await act_once(storage, work, key="k", now=NOW, effect=_pay)

        assert await act_once(storage, work, key="k", now=NOW, effect=_never) == first

    async def test_an_answer_lost_for_long_still_reaches_the_row(self, storage: SqlStorage) -> None:
        """When the workflow recorded a delay meanwhile, row and workflow agree on the fact all the same."""
        asked = f.Ordered(at=NOW, method="balance")
        await act_once(storage, _work(asked), key="k", now=NOW, effect=_pay)
        late = NOW + timedelta(minutes=2)
        work = _work(asked, f.Delayed(at=late, step=StepKind.CHARGE, why="lost", until=late))
        done = await act_once(storage, work, key="k", now=late, effect=_never)
        async with storage.read() as tx:
            row = await tx.certificates.get("cert_1")

        assert row == evolve(work.state, done.fact)
