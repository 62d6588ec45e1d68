"""Deployments on a real Temporal server, against the shipped fake of targets: proof, rollback, renewal, guards."""

from datetime import timedelta

import pytest

from certloom.domain import command as c
from certloom.domain.certificate import CertificateStatus, Phase
from certloom.domain.deployment import DeploymentState, Trigger
from certloom.domain.errors import NotAllowedNow
from certloom.domain.issuance import IssuanceState, RevocationReason
from certloom.domain.key import KeyType
from certloom.targets.fake import Trouble
from tests.workflows.deploying import FOREIGN, deployments, endpoints, fingerprint
from tests.workflows.world import World

S = DeploymentState


class TestProof:
    async def test_deployed_when_every_endpoint_serves_it(self, built: World) -> None:
        """A deployment ends as deployed, in row, certificate and timeline, once a handshake told so everywhere."""
        certificate_id = await built.issued()
        target = await built.target(*endpoints(3, "proof"))
        (deployment_id,) = await built.deploy(certificate_id, target)
        record = await built.ended(deployment_id)
        state = await built.until(certificate_id, lambda state: not state.deploying)

        assert (record.state, record.why) == (S.DEPLOYED, None)
        assert built.targets.served(target.id) == await fingerprint(built, certificate_id)
        assert [one.proven for one in state.placements] == [1]
        assert (await built.facts(certificate_id))[-2:] == ["deployment_started", "deployment_ended"]

    async def test_again_is_a_no_op_that_proves(self, built: World) -> None:
        """The same issuance deployed again changes nothing at the target and is proven again."""
        certificate_id = await built.issued()
        target = await built.target()
        for _ in range(2):
            (deployment_id,) = await built.deploy(certificate_id, target)
            record = await built.ended(deployment_id)
            await built.until(certificate_id, lambda state: not state.deploying)
            assert record.state is S.DEPLOYED

        assert built.targets.changes(target.id) == (await fingerprint(built, certificate_id),)

    async def test_a_target_in_use_is_waited_for(self, built: World) -> None:
        """Of two certificates for one target the second waits for the first, and then takes the target over."""
        first, second = await built.issued(), await built.issued()
        target = await built.target()
        built.targets.trouble(target.id, Trouble.STALE, endpoint=0, times=4)
        (one,) = await built.deploy(first, target)
        (other,) = await built.deploy(second, target)
        records = [await built.ended(one), await built.ended(other)]
        state = await built.until(first, lambda state: not state.placements)

        assert [record.state for record in records] == [S.DEPLOYED, S.DEPLOYED]
        assert records[0].ended_at is not None
        assert records[1].ended_at is not None
        assert records[0].ended_at < records[1].ended_at
        assert built.targets.served(target.id) == await fingerprint(built, second)
        assert (await built.facts(state.certificate_id))[-1] == "displaced"


BROKEN = {
    "serves the old one": (Trouble.STALE, 1, "served the certificate from before"),
    "serves another name's": (Trouble.OTHER, None, "another certificate (for other.invalid"),
    "hangs": (Trouble.HANG, None, "gave no certificate"),
    "is unreachable": (Trouble.UNREACHABLE, None, "was not reached"),
    "hangs at the second of three endpoints": (Trouble.HANG, 1, "-1.example.com:443 (192.0.2.1) gave no certificate"),
    "is denied": (Trouble.DENIED, None, "is not asked"),
}


