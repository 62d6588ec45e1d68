"""Revokes at the issuer and returns only when the issuer confirms."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from temporalio import activity

from activities.attempt import known
from activities.work import Done, Work, act_once, started_at
from certloom.domain.errors import IssuerRefused
from certloom.domain.fact import Fact, Retired, Revoked
from certloom.domain.issuance import Issuance, IssuanceState, RevocationReason
from certloom.domain.state import CertificateState
from certloom.issuers.interface import Issuer, LeafToRevoke
from certloom.keys.interface import SealBroken, Sealer
from certloom.storage.interface import Storage, Transaction
from certloom.storage.records import IssuanceRecord

logger = logging.getLogger(__name__)

_STANDING: Final = (IssuanceState.VALID, IssuanceState.SUPERSEDED)


class RevocationActivities:
    """`issuers` are the CAs by the name that products use; `sealer` opens customers' private keys."""

    def __init__(self, *, storage: Storage, issuers: Mapping[str, Issuer], sealer: Sealer) -> None:
        self._storage = storage
        self._issuers = issuers
        self._sealer = sealer

    @activity.defn(name="revoke")
    async def revoke(self, work: Work) -> Done:
        """Revoke every unexpired issuance, or after a replacement every one but the newest."""
        now = started_at()
        state = work.state
        leaves = await self._leaves(state, now)
        serials = tuple(leaf.serial for leaf in leaves)

        async def effect() -> Fact:
            await self._revoke_all(state, leaves, now)
            return Retired(at=now, serials=serials) if state.retiring else Revoked(at=now, serials=serials)

        async def beside(tx: Transaction, _: Fact) -> None:
            await tx.issuances.mark(state.certificate_id, {leaf.number: IssuanceState.REVOKED for leaf in leaves})

        newest = state.issuances[-1].serial
        key = state.claim(f"retire/{newest}" if state.retiring else f"revoke/{newest}")
        return await act_once(self._storage, work, key=key, now=now, effect=effect, beside=beside)

    async def _revoke_all(self, state: CertificateState, leaves: Sequence[Issuance], now: datetime) -> None:
        """Ask for each, the newest first, which is the one in use; one that is refused keeps none of the others."""
        refusals: list[IssuerRefused] = []
        for leaf in sorted(leaves, key=lambda one: one.number, reverse=True):
            try:
                await self._revoke(state, leaf, now)
            except IssuerRefused as refusal:
                refusals.append(refusal)
        if refusals:
            raise refusals[0]

    async def _leaves(self, state: CertificateState, now: datetime) -> Sequence[Issuance]:
        """List what the tables hold: a leaf counts whose signing the workflow never learned of."""
        async with self._storage.read() as tx:
            records = await tx.issuances.list(state.certificate_id)
        keep = state.issuance.serial if state.issuance and state.retiring else None
        return [
            record.issuance
            for record in records
            if record.issuance.state in _STANDING and record.issuance.not_after > now and record.issuance.serial != keep
        ]

    async def _revoke(self, state: CertificateState, leaf: Issuance, now: datetime) -> None:
        if state.product is None:
            raise ValueError("an uploaded certificate is not ours to revoke")
        async with self._storage.read() as tx:
            record = await tx.issuances.get(state.certificate_id, leaf.number)
        if record is None:
            raise ValueError(f"issuance {leaf.number} is not stored")
        issuer = known(self._issuers, state.product.issuer)
        await issuer.revoke(
            LeafToRevoke(
                key=state.claim(f"revoke/{leaf.serial}"),
                issuer=leaf.issuer,
                serial=leaf.serial,
                not_after=leaf.not_after,
                leaf_pem=record.leaf_pem,
                reason=_reason(state),
                revoked_at=now,
                private_key=await self._private_key(record) if issuer.outside else None,
            ),
            now=now,
        )

    async def _private_key(self, record: IssuanceRecord) -> bytes | None:
        """Return the leaf's key, by which it can be revoked when the CA lost our account (RFC 8555 section 7.6)."""
        if record.key_ref is None:
            return None
        async with self._storage.read() as tx:
            sealed = await tx.secrets.get(record.key_ref)
        try:
            return self._sealer.unseal(sealed, identity=record.key_ref) if sealed else None
        except SealBroken:  # it is only a second way; the account is the first
            logger.exception("the private key of %s cannot be opened", record.key_ref)
            return None


def _reason(state: CertificateState) -> RevocationReason:
    if state.retiring:
        return state.retiring
    if state.revocation is None:
        raise ValueError("no revocation was requested")
    return state.revocation.reason
