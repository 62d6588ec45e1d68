"""Which zone a proof's record is ours to write into, and who writes there."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from certloom.dns.interface import DelegationZone, DnsProvider, DnsProviders, DnsRefused
from certloom.domain.application import Challenge
from certloom.domain.zone import CREDENTIALS, DELEGATED, DnsZone, closest, proven_name
from certloom.keys.interface import SealBroken, Sealer
from certloom.storage.interface import Transaction

logger = logging.getLogger(__name__)


class Spot(NamedTuple):
    """Where one value is published: `how` as the table has it, and the name under which it really stands."""

    how: str
    place: str


class ZoneWriters:
    """Opens zones with their credentials; `delegation` is the operator's own zone, None where there is none."""

    def __init__(self, *, sealer: Sealer, providers: DnsProviders, delegation: DelegationZone | None = None) -> None:
        self._sealer = sealer
        self._providers = providers
        self._delegation = delegation

    async def spots(
        self, tx: Transaction, account_id: str, challenges: Sequence[Challenge]
    ) -> Mapping[Challenge, Spot]:
        """Say for each challenge that is ours to publish where; a manual zone is its owner's to write."""
        zones = await tx.zones.of_account(account_id)
        left = [one for one in challenges if closest(zones, one.record_name or "") is None]
        return {**_in_zones(zones, challenges), **await self._delegated(tx, account_id, left)}

    async def open(self, tx: Transaction, how: str) -> DnsProvider | None:
        """Return who writes there; None when the zone was deleted. Raises DnsRefused."""
        if how == DELEGATED:
            if self._delegation is None:
                raise DnsRefused(
                    "This process knows no zone for delegated names; set CERTLOOM_DELEGATION_FILE as for the others."
                )
            return self._delegation.provider
        zone = await tx.zones.get(how)
        if zone is None or zone.deleted_at is not None:
            return None
        kind, sealed = CREDENTIALS[zone.kind], await tx.secrets.get(zone.credentials_ref)
        if kind is None or sealed is None:
            return self._providers.open(zone, None)
        return self._providers.open(zone, kind.model_validate_json(self._unsealed(zone, sealed)))

    def _unsealed(self, zone: DnsZone, sealed: bytes) -> bytes:
        try:
            return self._sealer.unseal(sealed, identity=zone.credentials_ref)
        except SealBroken:
            logger.exception("the credentials of %s cannot be opened", zone.id)
            raise DnsRefused(
                f"The credentials of the zone {zone.zone} cannot be opened here; ask the operator of this service."
            ) from None

    async def _delegated(
        self, tx: Transaction, account_id: str, challenges: Sequence[Challenge]
    ) -> Mapping[Challenge, Spot]:
        names = {one: proven_name(one.record_name or "") for one in challenges}
        wanted = [name for name in names.values() if name]
        if self._delegation is None or not wanted:
            return {}
        labels, zone = await tx.delegations.labels(account_id, wanted), self._delegation.zone
        return {
            one: Spot(DELEGATED, f"{labels[name]}.{zone}") for one, name in names.items() if name and name in labels
        }


def _in_zones(zones: Sequence[DnsZone], challenges: Iterable[Challenge]) -> dict[Challenge, Spot]:
    found = ((one, closest(zones, one.record_name or "")) for one in challenges)
    return {
        one: Spot(zone.id, (one.record_name or "").lower())
        for one, zone in found
        if zone is not None and zone.is_written
    }
