"""A deployment as its steps meet it: its row, its target, its certificate, and the leaf it is about."""

from typing import NamedTuple

from certloom.domain.certificate import CertificateStatus
from certloom.domain.issuance import IssuanceState
from certloom.domain.state import CertificateState
from certloom.domain.target import Target
from certloom.storage.interface import Transaction
from certloom.storage.records import DeploymentRecord
from certloom.targets.interface import TargetRefused


class Job(NamedTuple):
    """A deployment's row, its target, the certificate it is about, and the leaf that shall be served.

    `leaf` is the fingerprint; None when something from elsewhere is put back.
    """

    record: DeploymentRecord
    target: Target
    state: CertificateState
    leaf: str | None


async def find_job(tx: Transaction, deployment_id: str) -> Job:
    """Return a deployment with what it is about; raises ValueError for one that is not stored."""
    record = await tx.deployments.get(deployment_id)
    target = await tx.targets.get(record.target_id) if record else None
    state = await tx.certificates.get(record.certificate_id) if record else None
    if record is None or target is None or state is None:
        raise ValueError(f"{deployment_id} is not stored")
    return Job(record, target.target, state, await leaf_of(tx, record))


async def leaf_of(tx: Transaction, record: DeploymentRecord) -> str | None:
    """Return the fingerprint of the issuance that a deployment is about; None for what comes from elsewhere."""
    if record.number is None:
        return None
    found = await tx.issuances.get(record.certificate_id, record.number)
    if found is None:
        raise ValueError(f"issuance {record.number} of {record.certificate_id} is not stored")
    return found.issuance.fingerprint_sha256


async def needless(tx: Transaction, job: Job) -> str | None:
    """Say why nothing has to be done; None when something has, or was begun already and must be brought to its end."""
    if job.record.served_before is not None:
        return None
    if job.target.deleted_at is not None:
        return "The target was deleted."
    if job.state.status is not CertificateStatus.ISSUED:
        return f"The certificate is {job.state.status} by now."
    for other in await tx.deployments.of_target(job.target.id, limit=10):
        if other.certificate_id == job.record.certificate_id and other.started_at > job.record.started_at:
            return f"The deployment {other.id} came after it."
    return None


def require_issued(job: Job) -> None:
    """Raise TargetRefused when the leaf must not be put anywhere any more."""
    leaf = next((one for one in job.state.issuances if one.number == job.record.number), None)
    revoked = leaf is not None and leaf.state is IssuanceState.REVOKED
    if job.state.status is not CertificateStatus.ISSUED or revoked:
        raise TargetRefused("The certificate was revoked or deleted meanwhile.")
