"""DNS zones of accounts, the labels of delegations, and what was published until it was taken away."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, and_, bindparam, delete, false, func, literal, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from certloom.domain.zone import DnsZone
from certloom.storage.cursor import BY_TIME
from certloom.storage.records import Page, PublishedRecord
from certloom.storage.rows import changed, insert_once, many, overwrite
from certloom.storage.tables_dns import dns_labels, dns_records, dns_zones
from certloom.storage.types import UtcDateTime, Words

_UNWANTED = dns_records.c.unwanted_since.is_not(None)
_ZONE = select(dns_zones.c.zone).where(dns_zones.c.id == bindparam("the_id"))
_ZONES_OF = select(dns_zones.c.zone).where(
    dns_zones.c.account_id == bindparam("the_account"), dns_zones.c.deleted == false()
)
_RECORDS_OF = select(dns_records).where(dns_records.c.certificate_id == bindparam("the_certificate"))
_ROW = tuple(dns_records.c[name] for name in ("certificate_id", "attempt", "how", "record_name", "value"))
_KEY = tuple(dns_records.c[name] for name in ("how", "place", "value"))
_WANTED = select(*_KEY).where(dns_records.c.place.in_(bindparam("the_places", expanding=True)), ~_UNWANTED).distinct()
_THIS = update(dns_records).where(*(column == bindparam(f"the_{column.name}") for column in _ROW))
_WANTED_OF = update(dns_records).where(
    dns_records.c.certificate_id == bindparam("the_certificate"), dns_records.c.unwanted_since.is_(None)
)
_CLOSED = delete(dns_records).where(*(column == bindparam(f"the_{column.name}") for column in _ROW), _UNWANTED)
_VANISHED = (
    update(dns_records)
    .where(*(column == bindparam(f"the_{column.name}") for column in _KEY), ~_UNWANTED)
    .values(presented_at=None)
)

Key = tuple[str, str, str]


class SqlZoneTable:
    """ZoneTable on one connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, zone: DnsZone) -> bool:
        """Insert; False, and nothing changed, when the id or the account's zone of that name is there already."""
        row = {
            "id": zone.id,
            "account_id": zone.account_id,
            "name": zone.zone,
            "deleted": zone.deleted_at is not None,
            "created_at": zone.created_at,
            "zone": zone,
        }
        return await insert_once(self._connection, dns_zones, row) == 1

    async def get(self, zone_id: str) -> DnsZone | None:
        """Return one, deleted ones too."""
        found: DnsZone | None = await self._connection.scalar(_ZONE, {"the_id": zone_id})
        return found

    async def list(self, *, account_id: str | None, limit: int, cursor: str | None = None) -> Page[DnsZone]:
        """List undeleted ones newest first."""
        statement = select(dns_zones.c.zone).where(dns_zones.c.deleted == false())
        if account_id is not None:
            statement = statement.where(dns_zones.c.account_id == account_id)
        if cursor is not None:
            at, last = BY_TIME.read(cursor)
            position = tuple_(literal(at, UtcDateTime), literal(last, Words))
            statement = statement.where(tuple_(dns_zones.c.created_at, dns_zones.c.id) < position)
        ordered = statement.order_by(dns_zones.c.created_at.desc(), dns_zones.c.id.desc()).limit(limit + 1)
        found: list[DnsZone] = list((await self._connection.scalars(ordered)).all())
        return BY_TIME.page(found, limit, lambda zone: (zone.created_at, zone.id))

    async def of_account(self, account_id: str) -> Sequence[DnsZone]:
        """List all undeleted ones of an account."""
        found: Sequence[DnsZone] = (await self._connection.scalars(_ZONES_OF, {"the_account": account_id})).all()
        return found

    async def of_accounts(self, account_ids: Collection[str]) -> Sequence[DnsZone]:
        """List all undeleted ones of some accounts."""
        theirs = dns_zones.c.account_id.in_(sorted(account_ids)), dns_zones.c.deleted == false()
        found: Sequence[DnsZone] = (await self._connection.scalars(select(dns_zones.c.zone).where(*theirs))).all()
        return found

    async def change(self, zone: DnsZone) -> bool:
        """Overwrite the settings of one; False, and nothing changed, when it is deleted or unknown."""
        statement = update(dns_zones).where(dns_zones.c.id == zone.id, dns_zones.c.deleted == false())
        return await changed(self._connection, statement.values(zone=zone)) == 1

    async def delete(self, zone_id: str, at: datetime) -> bool:
        """Mark as deleted; False when it was before."""
        found = await self.get(zone_id)
        if found is None or found.deleted_at is not None:
            return False
        gone = found.model_copy(update={"deleted_at": at})
        statement = update(dns_zones).where(dns_zones.c.id == zone_id, dns_zones.c.deleted == false())
        return await changed(self._connection, statement.values(deleted=True, zone=gone)) == 1


