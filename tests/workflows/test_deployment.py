"""Deployments on a real Temporal server, against the shipped fake of targets: proof, rollback, renewal, guards."""

from datetime import timedelta

import pytest

from certloom.domain import command as c
from certloom.domain.certificate import CertificateStatus, Phase
from certloom.domain.deployment import DeploymentState, Trigger
from certloom.domain.errors import NotAllowedNow
from certloom.domain.issuance import IssuanceState, RevocationReason
from certloom.domain.key import KeyType
from certloom.domain.target import Endpoint
from certloom.storage.records import DeploymentRecord
from certloom.targets.fake import Leaf, Trouble
from tests.workflows.world import World

S = DeploymentState
FOREIGN = Leaf("f" * 64, serial="f0", names=("elsewhere.example.com",))


def endpoints(count: int, stem: str) -> tuple[Endpoint, ...]:
    return tuple(Endpoint(host=f"{stem}-{index}.example.com") for index in range(count))


async def fingerprint(built: World, certificate_id: str) -> str:
    leaf = (await built.row(certificate_id)).issuance
    assert leaf is not None
    return leaf.fingerprint_sha256


async def deployments(built: World, certificate_id: str) -> list[DeploymentRecord]:
    async with built.storage.read() as tx:
        page = await tx.deployments.of_certificate(certificate_id, limit=50)
    return list(page.items)


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
