"""A deployment as its steps meet it: its row, its target, its certificate, and the leaf it is about."""

from typing import NamedTuple

from certloom.domain.certificate import CertificateStatus
from certloom.domain.deployment import Trigger
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
    if (why := await _taken(tx, job)) is not None:
        return why
    for other in await tx.deployments.of_target(job.target.id, limit=10):
        if other.certificate_id == job.record.certificate_id and other.started_at > job.record.started_at:
            return f"The deployment {other.id} came after it."
    return None


async def holder_of(tx: Transaction, target_id: str) -> DeploymentRecord | None:
    """Return the deployment that was proven at a target last, if it put one of our issuances there."""
    found = await tx.targets.get(target_id)
    past = await tx.deployments.get(found.deployment_id) if found and found.deployment_id else None
    return past if past and past.number is not None else None


async def _taken(tx: Transaction, job: Job) -> str | None:
    """A person may take a target over; what goes by itself must not take it back."""
    if job.record.trigger is Trigger.REQUEST:
        return None
    past = await holder_of(tx, job.target.id)
    if past is not None and past.certificate_id != job.record.certificate_id:
        return f"The certificate {past.certificate_id} was deployed there meanwhile."
    if job.record.trigger is Trigger.ROLLBACK and (past is None or past.id != job.record.restores):
        return "What was to be undone is not served there any more."
    return None


def require_issued(job: Job) -> None:
    """Raise TargetRefused when the leaf must not be put anywhere any more."""
    leaf = next((one for one in job.state.issuances if one.number == job.record.number), None)
    revoked = leaf is not None and leaf.state is IssuanceState.REVOKED
    if job.state.status is not CertificateStatus.ISSUED or revoked:
        raise TargetRefused("The certificate was revoked or deleted meanwhile.")
