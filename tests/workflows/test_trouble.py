"""What happens when messages, people and machines misbehave."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError

from certloom.domain import command as c
from certloom.domain.application import Outcome
from certloom.domain.certificate import CertificateStatus, Phase
from certloom.domain.deployment import DeploymentState
from certloom.domain.errors import Outage, OutcomeUnknown
from certloom.domain.step import StepKind
from certloom.targets.fake import Trouble
from tests.databases import POSTGRES, SQLITE
from tests.lives import NOW
from tests.workflows.ground import temporal, world
from tests.workflows.trouble import BrokenPayments, Wrapped, forgotten, twice
from tests.workflows.world import World
from workers.heartbeat import Failures
from workers.reconcile import reconcile_deployments, reconcile_reports
from workflows.client import CertificateClient

S = CertificateStatus

STRAY: list[tuple[str, list[Any]]] = [
    ("withdraw", []),
    ("withdraw", ["now"]),
    ("withdraw", [1, 2]),
    ("revoke", []),
    ("revoke", ["superseded"]),
    ("revoke", [{"reason": "because"}]),
    ("revoke", [{"reason": "superseded", "force": "no"}]),
    ("revoke", [{"reason": "superseded", "force": 1}]),
    ("revoke", [{"reason": "superseded"}, {"reason": "superseded"}]),
    ("resume", []),
    ("skip", [{"a": 1}]),
    ("delete", []),
    ("x" * 300, [None]),
]


class TestSignals:
    @pytest.mark.parametrize(("name", "arguments"), STRAY)
    async def test_a_stray_one_is_recorded_and_harmless(self, built: World, name: str, arguments: list[Any]) -> None:
        """A signal that does not apply leaves a line that says why, and an issued certificate stays as it was."""
        certificate_id = await built.issued()
        before = await built.row(certificate_id)
        await built.handle(certificate_id).signal(name, args=arguments)
        after = await built.until(certificate_id, lambda state: state.version > before.version)

        assert (await built.facts(certificate_id))[-1] == "message_ignored"
        assert (after.status, after.phase) == (S.ISSUED, Phase.IDLE)

    async def test_withdraw_takes_an_application_back(self, built: World) -> None:
        """The signal does what the API's withdrawal does."""
        certificate_id = await built.buy()
        await built.apply(certificate_id)
        await built.until(certificate_id, lambda state: state.phase is Phase.PROVING)
        await built.handle(certificate_id).signal("withdraw")

        state = await built.until(certificate_id, lambda state: state.status is S.PAID and not state.discard)
        assert state.application is not None
        assert state.application.outcome is Outcome.WITHDRAWN

    async def test_revoke_with_a_reason_revokes_and_refunds(self, built: World) -> None:
        """The signal from the Temporal UI ends in revoked and refunded."""
        certificate_id = await built.issued()
        await built.handle(certificate_id).signal("revoke", {"reason": "superseded", "force": False})
        await built.until(certificate_id, lambda state: state.status is S.REVOKED and state.phase is Phase.IDLE)

        assert await built.postings(certificate_id) == {"charge": -900, "refund": 900}

    async def test_a_cancel_request_changes_nothing(self, built: World) -> None:
        """Cancelling the workflow is recorded; the certificate lives on and can be revoked."""
        certificate_id = await built.issued()
        before = await built.row(certificate_id)
        await built.handle(certificate_id).cancel()
        await built.until(certificate_id, lambda state: state.version > before.version)
        await built.revoke(certificate_id)

        assert (await built.row(certificate_id)).status is S.REVOKED


class TestAttention:
    async def test_an_unplanned_refusal_parks_and_resumes(self, built: World) -> None:
        """A step that fails in a way nobody planned waits for an operator, who lets it try again."""
        error = ApplicationError("surprise", non_retryable=True)
        built.methods["broken"] = BrokenPayments(error, times=1)
        certificate_id = await built.buy(method="broken")
        parked = await built.until(certificate_id, lambda state: state.attention is not None)
        assert parked.attention is not None
        assert parked.attention.step is StepKind.CHARGE
        await built.handle(certificate_id).signal("resume")

        assert (await built.reaches(certificate_id, S.PAID)).attention is None

    async def test_a_parked_charge_can_be_skipped(self, built: World) -> None:
        """Skipping a charge cancels the order and pays back whatever was taken."""
        built.methods["hopeless"] = BrokenPayments(ApplicationError("no", non_retryable=True), times=99)
        certificate_id = await built.buy(method="hopeless")
        await built.until(certificate_id, lambda state: state.attention is not None)
        await built.handle(certificate_id).signal("skip")

        state = await built.until(
            certificate_id, lambda state: state.status is S.CANCELLED and state.phase is Phase.IDLE
        )
        assert state.attention is None

    async def test_an_outage_is_waited_out(self, built: World) -> None:
        """Something that is down for a while delays the step and nothing else."""
        slow = BrokenPayments(Outage("The bank is down."), times=12)
        built.methods["slow"] = slow
        buying = asyncio.create_task(built.buy(method="slow"))
        certificate_id = await asyncio.wait_for(_first(slow), 20)
        await built.forward(certificate_id, timedelta(minutes=10))
        await buying
        state = await built.reaches(certificate_id, S.PAID)

        assert (slow.calls[certificate_id], state.delay) == (13, None)


