"""Counts for the overview and the operators' pages; each walks an index that holds all it needs."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from itertools import pairwise
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from certloom.domain.fact import Entry
from certloom.domain.state import CertificateState
from certloom.domain.tally import tally
from certloom.storage.records import DayTally
from certloom.storage.rows import many
from certloom.storage.sorting import Unindexed, moment
from certloom.storage.tables import authority_orders as orders
from certloom.storage.tables import certificates
from certloom.storage.tables_overview import tallies

_rows: Final = certificates.c


class SqlOverviewTable:
    """OverviewTable on one connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def expiring(self, account_id: str | None, moments: Sequence[datetime]) -> Sequence[int]:
        """Count per span, in one statement."""
        row = (await self._connection.execute(ending(account_id, moments))).one()
        return [int(count) for count in row]

    async def tallies(self, account_id: str | None, *, since: date) -> Sequence[DayTally]:
        """Count per day, kind and cause."""
        return await many(self._connection, per_day(account_id, since), DayTally)

    async def in_trouble(self, account_id: str | None, *, limit: int) -> Sequence[CertificateState]:
        """List newest first."""
        return (await self._connection.scalars(troubled(account_id).limit(limit))).all()

    async def reviews_waiting(self) -> int:
        """Count from the index of those alone."""
        statement = select(func.count()).select_from(certificates).where(_rows.review_since.is_not(None))
        return int(await self._connection.scalar(statement) or 0)

    async def signed(self) -> Mapping[str, int]:
        """Count serials."""
        per_authority = select(orders.c.authority_id, func.count()).where(orders.c.authority_id.is_not(None))
        rows = await self._connection.execute(per_authority.group_by(orders.c.authority_id))
        return {str(authority_id): int(count) for authority_id, count in rows}


def counted(state: CertificateState, entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """Return the rows that say what *entries* count as."""
    issuer = state.product.issuer if state.product else ""
    found = ((entry, tally(entry.fact, issuer=issuer)) for entry in entries)
    return [
        {
            "certificate_id": state.certificate_id,
            "version": entry.version,
            "account_id": state.account_id,
            "day": entry.fact.at.date(),
            "kind": one.kind,
            "cause": one.cause,
        }
        for entry, one in found
        if one is not None
    ]


def ending(account_id: str | None, moments: Sequence[datetime]) -> Select[*tuple[Any, ...]]:
    """Return the statement that counts the ends between each two moments; what is not issued ends behind them all."""
    mine = _of(account_id, _rows.account_id)
    spans = (
        select(func.count()).where(_rows.sort_end >= begin, _rows.sort_end < until, *mine)
        for begin, until in pairwise(moment(one) for one in moments)
    )
    return select(*(span.select_from(certificates).scalar_subquery() for span in spans))


def per_day(account_id: str | None, since: date) -> Select[*tuple[Any, ...]]:
    """Return the statement that counts what happened."""
    key = (tallies.c.day, tallies.c.kind, tallies.c.cause)
    mine = _of(account_id, tallies.c.account_id)
    return select(*key, func.count().label("count")).where(tallies.c.day >= since, *mine).group_by(*key).order_by(*key)


def troubled(account_id: str | None) -> Select[CertificateState]:
    """Return the statement that finds what needs attention."""
    waiting = text("needs_attention")  # as the partial index says it: SQLite takes no other spelling for the same
    mine = select(_rows.state).where(waiting, *_of(account_id, Unindexed(_rows.account_id)))
    return mine.order_by(_rows.created_at.desc(), _rows.id.desc())


def _of(account_id: str | None, column: ColumnElement[str]) -> list[ColumnElement[bool]]:
    return [] if account_id is None else [column == account_id]
