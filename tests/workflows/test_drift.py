"""Targets after a deployment: taken back by hand, detached, and repaired when they serve something else."""

from datetime import timedelta

from certloom.domain import command as c
from certloom.domain.certificate import Phase
from certloom.domain.deployment import Trigger
from certloom.targets.fake import Trouble
from tests.workflows.deploying import FOREIGN, deployments, endpoints, fingerprint
from tests.workflows.world import World


class TestByHand:
    async def test_back_to_the_issuance_before(self, built: World) -> None:
        """A rollback by hand serves the previous issuance, is proven, and stays until there is a newer one."""
        certificate_id = await built.issued()
        target = await built.target()
        (first,) = await built.deploy(certificate_id, target)
        await built.ended(first)
        old = await fingerprint(built, certificate_id)
        await built.ask(certificate_id, c.Renew)
        await built.until(certificate_id, lambda state: [one.proven for one in state.placements] == [2])
        last = (await deployments(built, certificate_id))[0]
        await built.roll_back(certificate_id, last, number=1)
        state = await built.until(certificate_id, lambda state: state.placements[0].proven == 1)
        await built.watch()

        assert built.targets.served(target.id) == old
        assert (await built.row(certificate_id)).placements == state.placements
        await built.ask_later(certificate_id, c.Renew, timedelta(hours=25))
        await built.until(certificate_id, lambda state: state.placements[0].proven == 3)

    async def test_back_to_what_came_from_elsewhere(self, built: World) -> None:
        """Putting back what was there before the first deployment ends the certificate's hold on the target."""
        certificate_id = await built.issued()
        target = await built.target()
        built.targets.serve(target.id, FOREIGN)
        (first,) = await built.deploy(certificate_id, target)
        record = await built.ended(first)
        await built.until(certificate_id, lambda state: not state.deploying)
        await built.roll_back(certificate_id, record, number=None)
        await built.until(certificate_id, lambda state: not state.placements)

        assert built.targets.served(target.id) == FOREIGN.fingerprint_sha256

    async def test_a_detached_target_is_left_alone(self, built: World) -> None:
        """A target that was deleted keeps what it serves, and the next issuance does not go there."""
        certificate_id = await built.issued()
        target = await built.target()
        (first,) = await built.deploy(certificate_id, target)
        await built.ended(first)
        await built.until(certificate_id, lambda state: not state.deploying)
        old = await fingerprint(built, certificate_id)
        await built.ask(certificate_id, c.Detach, target_id=target.id)
        await built.ask(certificate_id, c.Renew)
        await built.until(certificate_id, lambda state: len(state.issuances) == 2 and state.phase is Phase.IDLE)

        assert built.targets.served(target.id) == old


class TestDrift:
    async def test_a_wrong_leaf_is_repaired(self, built: World) -> None:
        """The watch finds a leaf that was not proven there, the certificate records it and puts its own back."""
        certificate_id = await built.issued()
        target = await built.target(*endpoints(2, "drift"))
        (first,) = await built.deploy(certificate_id, target)
        await built.ended(first)
        await built.until(certificate_id, lambda state: not state.deploying)
        built.targets.serve(target.id, FOREIGN)
        seen = await built.watch()
        await built.until(certificate_id, lambda state: state.deployments == 2 and not state.deploying)

        assert seen.drifted >= 1
        assert built.targets.served(target.id) == await fingerprint(built, certificate_id)
        assert (await built.facts(certificate_id))[-3:] == ["drift_seen", "deployment_started", "deployment_ended"]
        assert (await deployments(built, certificate_id))[0].trigger is Trigger.DRIFT

    async def test_what_is_right_wakes_nobody(self, built: World) -> None:
        """A watch that finds the proven leaf everywhere changes nothing, and keeps what it saw."""
        certificate_id = await built.issued()
        target = await built.target()
        (first,) = await built.deploy(certificate_id, target)
        await built.ended(first)
        state = await built.until(certificate_id, lambda state: not state.deploying)
        await built.watch()
        async with built.storage.read() as tx:
            record = await tx.targets.get(target.id)

        assert (await built.row(certificate_id)).version == state.version
        assert record is not None
        assert record.looks is not None
        assert record.looked_at is not None

    async def test_an_unreachable_endpoint_is_not_redeployed(self, built: World) -> None:
        """A deployment cannot mend an endpoint that nobody reaches, so none is begun."""
        certificate_id = await built.issued()
        target = await built.target()
        (first,) = await built.deploy(certificate_id, target)
        await built.ended(first)
        await built.until(certificate_id, lambda state: not state.deploying)
        built.targets.trouble(target.id, Trouble.UNREACHABLE)
        await built.watch()

        assert (await built.row(certificate_id)).deployments == 1