async def _first(method: BrokenPayments) -> str:
    while not method.calls:
        await asyncio.sleep(0.02)
    return next(iter(method.calls))


class TestRestart:
    async def test_a_lost_workflow_is_restored_from_the_row(self, built: World) -> None:
        """A terminated workflow starts again from the row's state and goes on where it was."""
        certificate_id = await built.buy()
        await built.apply(certificate_id)
        state = await built.until(certificate_id, lambda state: state.phase is Phase.PROVING)
        await built.handle(certificate_id).terminate("lost")
        assert not await built.client.running(certificate_id)
        assert await built.client.restore(state)
        assert not await built.client.restore(state)
        await built.prove(certificate_id)

        await built.reaches(certificate_id, S.ISSUED)
        assert await built.postings(certificate_id) == {"charge": -900}

    async def test_updates_racing_a_new_run_are_all_answered(self, built: World) -> None:
        """Commands that arrive while a renewal continues as new are carried out or refused, never lost."""
        certificate_id = await built.issued()
        labels = [built.ask(certificate_id, c.Relabel, label=f"label {index}") for index in range(8)]
        answers = await asyncio.gather(built.ask(certificate_id, c.Renew), *labels)
        state = await built.until(certificate_id, lambda state: len(state.issuances) == 2 and state.phase is Phase.IDLE)

        assert len(answers) == 9
        assert (await built.facts(certificate_id)).count("relabelled") == 8
        assert state.label is not None


