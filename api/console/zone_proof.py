"""Which way the proof of each name goes: written by us into a zone, led to ours by an alias, or published by hand.

The same choice as that of the worker which publishes (activities/zone.py), told to whoever looks at the page.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from api.schemas.application import RecordView
from api.schemas.certificate import CertificateView
from certloom.domain.zone import DnsZone, closest, proven_name
from certloom.storage.interface import Transaction


class By(StrEnum):
    """Who publishes a proof."""

    ZONE = "zone"  # we do, in a zone of the account
    ALIAS = "alias"  # we do, in our own zone, once the name's CNAME leads there
    HAND = "hand"  # the customer does
    FILE = "file"  # the customer does, and DNS has no part in it


class Way(NamedTuple):
    """One challenge's way: `zone` is ours to write, `alias` is where a CNAME has to lead.

    `published_at` says since when we show it, `shared` that another challenge has the same record name with another
    value, and `offered` that a CNAME could lead to us and was not asked for yet.
    """

    by: By
    zone: DnsZone | None = None
    alias: str = ""
    published_at: datetime | None = None
    shared: bool = False
    offered: bool = False

    @property
    def ours(self) -> bool:
        """Whether nobody else has to do anything; behind an alias, only once it was seen to lead to us."""
        return self.by is By.ZONE or (self.by is By.ALIAS and self.published_at is not None)


class _Known(NamedTuple):
    """What the account has: zones, labels in the service's own zone `delegation`, and what is published by us."""

    zones: Sequence[DnsZone]
    labels: Mapping[str, str]
    delegation: str | None
    published: Mapping[tuple[str, str], datetime]
    uses: Mapping[str, int]  # challenges by record name


async def ways(tables: Transaction, view: CertificateView, *, delegation: str | None) -> tuple[Way, ...]:
    """Return the way of each challenge, in their order."""
    challenges = view.application.challenges if view.application else ()
    names = [one.record.name for one in challenges if one.record]
    if not names:
        return tuple(Way(By.FILE) for _ in challenges)
    bases = [base for base in map(proven_name, names) if base]
    rows = await tables.published.of_certificate(view.id)
    known = _Known(
        zones=await tables.zones.of_account(view.account_id),
        labels=await tables.delegations.labels(view.account_id, bases) if delegation else {},
        delegation=delegation,
        published={
            (row.record_name, row.value): row.presented_at
            for row in rows
            if row.presented_at and row.unwanted_since is None
        },
        uses=Counter(names),
    )
    return tuple(_way(one.record, known) if one.record else Way(By.FILE) for one in challenges)


def _way(record: RecordView, known: _Known) -> Way:
    zone, base = closest(known.zones, record.name), proven_name(record.name)
    since, shared = known.published.get((record.name, record.value)), known.uses[record.name] > 1
    if zone is not None:
        by = By.ZONE if zone.is_written else By.HAND
        return Way(by, zone=zone, published_at=since, shared=shared)
    if label := known.labels.get(base or ""):
        return Way(By.ALIAS, alias=f"{label}.{known.delegation}.", published_at=since, shared=shared)
    offered = known.delegation is not None and base is not None
    return Way(By.HAND, published_at=since, shared=shared, offered=offered)
