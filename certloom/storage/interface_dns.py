"""DNS zones that we may write to, the labels of delegations, and what was published: the tables behind certloom/dns.

The promises at the top of storage/interface.py hold here too.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from certloom.domain.zone import DnsZone
from certloom.storage.records import Page, PublishedRecord


class ZoneTable(Protocol):
    """Zones of accounts. A deleted one keeps its row, so that what was published there can still name it."""

    async def add(self, zone: DnsZone) -> bool:
        """Insert; False, and nothing changed, when the id or the account's zone of that name is there already."""
        ...

    async def get(self, zone_id: str) -> DnsZone | None:
        """Return one, deleted ones too."""
        ...

    async def list(self, *, account_id: str | None, limit: int, cursor: str | None = None) -> Page[DnsZone]:
        """List undeleted ones newest first; `account_id` None is for operators."""
        ...

    async def of_account(self, account_id: str) -> Sequence[DnsZone]:
        """List all undeleted ones of an account."""
        ...

    async def of_accounts(self, account_ids: Collection[str]) -> Sequence[DnsZone]:
        """List all undeleted ones of some accounts."""
        ...

    async def change(self, zone: DnsZone) -> bool:
        """Overwrite the settings of one; False, and nothing changed, when it is deleted or unknown."""
        ...

    async def delete(self, zone_id: str, at: datetime) -> bool:
        """Mark as deleted; False when it was before."""
        ...


class DelegationTable(Protocol):
    """One random label per account and base name; a label is never given twice, and never taken back."""

    async def keep(self, account_id: str, name: str, label: str, at: datetime) -> str:
        """Keep the proposed label unless the name has one; return the kept one."""
        ...

    async def labels(self, account_id: str, names: Sequence[str]) -> Mapping[str, str]:
        """Return the labels of those names that have one."""
        ...

    async def count(self, account_id: str) -> int:
        """Count an account's labels."""
        ...


class PublishedTable(Protocol):
    """What we published in DNS, by certificate and order, until it was taken away."""

    async def want(self, records: Sequence[PublishedRecord]) -> None:
        """Write down what is about to be published; one that was unwanted is wanted again."""
        ...

    async def of_certificate(self, certificate_id: str) -> Sequence[PublishedRecord]:
        """List a certificate's, in a fixed order."""
        ...

    async def standing(self, certificate_ids: Collection[str]) -> Sequence[PublishedRecord]:
        """List what stands there for some certificates, and is wanted."""
        ...

    async def presented(self, records: Sequence[PublishedRecord], at: datetime) -> None:
        """Say that they stand there. One whose row has gone meanwhile comes back as unwanted, to be taken away."""
        ...

    async def release(self, certificate_id: str, at: datetime, *, attempt: int | None = None) -> int:
        """Mark as unwanted what a certificate published for an order and older ones (None: for all); return how many.

        To be called in the transaction that ends the order.
        """
        ...

    async def expire(self, before: datetime, at: datetime) -> int:
        """Mark as unwanted what was wanted before *before*; return how much. No order takes so long."""
        ...

    async def due(self, now: datetime, *, limit: int) -> Sequence[PublishedRecord]:
        """List unwanted ones whose time has come, oldest date first."""
        ...

    async def wanted(self, keys: Sequence[tuple[str, str, str]]) -> Collection[tuple[str, str, str]]:
        """Return every key that anybody wants, at the places of these; one value at one place may have several."""
        ...

    async def close(self, *records: PublishedRecord, taken_away: bool = True) -> None:
        """Forget unwanted ones. Of what was taken away, who wants the same value by now publishes it anew."""
        ...

    async def postpone(self, record: PublishedRecord, *, until: datetime, error: str) -> None:
        """Count a try that failed, and say why and when the next one is."""
        ...
