"""Finding certificates fast among a hundred thousand: by account, status, date and prefix, in any order.

Lists walk an index in their order. A prefix that matches few is looked up first; one that matches many is checked
row by row along the walk, where a full page is never far away.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, exists, false, func, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from certloom.domain.certificate import CertificateStatus, Group, Origin
from certloom.domain.state import CertificateState
from certloom.storage.records import Sort
from certloom.storage.sorting import Position, Unindexed, moment, walked
from certloom.storage.tables import certificate_terms as terms
from certloom.storage.tables import certificates

Conditions = list[ColumnElement[bool]]

FEW: Final = 500  # matches up to which looking them all up is cheaper than walking
LONGEST_TERM: Final = 255  # characters; a domain name has 253 at most, and an index entry must stay under 2,700 bytes

_rows = certificates.c


@dataclass(frozen=True)
class Search:
    """What to look for; None leaves a filter out, `account_id` None is for operators."""

    account_id: str | None
    group: Group | None = None
    status: CertificateStatus | None = None
    origin: Origin | None = None
    expires_before: datetime | None = None
    query: str | None = None
    sort: Sort = Sort.NEWEST

    async def run(
        self, connection: AsyncConnection, *, limit: int, after: Position | None
    ) -> Sequence[CertificateState]:
        """Return at most *limit* states in their order from *after* on, backwards when that says so."""
        rest = [await self._matching(connection, self.query)] if self.query else []
        narrow = walked(self.filtered().where(*rest), self.sort, after=after, limit=limit)
        if not self.query:
            return (await connection.scalars(narrow)).all()
        # Matches are told apart inside the index; the rows themselves are read only for the page.
        ids = (await connection.scalars(narrow.with_only_columns(_rows.id))).all()
        found = (await connection.scalars(select(_rows.state).where(_rows.id.in_(ids)))).all()
        return sorted(found, key=lambda state: ids.index(state.certificate_id))

    def filtered(self) -> Select[CertificateState]:
        """Return the statement with every filter but the query."""
        conditions: Conditions = [*self._kind(), *_of(self.account_id, _rows.account_id)]
        if self.origin is not None:
            conditions.append(_rows.origin == self.origin)
        if self.expires_before is not None:
            conditions.append(_rows.not_after < self.expires_before)
        return select(_rows.state).where(*conditions)

    def _kind(self) -> Conditions:
        """Deleted ones show only when status or group names them."""
        if self.status is None and self.group is None:
            return [self._leading(_rows.hidden) == false()]
        by_status = [] if self.status is None else [self._leading(_rows.status) == self.status]
        by_group = [] if self.group is None else [self._leading(_rows.status_group) == self.group]
        return by_status + by_group

    def _leading(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """Indexes that begin with the filter are in one order only."""
        return column if self.sort is Sort.NEWEST else Unindexed(column)

    async def _matching(self, connection: AsyncConnection, query: str) -> ColumnElement[bool]:
        wanted = prefixed(terms.c.term, folded(query))
        found = select(terms.c.certificate_id).where(*wanted, *_of(self.account_id, terms.c.account_id))
        few = (await connection.scalars(found.limit(FEW + 1))).all()
        if len(few) <= FEW:
            return _rows.id.in_(sorted(set(few)))
        if self.sort is Sort.NEWEST:
            # Without the account, which the row has already: with it SQLite would scan its terms for each row.
            return exists().where(terms.c.certificate_id == _rows.id, *wanted)
        # By name a prefix may begin behind most rows: those are told apart by one set, which `IS TRUE` keeps one.
        return _rows.id.in_(found).is_(true())


async def count_by_status(connection: AsyncConnection, account_id: str | None) -> Mapping[CertificateStatus, int]:
    """Count certificates per status; every status is present."""
    counts = dict.fromkeys(CertificateStatus, 0)
    for status, count in await connection.execute(counted(account_id)):
        counts[CertificateStatus(status)] = count
    return counts


def counted(account_id: str | None) -> Select[str, int]:
    """Return the statement that counts."""
    return select(_rows.status, func.count()).where(*_of(account_id, _rows.account_id)).group_by(_rows.status)


async def count_ending(connection: AsyncConnection, account_id: str | None, before: datetime) -> int:
    """Count what is in force and ends before then."""
    return await connection.scalar(counted_ending(account_id, before)) or 0


def counted_ending(account_id: str | None, before: datetime) -> Select[int]:
    """Return the statement that counts it."""
    return select(func.count()).where(_rows.sort_end < moment(before), *_of(account_id, _rows.account_id))


def folded(text: str) -> str:
    """Return *text* as it is compared: without case, cut to what an index can hold."""
    return text.casefold()[:LONGEST_TERM]


def prefixed(column: ColumnElement[str], prefix: str) -> Conditions:
    """Match a prefix as a range of code points: no pattern, so `%` and `_` mean themselves."""
    behind = _behind(prefix)
    return [column >= prefix] if behind is None else [column >= prefix, column < behind]


def _behind(prefix: str) -> str | None:
    """Return the least text above everything that begins with *prefix*; None when there is none."""
    rest = prefix.rstrip("\U0010ffff")
    if not rest:
        return None
    following = ord(rest[-1]) + 1
    return rest[:-1] + chr(0xE000 if following == 0xD800 else following)  # surrogates are no text


def _of(account_id: str | None, column: ColumnElement[str]) -> Conditions:
    return [] if account_id is None else [column == account_id]
