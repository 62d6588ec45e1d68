"""Orders whose proof is ours to publish: `prepare` finds it, and nothing looks for it again."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from activities import proof
from certloom.domain import command as c
from certloom.domain.application import Outcome
from certloom.domain.certificate import CertificateStatus, Phase
from certloom.issuers.fake import Script
from tests.lives import product
from tests.workflows.ground import temporal, world
from tests.workflows.trouble import Wrapped, forgotten, twice
from tests.workflows.world import World
from workers.heartbeat import Failures

S = CertificateStatus
STRANGERS = product(issuer="stranger")
ISSUED = ["ordered", "paid", "applied", "prepared", "proven", "issued"]
_zones = itertools.count(1)


@pytest.fixture
async def alone(tmp_path: Path) -> AsyncIterator[World]:
    """A world without a worker; a test starts the kind it wants."""
    async with temporal() as env, world(env, tmp_path) as made:
        made.stranger.script = Script(fresh_challenges=True)
        yield made


@pytest.fixture(scope="module")
async def built(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A world of its own: other tests count what its issuer is asked."""
    folder = tmp_path_factory.mktemp("at-once")
    async with temporal() as env, world(env, folder) as made, made.worker():
        made.stranger.script = Script(fresh_challenges=True)
        yield made


async def bought(built: World) -> tuple[str, str]:
    """Return a paid order, and a name in a zone that is ours to write."""
    zone = f"ours{next(_zones)}.example.org"
    await built.write_zone(zone)
    return await built.buy(STRANGERS), f"www.{zone}"


async def applied(built: World, *, found: bool = True) -> str:
    """Apply for such a name, and have its proof *found* or not."""
    certificate_id, name = await bought(built)
    if found:
        built.validator.prove(name)
    await built.apply(certificate_id, name)
    return certificate_id


async def looks(built: World, certificate_id: str) -> int:
    """Count the activities `look` of the newest run."""
    history = await built.handle(certificate_id).fetch_history()
    scheduled = [event.activity_task_scheduled_event_attributes.activity_type.name for event in history.events]
    return scheduled.count("look")


@asynccontextmanager
async def preparing(built: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """Yield a certificate whose `prepare` is about to publish; it goes on, and finds the proof, when the block ends."""
    reached, opened, present = asyncio.Event(), asyncio.Event(), built.board.present

    async def hold(record_name: str, value: str) -> None:
        reached.set()
        await opened.wait()
        await present(record_name, value)

    monkeypatch.setattr(proof, "FIRST_SECONDS", 30.0)
    monkeypatch.setattr(built.board, "present", hold)
    certificate_id, name = await bought(built)
    built.validator.prove(name)
    applying = asyncio.create_task(built.apply(certificate_id, name))
    await reached.wait()
    yield certificate_id
    opened.set()
    await applying


class TestOrder:
    async def test_it_is_issued_without_a_look(self, built: World) -> None:
        """Prepared, proven and issued follow each other, and workflow and row agree."""
        certificate_id = await applied(built)
        state = await built.reaches(certificate_id, S.ISSUED)

        assert await built.facts(certificate_id) == ISSUED
        assert await looks(built, certificate_id) == 0
        assert state.application is not None
        assert state.application.proven_at is not None
        assert await built.agrees(certificate_id)

    async def test_it_fits_its_budget(self, built: World) -> None:
        """From purchase to issued stays within 34 history events and 9 KB."""
        certificate_id = await applied(built)
        await built.reaches(certificate_id, S.ISSUED)
        await built.until(certificate_id, lambda state: state.phase is Phase.IDLE)
        history = await built.handle(certificate_id).fetch_history()

        assert len(history.events) <= 34
        assert sum(event.ByteSize() for event in history.events) <= 9_000

    async def test_what_is_not_found_is_looked_for(self, built: World) -> None:
        """The application stays open, as if nobody had looked; one `look` goes on from there."""
        certificate_id = await applied(built, found=False)
        await built.until(certificate_id, lambda state: state.phase is Phase.PROVING)
        await built.prove(certificate_id)
        await built.reaches(certificate_id, S.ISSUED)

        assert await looks(built, certificate_id) > 0
        assert await built.facts(certificate_id) == ISSUED

    async def test_a_renewal_is_not_looked_for_either(self, built: World) -> None:
        """At a CA that wants new proofs at each order a renewal is proven with its order."""
        certificate_id = await applied(built)
        await built.reaches(certificate_id, S.ISSUED)
        await built.ask(certificate_id, c.Renew)
        await built.until(certificate_id, lambda state: len(state.issuances) == 2 and state.phase is Phase.IDLE)

        assert await looks(built, certificate_id) == 0
        assert (await built.facts(certificate_id))[-4:] == ["renewal_started", "prepared", "proven", "issued"]


class TestWithdrawal:
    async def test_a_signal_during_prepare_takes_the_application_back(
        self, built: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What was possible when it was asked for is done, though the proof was found meanwhile."""
        async with preparing(built, monkeypatch) as certificate_id:
            await built.handle(certificate_id).signal("withdraw")
        state = await built.until(certificate_id, lambda state: state.phase is Phase.IDLE and not state.discard)

        assert state.application is not None
        assert (state.status, state.application.outcome) == (S.PAID, Outcome.WITHDRAWN)
        assert state.issuances == ()

    async def test_a_customers_during_prepare_is_answered(self, built: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """The API's withdrawal is accepted while the order is prepared, and holds."""
        async with preparing(built, monkeypatch) as certificate_id:
            withdrawing = asyncio.create_task(built.ask(certificate_id, c.Withdraw))
            await accepted(built, certificate_id, "withdraw")
        await withdrawing

        assert (await built.reaches(certificate_id, S.PAID)).issuances == ()


async def accepted(built: World, certificate_id: str, update: str) -> None:
    """Wait until the workflow took an update."""
    async with asyncio.timeout(10):
        while True:
            history = await built.handle(certificate_id).fetch_history()
            updates = [event.workflow_execution_update_accepted_event_attributes for event in history.events]
            if any(one.accepted_request.input.name == update for one in updates):
                return
            await asyncio.sleep(0.02)


class TestRepetition:
    @pytest.mark.parametrize("around", [twice, forgotten])
    async def test_prepare_may_run_again(self, alone: World, around: Any) -> None:
        """An order whose steps run twice, or lose their first answer, is published and issued once."""
        async with alone.worker(interceptors=[Wrapped(around), Failures()]):
            certificate_id = await applied(alone)
            await alone.reaches(certificate_id, S.ISSUED)
            facts, seen = await alone.facts(certificate_id), await looks(alone, certificate_id)

        assert (facts, seen) == (ISSUED, 0)
        assert [count for (what, *_), count in alone.board.calls.items() if what == "present"] == [1]
        assert sum(call == "advance" for call in alone.stranger.calls) == 1
