"""What tests of deployments ask again and again."""

from certloom.domain.target import Endpoint
from certloom.storage.records import DeploymentRecord
from certloom.targets.fake import Leaf
from tests.workflows.world import World

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
