"""What the rows tell of deployments: found for this caller, and put together with target and leaf."""

from datetime import datetime

from api.auth import Caller
from api.case import Case, is_id
from api.schemas.deployment import Told
from api.services import Services
from certloom.domain import command as c
from certloom.domain.deployment import Trigger
from certloom.domain.errors import NotFound
from certloom.domain.issuance import IssuanceState
from certloom.storage.interface import Transaction
from certloom.storage.records import DeploymentRecord, IssuanceRecord, TargetRecord


class Shelf:
    """Reads within one transaction; what a page's deployments share is read once."""

    def __init__(self, tables: Transaction) -> None:
        self._tables = tables
        self._targets: dict[str, TargetRecord] = {}
        self._leaves: dict[tuple[str, int], str | None] = {}

    async def tell(self, record: DeploymentRecord) -> Told:
        """Return the deployment with its target and the leaf that it puts there."""
        return Told(record, await self._target(record.target_id), await self._leaf(record))

    async def _target(self, target_id: str) -> TargetRecord:
        if target_id not in self._targets:
            found = await self._tables.targets.get(target_id)
            if found is None:
                raise ValueError(f"{target_id} is not stored")
            self._targets[target_id] = found
        return self._targets[target_id]

    async def _leaf(self, record: DeploymentRecord) -> str | None:
        if record.number is None:
            undone = await self._tables.deployments.get(record.restores) if record.restores else None
            return undone.before.fingerprint_sha256 if undone and undone.before else None
        key = (record.certificate_id, record.number)
        if key not in self._leaves:
            leaf = await self._tables.issuances.get(*key)
            self._leaves[key] = leaf.issuance.fingerprint_sha256 if leaf else None
        return self._leaves[key]


async def find_deployment(services: Services, caller: Caller, deployment_id: str) -> Told:
    """Return the deployment; raises NotFound for an unknown one and for another account's alike."""
    if is_id(deployment_id):
        async with services.storage.read() as tables:
            record = await tables.deployments.get(deployment_id)
            if record is not None and caller.sees(record.account_id):
                return await Shelf(tables).tell(record)
    raise NotFound("There is no such deployment.")


async def before(tables: Transaction, record: DeploymentRecord) -> IssuanceRecord | None:
    """Return the issuance of ours that the target held ahead of this deployment; None when it came from elsewhere."""
    leaf = record.before.fingerprint_sha256 if record.before else None
    if leaf is None:
        return None
    own = await tables.issuances.list(record.certificate_id)
    if found := next((one for one in own if one.issuance.fingerprint_sha256 == leaf), None):
        return found
    for certificate_id, number in await tables.deployments.put_there(record.target_id):
        other = await tables.issuances.get(certificate_id, number)
        if other is not None and other.issuance.fingerprint_sha256 == leaf:
            return other
    return None


def usable(found: IssuanceRecord, now: datetime) -> bool:
    """Whether it may be served still."""
    return found.issuance.state is not IssuanceState.REVOKED and found.issuance.not_after > now


async def begun(case: Case, deployment_id: str) -> bool:
    """Whether an earlier attempt of this request began it: then what was asked for may not be possible any more."""
    async with case.services.storage.read() as tables:
        return await tables.deployments.get(deployment_id) is not None


def announced(
    case: Case, item: c.DeployItem, *, number: int | None, trigger: Trigger, restores: str | None = None
) -> DeploymentRecord:
    """Return what the row will say once the workflow comes to it: the command is accepted, and not written yet."""
    return DeploymentRecord(
        id=item.deployment_id,
        certificate_id=case.id,
        account_id=case.state.account_id,
        target_id=item.target_id,
        number=number,
        trigger=trigger,
        actor=case.caller.key_id,
        restores=restores,
        started_at=case.now,
        updated_at=case.now,
    )