class SqlDelegationTable:
    """DelegationTable on one connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def keep(self, account_id: str, name: str, label: str, at: datetime) -> str:
        """Keep the proposed label unless the name has one; return the kept one."""
        row = {"account_id": account_id, "name": name, "label": label, "created_at": at}
        await insert_once(self._connection, dns_labels, row)
        return (await self.labels(account_id, [name]))[name]

    async def labels(self, account_id: str, names: Sequence[str]) -> Mapping[str, str]:
        """Return the labels of those names that have one."""
        mine = and_(dns_labels.c.account_id == account_id, dns_labels.c.name.in_(sorted(set(names))))
        rows = await self._connection.execute(select(dns_labels.c.name, dns_labels.c.label).where(mine))
        return {row.name: row.label for row in rows}

    async def count(self, account_id: str) -> int:
        """Count an account's labels."""
        statement = select(func.count()).select_from(dns_labels).where(dns_labels.c.account_id == account_id)
        return await self._connection.scalar(statement) or 0


class SqlPublishedTable:
    """PublishedTable on one connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def want(self, records: Sequence[PublishedRecord]) -> None:
        """Write down what is about to be published, in one order for all so that none deadlocks another."""
        for record in sorted(records, key=_order):
            await overwrite(self._connection, dns_records, dict(record))

    async def of_certificate(self, certificate_id: str) -> Sequence[PublishedRecord]:
        """List a certificate's, in a fixed order."""
        found = await many(self._connection, _RECORDS_OF, PublishedRecord, {"the_certificate": certificate_id})
        return sorted(found, key=_order)

    async def standing(self, certificate_ids: Collection[str]) -> Sequence[PublishedRecord]:
        """List what stands there for some certificates, and is wanted."""
        theirs = dns_records.c.certificate_id.in_(sorted(certificate_ids))
        statement = select(dns_records).where(theirs, ~_UNWANTED, dns_records.c.presented_at.is_not(None))
        return await many(self._connection, statement, PublishedRecord)

    async def presented(self, records: Sequence[PublishedRecord], at: datetime) -> None:
        """Say that they stand there; one whose row has gone comes back as unwanted."""
        for record in sorted(records, key=_order):
            if not await changed(self._connection, _THIS, {**_given(_ROW, _order(record)), "presented_at": at}):
                left = {"presented_at": at, "unwanted_since": at, "next_try_at": at}
                await insert_once(self._connection, dns_records, {**dict(record), **left})

    async def release(self, certificate_id: str, at: datetime, *, attempt: int | None = None) -> int:
        """Mark as unwanted what a certificate published for an order and older ones."""
        mine = {"the_certificate": certificate_id, "unwanted_since": at, "next_try_at": at, "tries": 0}
        if attempt is None:
            return await changed(self._connection, _WANTED_OF, mine)
        return await changed(self._connection, _WANTED_OF.where(dns_records.c.attempt <= attempt), mine)

    async def expire(self, before: datetime, at: datetime) -> int:
        """Mark as unwanted what was wanted before *before*."""
        statement = update(dns_records).where(~_UNWANTED, dns_records.c.created_at < before)
        return await changed(self._connection, statement.values(unwanted_since=at, next_try_at=at, tries=0))

    async def due(self, now: datetime, *, limit: int) -> Sequence[PublishedRecord]:
        """List unwanted ones whose time has come, oldest date first."""
        statement = select(dns_records).where(_UNWANTED, dns_records.c.next_try_at <= now)
        return await many(self._connection, statement.order_by(dns_records.c.next_try_at).limit(limit), PublishedRecord)

    async def wanted(self, keys: Sequence[Key]) -> Collection[Key]:
        """Return every key that anybody wants, at the places of these."""
        places = {"the_places": sorted({place for _, place, _ in keys})}
        rows = await self._connection.execute(_WANTED, places)
        return {(row.how, row.place, row.value) for row in rows}

    async def close(self, *records: PublishedRecord, taken_away: bool = True) -> None:
        """Forget unwanted ones; of what was taken away, who wants the same value by now publishes it anew."""
        if not records:
            return
        await self._connection.execute(
            _CLOSED, [_given(_ROW, _order(record)) for record in sorted(records, key=_order)]
        )
        keys = sorted({record.key for record in records}) if taken_away else ()
        if keys:
            await self._connection.execute(_VANISHED, [_given(_KEY, key) for key in keys])

    async def postpone(self, record: PublishedRecord, *, until: datetime, error: str) -> None:
        """Count a try that failed, and say why and when the next one is."""
        statement = update(dns_records).where(_is(record), _UNWANTED)
        await self._connection.execute(statement.values(next_try_at=until, tries=record.tries + 1, error=error))


def _given(columns: Iterable[Column[Any]], values: Iterable[object]) -> Mapping[str, object]:
    """Return what stands for the parameters of *columns*."""
    return {f"the_{column.name}": value for column, value in zip(columns, values, strict=True)}


def _order(record: PublishedRecord) -> tuple[str, int, str, str, str]:
    return record.certificate_id, record.attempt, record.how, record.record_name, record.value


def _is(record: PublishedRecord) -> ColumnElement[bool]:
    return and_(*(column == value for column, value in zip(_ROW, _order(record), strict=True)))