class TestRollback:
    @pytest.mark.parametrize("kind", BROKEN)
    async def test_what_cannot_be_proven_is_put_back(self, built: World, kind: str) -> None:
        """What a target takes and does not serve is rolled back and proven so; it says why and stops no other."""
        trouble, endpoint, words = BROKEN[kind]
        certificate_id = await built.issued()
        stem = f"broken-{certificate_id.replace('_', '-')}"
        bad = await built.target(*endpoints(3, stem), prove_within=timedelta(seconds=2))
        good = await built.target()
        built.targets.serve(bad.id, FOREIGN)
        built.targets.trouble(bad.id, Trouble.STALE, endpoint=1)
        ids = await built.deploy(certificate_id, bad, good)
        await built.reached(ids[0], S.PROVING)
        if trouble is not Trouble.STALE:
            built.targets.heal(bad.id)
            built.targets.trouble(bad.id, trouble, endpoint=endpoint)
        await built.reached(ids[0], S.ROLLING_BACK)
        built.targets.heal(bad.id)
        records = [await built.ended(one) for one in ids]
        state = await built.until(certificate_id, lambda state: not state.deploying)

        assert [record.state for record in records] == [S.ROLLED_BACK, S.DEPLOYED]
        assert built.targets.served(bad.id) == FOREIGN.fingerprint_sha256
        assert words in (records[0].why or "")
        assert [one.target_id for one in state.placements] == [good.id]

    async def test_a_way_back_that_nobody_sees_is_not_called_one(self, built: World) -> None:
        """An endpoint that served something and now gives nothing makes the outcome failed, and it says so."""
        certificate_id = await built.issued()
        target = await built.target(*endpoints(2, "unseen"), prove_within=timedelta(seconds=1))
        built.targets.serve(target.id, FOREIGN)
        built.targets.trouble(target.id, Trouble.STALE, endpoint=1)
        (deployment_id,) = await built.deploy(certificate_id, target)
        await built.reached(deployment_id, S.PROVING)
        built.targets.trouble(target.id, Trouble.HANG, endpoint=0)
        await built.reached(deployment_id, S.ROLLING_BACK)
        child = built.env.client.get_workflow_handle(f"deployment-{deployment_id}")
        await built.env.fast_forward(child, timedelta(minutes=3))
        record = await built.ended(deployment_id)

        assert record.state is S.FAILED
        assert "could not be put back for sure: unseen-0.example.com" in (record.why or "")
        assert built.targets.served(target.id) == FOREIGN.fingerprint_sha256

    async def test_a_refusal_is_told(self, built: World) -> None:
        """What the place itself refuses ends at once, with its own sentence, and nothing is changed."""
        certificate_id = await built.issued()
        target = await built.target()
        built.targets.serve(target.id, FOREIGN)
        built.targets.trouble(target.id, Trouble.REFUSE)
        (deployment_id,) = await built.deploy(certificate_id, target)
        record = await built.ended(deployment_id)

        assert record.state is S.ROLLED_BACK
        assert built.targets.changes(target.id)[1:] == ()
        assert record.why

    async def test_cancelled_is_put_back(self, built: World) -> None:
        """A cancel request from the Temporal UI puts back what was there before."""
        certificate_id = await built.issued()
        target = await built.target(prove_within=timedelta(minutes=5))
        built.targets.serve(target.id, FOREIGN)
        built.targets.trouble(target.id, Trouble.STALE, endpoint=0)
        (deployment_id,) = await built.deploy(certificate_id, target)
        await built.reached(deployment_id, S.PROVING)
        await built.env.client.get_workflow_handle(f"deployment-{deployment_id}").cancel()
        record = await built.ended(deployment_id)

        assert (record.state, record.why) == (S.ROLLED_BACK, "It was cancelled by an operator.")
        assert built.targets.served(target.id) == FOREIGN.fingerprint_sha256


class TestRenewal:
    async def test_a_renewal_goes_to_every_target(self, built: World) -> None:
        """The next issuance is deployed by itself to all targets, and what it replaced is forgotten there."""
        certificate_id = await built.issued()
        targets = [await built.target(), await built.target()]
        for one in await built.deploy(certificate_id, *targets):
            await built.ended(one)
        await built.until(certificate_id, lambda state: not state.deploying)
        await built.ask(certificate_id, c.Renew)
        await built.until(certificate_id, lambda state: [one.proven for one in state.placements] == [2, 2])

        new = await fingerprint(built, certificate_id)
        assert [built.targets.served(one.id) for one in targets] == [new, new]
        assert [record.trigger for record in (await deployments(built, certificate_id))[:2]] == [Trigger.ISSUANCE] * 2
        assert {call.name for call in built.targets.calls if call.target_id == targets[0].id} >= {"install", "forget"}

    async def test_a_target_that_fails_keeps_the_old_one_and_is_tried_again(self, built: World) -> None:
        """A renewal that cannot be proven leaves the previous leaf served, and is tried again until it can."""
        certificate_id = await built.issued()
        target = await built.target(prove_within=timedelta(seconds=1))
        (first,) = await built.deploy(certificate_id, target)
        await built.ended(first)
        await built.until(certificate_id, lambda state: not state.deploying)
        old = await fingerprint(built, certificate_id)
        built.targets.trouble(target.id, Trouble.STALE, endpoint=0)
        await built.ask(certificate_id, c.Renew)
        state = await built.until(certificate_id, lambda state: bool(state.placements[0].failures))
        assert (built.targets.served(target.id), state.placements[0].proven) == (old, 1)
        built.targets.heal(target.id)
        await built.forward(certificate_id, timedelta(minutes=6))
        state = await built.until(certificate_id, lambda state: state.placements[0].proven == 2)

        assert built.targets.served(target.id) == await fingerprint(built, certificate_id)
        assert (state.placements[0].failures, state.placements[0].last_error) == (0, None)

    async def test_what_goes_by_itself_takes_no_target_back(self, built: World) -> None:
        """A renewal that finds another certificate proven at its target leaves it there, and looks after it no more."""
        mine, theirs = await built.issued(), await built.issued()
        target = await built.target(prove_within=timedelta(seconds=20))
        (first,) = await built.deploy(mine, target)
        await built.ended(first)
        await built.until(mine, lambda state: not state.deploying)
        built.targets.trouble(target.id, Trouble.STALE, endpoint=0)
        (taking,) = await built.deploy(theirs, target)
        await built.reached(taking, S.PROVING)
        await built.ask(mine, c.Renew)
        await built.until(mine, lambda state: bool(state.deploying))
        built.targets.heal(target.id)
        await built.ended(taking)
        await built.until(mine, lambda state: not state.placements)

        assert built.targets.served(target.id) == await fingerprint(built, theirs)
        assert (await deployments(built, mine))[0].state is S.SUPERSEDED