@pytest.fixture(params=[SQLITE, POSTGRES])
async def alone(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A world without a worker, on each database; a test starts the kind it wants."""
    folder = tmp_path_factory.mktemp("alone")
    async with temporal() as env, world(env, folder, database=request.param) as made:
        yield made


class TestNoWorker:
    async def test_an_order_waits_for_a_worker(self, alone: World) -> None:
        """A purchase without a worker is answered as unknown, and is carried out once a worker comes."""
        alone.client = CertificateClient(alone.env.client, answer_within=timedelta(seconds=1))
        with pytest.raises(OutcomeUnknown):
            await alone.buy()
        certificate_id = [one.id async for one in alone.env.client.list_workflows()].pop()
        certificate_id = certificate_id.removeprefix("certificate-")
        async with alone.worker():
            await alone.until(certificate_id, lambda state: state.status is S.PAID)

        assert await alone.postings(certificate_id) == {"charge": -900}

    async def test_a_temporal_that_never_answered_is_an_outage(self) -> None:
        """An API that began without Temporal says so, and a later request may succeed."""
        lazy = CertificateClient(await Client.connect("127.0.0.1:1", lazy=True, data_converter=pydantic_data_converter))

        with pytest.raises(Outage):
            await lazy.running("cert_1")
        with pytest.raises(Outage):
            await lazy.send("cert_1", c.Withdraw(request_id="r", actor="key_1", requested_at=NOW))


class TestRepetition:
    @pytest.mark.parametrize("around", [twice, forgotten])
    async def test_every_activity_may_run_again(self, alone: World, around: Any) -> None:
        """A whole life in which each activity runs twice, or loses its first answer, moves everything once."""
        async with alone.worker(interceptors=[Wrapped(around), Failures()]):
            certificate_id = await alone.issued()
            await alone.ask(certificate_id, c.Renew)
            await alone.until(certificate_id, lambda state: len(state.issuances) == 2)
            await alone.revoke(certificate_id)
            state = await alone.until(
                certificate_id, lambda state: state.status is S.REVOKED and state.phase is Phase.IDLE
            )
            assert await alone.agrees(certificate_id)
            await alone.ask(certificate_id, c.Delete)
            async with alone.storage.read() as tx:
                records = await tx.issuances.list(certificate_id)

        assert await alone.postings(certificate_id) == {"charge": -900, "refund": 900}
        assert [record.issuance.serial for record in records] == [one.serial for one in state.issuances]

    @pytest.mark.parametrize("around", [twice, forgotten])
    async def test_every_step_of_a_deployment_may_run_again(self, alone: World, around: Any) -> None:
        """Deployments whose steps run twice, or lose their first answer, change a target once and end rightly."""
        async with alone.worker(interceptors=[Wrapped(around), Failures()]):
            first, second = await alone.issued(), await alone.issued()
            shared = await alone.target()
            broken = await alone.target(prove_within=timedelta(seconds=3))
            alone.targets.serve(broken.id, "f" * 64)
            alone.targets.trouble(broken.id, Trouble.STALE, endpoint=0)
            records = [await alone.ended(one) for one in await alone.deploy(first, shared, broken)]
            records += [await alone.ended(one) for one in await alone.deploy(second, shared)]
            await alone.until(first, lambda state: not state.placements)
            await alone.until(second, lambda state: not state.deploying)

        ends = [DeploymentState.DEPLOYED, DeploymentState.ROLLED_BACK, DeploymentState.DEPLOYED]
        assert [record.state for record in records] == ends
        assert len(alone.targets.changes(shared.id)) == 2
        assert alone.targets.changes(broken.id)[0::2] == ("f" * 64, "f" * 64)
        assert (await alone.facts(first))[-1] == "displaced"


class TestLostDeployments:
    async def test_a_terminated_one_is_brought_to_its_end(self, alone: World) -> None:
        """A deployment whose workflow was terminated is restarted by reconcile, and its target is free afterwards."""
        async with alone.worker():
            certificate_id = await alone.issued()
            target = await alone.target(prove_within=timedelta(minutes=5))
            alone.targets.trouble(target.id, Trouble.STALE, endpoint=0)
            (deployment_id,) = await alone.deploy(certificate_id, target)
            await alone.reached(deployment_id, DeploymentState.PROVING)
            await alone.env.client.get_workflow_handle(f"deployment-{deployment_id}").terminate()
            alone.targets.heal(target.id)
            late = datetime.now(UTC) + timedelta(minutes=1)
            restored = await reconcile_deployments(alone.storage, alone.client, now=late)
            record = await alone.ended(deployment_id)
            await alone.until(certificate_id, lambda state: not state.deploying)

        assert list(restored) == [deployment_id]
        assert record.state is DeploymentState.DEPLOYED

    async def test_a_certificate_restored_from_its_row_goes_on(self, alone: World) -> None:
        """A certificate whose workflow is lost while it is deployed hears the end from the deployment all the same."""
        async with alone.worker():
            certificate_id = await alone.issued()
            target = await alone.target(prove_within=timedelta(minutes=5))
            alone.targets.trouble(target.id, Trouble.STALE, endpoint=0)
            (deployment_id,) = await alone.deploy(certificate_id, target)
            await alone.reached(deployment_id, DeploymentState.PROVING)
            await alone.handle(certificate_id).terminate()
            alone.targets.heal(target.id)
            record = await alone.ended(deployment_id)
            await alone.client.restore(await alone.row(certificate_id))
            state = await alone.until(certificate_id, lambda state: not state.deploying)

        assert record.state is DeploymentState.DEPLOYED
        assert [one.proven for one in state.placements] == [1]

    async def test_an_end_that_was_never_told_is_told(self, alone: World) -> None:
        """A deployment that ended and was terminated before it told so is started again, and tells."""
        async with alone.worker():
            certificate_id = await alone.issued()
            target = await alone.target(prove_within=timedelta(minutes=5))
            alone.targets.trouble(target.id, Trouble.STALE, endpoint=0)
            (deployment_id,) = await alone.deploy(certificate_id, target)
            await alone.reached(deployment_id, DeploymentState.PROVING)
            await alone.env.client.get_workflow_handle(f"deployment-{deployment_id}").terminate()
            async with alone.storage.begin() as tx:
                await tx.deployments.end(deployment_id, DeploymentState.FAILED, why="No.", at=datetime.now(UTC))
            late = datetime.now(UTC) + timedelta(minutes=1)
            restored = await reconcile_reports(alone.storage, alone.client, now=late)
            await alone.until(certificate_id, lambda state: not state.deploying)

        assert list(restored) == [deployment_id]
