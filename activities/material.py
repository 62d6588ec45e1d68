"""Issuances as targets take them: found, unsealed for the moment of installing, and never kept."""

import base64
import textwrap
from collections.abc import Callable

from certloom.domain.errors import NotFound
from certloom.domain.issuance import Issuance
from certloom.domain.target import CREDENTIALS, Target, TargetCredentials
from certloom.keys.interface import Sealer
from certloom.storage.interface import Storage, Transaction
from certloom.storage.records import IssuanceRecord
from certloom.targets.interface import Material, TargetRefused


class Materials:
    """Reads pairs and credentials; what it returns holds secrets and must not outlive the call."""

    def __init__(self, *, storage: Storage, sealer: Sealer) -> None:
        self._storage = storage
        self._sealer = sealer

    async def of(self, certificate_id: str, number: int) -> Material:
        """Return an issuance with its key; raises NotFound, and TargetRefused when the customer has the key."""
        async with self._storage.read() as tx:
            record = await tx.issuances.get(certificate_id, number)
            sealed = await tx.secrets.get(record.key_ref) if record and record.key_ref else None
        if record is None:
            raise NotFound(f"Issuance {number} of {certificate_id} is not stored.")
        if sealed is None or record.key_ref is None:
            raise TargetRefused("The private key of this certificate is not here, so no target can be given it.")
        return _material(record, self._sealer.unseal(sealed, identity=record.key_ref))

    async def known(self, target_id: str, fingerprint: str | None) -> Material | None:
        """Return the pair of a leaf that a deployment of ours once put on this target; None for any other."""
        async with self._storage.read() as tx:
            record = await _recognised(tx, target_id, lambda leaf: leaf.fingerprint_sha256 == fingerprint)
            sealed = await tx.secrets.get(record.key_ref) if record and record.key_ref else None
        if record is None or record.key_ref is None or sealed is None:
            return None
        return _material(record, self._sealer.unseal(sealed, identity=record.key_ref))

    async def ours(self, target_id: str, *, fingerprint: str | None = None, serial: str | None = None) -> str | None:
        """Return the fingerprint of a leaf that a deployment of ours once put on this target; None for any other."""

        def fits(leaf: Issuance) -> bool:
            return leaf.fingerprint_sha256 == fingerprint or leaf.serial == serial

        async with self._storage.read() as tx:
            record = await _recognised(tx, target_id, fits)
        return record.issuance.fingerprint_sha256 if record else None

    async def credentials(self, target: Target) -> TargetCredentials | None:
        """Return what a target is driven with; None for kinds that need nothing, and when nothing is stored."""
        kind = CREDENTIALS[target.kind]
        if kind is None:
            return None
        async with self._storage.read() as tx:
            sealed = await tx.secrets.get(target.credentials_ref)
        if sealed is None:
            return None
        return kind.model_validate_json(self._sealer.unseal(sealed, identity=target.credentials_ref))


async def _recognised(tx: Transaction, target_id: str, fits: Callable[[Issuance], bool]) -> IssuanceRecord | None:
    for certificate_id, number in await tx.deployments.put_there(target_id):
        record = await tx.issuances.get(certificate_id, number)
        if record is not None and fits(record.issuance):
            return record
    return None


def _material(record: IssuanceRecord, key: bytes) -> Material:
    return Material(
        fingerprint_sha256=record.issuance.fingerprint_sha256,
        serial=record.issuance.serial,
        names=record.names,
        leaf_pem=record.leaf_pem,
        chain_pem=record.chain_pem,
        key_pem=_pkcs8_pem(key),
    )


def _pkcs8_pem(der: bytes) -> str:
    """Write RFC 7468 section 10."""
    lines = textwrap.wrap(base64.b64encode(der).decode(), 64)
    return "\n".join(("-----BEGIN PRIVATE KEY-----", *lines, "-----END PRIVATE KEY-----", ""))