class TestReplacement:
    async def test_old_leaves_go_when_every_target_serves_the_new_one(self, built: World) -> None:
        """A replacement revokes the old issuance only after the last target was seen to serve the new one."""
        certificate_id = await built.issued()
        good, bad = await built.target(), await built.target(prove_within=timedelta(seconds=1))
        for one in await built.deploy(certificate_id, good, bad):
            await built.ended(one)
        await built.until(certificate_id, lambda state: not state.deploying)
        built.targets.trouble(bad.id, Trouble.STALE, endpoint=0)
        await built.ask(certificate_id, c.Replace, reason=RevocationReason.SUPERSEDED, key_type=KeyType.ECDSA_P256)
        state = await built.until(certificate_id, lambda state: any(one.failures for one in state.placements))
        assert state.phase is Phase.DEPLOYING
        assert [one.state for one in state.issuances] == [IssuanceState.SUPERSEDED, IssuanceState.VALID]
        built.targets.heal(bad.id)
        await built.forward(certificate_id, timedelta(minutes=6))
        state = await built.until(certificate_id, lambda state: state.phase is Phase.IDLE)

        assert [one.state for one in state.issuances] == [IssuanceState.REVOKED, IssuanceState.VALID]
        assert (await built.facts(certificate_id))[-1] == "retired"

    async def test_a_compromised_key_does_not_wait_longer_than_a_day(self, built: World) -> None:
        """For a compromised key the old issuance is revoked after 24 h, although a target still serves it."""
        certificate_id = await built.issued()
        bad = await built.target(prove_within=timedelta(seconds=1))
        (first,) = await built.deploy(certificate_id, bad)
        await built.ended(first)
        await built.until(certificate_id, lambda state: not state.deploying)
        built.targets.trouble(bad.id, Trouble.REFUSE)
        await built.ask(certificate_id, c.Replace, reason=RevocationReason.KEY_COMPROMISE, key_type=KeyType.ECDSA_P256)
        await built.until(certificate_id, lambda state: state.phase is Phase.DEPLOYING and not state.deploying)
        for _ in range(30):
            if (await built.row(certificate_id)).phase is not Phase.DEPLOYING:
                break
            await built.forward(certificate_id, timedelta(hours=2))
            await built.until(certificate_id, lambda state: not state.deploying)
        state = await built.until(certificate_id, lambda state: state.phase is Phase.IDLE)

        assert state.issuances[0].state is IssuanceState.REVOKED
        assert "retirement_due" in await built.facts(certificate_id)


class TestGuards:
    async def deployed(self, built: World) -> tuple[str, str]:
        certificate_id = await built.issued()
        target = await built.target()
        (deployment_id,) = await built.deploy(certificate_id, target)
        await built.ended(deployment_id)
        await built.until(certificate_id, lambda state: not state.deploying)
        return certificate_id, target.id

    async def test_revocation_is_refused_while_served(self, built: World) -> None:
        """A certificate that a handshake still finds served is not revoked, and the answer says where."""
        certificate_id, target_id = await self.deployed(built)
        with pytest.raises(NotAllowedNow) as refusal:
            await built.revoke(certificate_id)

        assert refusal.value.special_code == "in_use"
        assert target_id.replace("_", "-") in refusal.value.detail
        assert (await built.row(certificate_id)).revocation is None

    async def test_revocation_can_be_forced(self, built: World) -> None:
        """With force it is revoked all the same."""
        certificate_id, _ = await self.deployed(built)
        await built.ask(certificate_id, c.Revoke, reason=RevocationReason.SUPERSEDED, force=True)
        state = await built.reaches(certificate_id, CertificateStatus.REVOKED)

        assert state.revocation is not None
        assert state.revocation.force

    async def test_an_unreachable_endpoint_does_not_block(self, built: World) -> None:
        """Who does not answer cannot hold up a revocation."""
        certificate_id, target_id = await self.deployed(built)
        built.targets.trouble(target_id, Trouble.UNREACHABLE)
        await built.revoke(certificate_id)
        state = await built.reaches(certificate_id, CertificateStatus.REVOKED)

        assert state.revocation is not None
        assert not state.revocation.force

    async def test_a_signal_is_guarded_too(self, built: World) -> None:
        """The signal from the Temporal UI is refused by the same rule, and recorded with the reason."""
        certificate_id, _ = await self.deployed(built)
        await built.handle(certificate_id).signal("revoke", {"reason": "superseded"})
        state = await built.until(certificate_id, lambda state: state.version > 8)

        assert state.revocation is None
        assert (await built.facts(certificate_id))[-1] == "message_ignored"

    async def test_deletion_is_refused_while_deployed(self, built: World) -> None:
        """A certificate in use is not deleted; once something else is served there, it is."""
        certificate_id, target_id = await self.deployed(built)
        with pytest.raises(NotAllowedNow) as refusal:
            await built.ask(certificate_id, c.Delete, forfeit_refund=True)
        assert refusal.value.special_code == "in_use"
        built.targets.serve(target_id, FOREIGN)
        await built.ask(certificate_id, c.Delete, forfeit_refund=True)
        await built.reaches(certificate_id, CertificateStatus.DELETED)
