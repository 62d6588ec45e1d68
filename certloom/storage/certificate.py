"""One row per certificate with its serialised state, and the timeline beside it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, bindparam, delete, false, insert, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from certloom.domain.certificate import GROUPS, CertificateStatus, Group, Origin, Phase
from certloom.domain.fact import Entry
from certloom.domain.state import CertificateState
from certloom.storage.cursor import BY_NUMBER, BY_TIME
from certloom.storage.overview import counted
from certloom.storage.records import Page, Sort, TimelineEntry
from certloom.storage.rows import Excluded, insert_once, many, overwrite
from certloom.storage.search import Search, count_by_status, count_ending, folded
from certloom.storage.sorting import page, read, sort_end, sort_name
from certloom.storage.tables import certificate_events as events
from certloom.storage.tables import certificate_terms as terms
from certloom.storage.tables import certificates
from certloom.storage.tables_overview import tallies
from certloom.storage.types import UtcDateTime, Words

_STATE = select(certificates.c.state).where(certificates.c.id == bindparam("the_id"))
_TERMS = select(terms.c.term).where(terms.c.certificate_id == bindparam("the_id"))
_NEW_TERMS = insert(terms)


class SqlCertificateTable:
    """CertificateTable on one connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def write(self, state: CertificateState, entries: Sequence[Entry]) -> None:
        """Write row and search terms unless a newer version is there, and each timeline entry once."""
        if await overwrite(self._connection, certificates, _row(state), unless=_newer):
            await self._write_terms(state)
        rows = [{"certificate_id": state.certificate_id, **dict(entry)} for entry in entries]
        await insert_once(self._connection, events, rows)
        await insert_once(self._connection, tallies, counted(state, entries))

    async def _write_terms(self, state: CertificateState) -> None:
        old = set((await self._connection.scalars(_TERMS, {"the_id": state.certificate_id})).all())
        new = _terms(state)
        if gone := old - new:
            mine = terms.c.certificate_id == state.certificate_id
            await self._connection.execute(delete(terms).where(mine, terms.c.term.in_(gone)))
        if more := sorted(new - old):
            row = {"certificate_id": state.certificate_id, "account_id": state.account_id}
            await self._connection.execute(_NEW_TERMS, [{**row, "term": term} for term in more])

    async def get(self, certificate_id: str) -> CertificateState | None:
        """Return the state as last written, deleted ones included."""
        state: CertificateState | None = await self._connection.scalar(_STATE, {"the_id": certificate_id})
        return state

    async def search(
        self,
        *,
        account_id: str | None,
        group: Group | None = None,
        status: CertificateStatus | None = None,
        origin: Origin | None = None,
        expires_before: datetime | None = None,
        query: str | None = None,
        sort: Sort = Sort.NEWEST,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[CertificateState]:
        """List in the order asked for; see the interface, search.py and sorting.py."""
        search = Search(account_id, group, status, origin, expires_before, query, sort)
        after = read(cursor, sort) if cursor is not None else None
        states = await search.run(self._connection, limit=limit + 1, after=after)
        if after and after.back and len(states) <= limit:  # the beginning is near: its whole page is shown
            after, states = None, await search.run(self._connection, limit=limit + 1, after=None)
        return page(states, sort, after=after, limit=limit)

    async def summary(self, account_id: str | None) -> Mapping[CertificateStatus, int]:
        """Count per status from an index alone; every status is present."""
        return await count_by_status(self._connection, account_id)

    async def ending(self, account_id: str | None, before: datetime) -> int:
        """Count what is in force and ends before then, from an index alone."""
        return await count_ending(self._connection, account_id, before)

    async def timeline(self, certificate_id: str, *, limit: int, cursor: str | None = None) -> Page[TimelineEntry]:
        """List what happened, newest first."""
        statement = select(events).where(events.c.certificate_id == certificate_id)
        if cursor is not None:
            statement = statement.where(events.c.version < BY_NUMBER.read(cursor))
        ordered = statement.order_by(events.c.version.desc()).limit(limit + 1)
        entries = await many(self._connection, ordered, TimelineEntry)
        return BY_NUMBER.page(entries, limit, lambda entry: entry.version)

    async def living(self, *, after: str | None, limit: int) -> Sequence[CertificateState]:
        """List certificates that are not deleted, by id."""
        statement = select(certificates.c.state).where(certificates.c.hidden == false())
        if after is not None:
            statement = statement.where(certificates.c.id > after)
        return (await self._connection.scalars(statement.order_by(certificates.c.id).limit(limit))).all()

    async def in_review(self, *, limit: int, cursor: str | None = None) -> Page[CertificateState]:
        """List those that wait for an operator, oldest application first."""
        since = certificates.c.review_since
        statement = select(certificates.c.state).where(since.is_not(None))
        if cursor is not None:
            at, last = BY_TIME.read(cursor)
            position = tuple_(literal(at, UtcDateTime), literal(last, Words))
            statement = statement.where(tuple_(since, certificates.c.id) > position)
        ordered = statement.order_by(since, certificates.c.id).limit(limit + 1)
        states = (await self._connection.scalars(ordered)).all()
        return BY_TIME.page(states, limit, lambda state: (_review_since(state), state.certificate_id))


def _newer(row: Excluded) -> ColumnElement[bool]:
    return certificates.c.version > row.version


def _row(state: CertificateState) -> dict[str, Any]:
    return {
        "id": state.certificate_id,
        "account_id": state.account_id,
        "version": state.version,
        "status": state.status,
        "status_group": GROUPS[state.status],
        "origin": state.origin,
        "hidden": state.closed,
        "needs_attention": state.attention is not None,
        "created_at": state.created_at,
        "not_after": state.issuance.not_after if state.issuance else None,
        "review_since": _review_since(state) if _awaits_review(state) else None,
        "state": state,
        "sort_name": sort_name(state),
        "sort_end": sort_end(state),
    }


def _terms(state: CertificateState) -> set[str]:
    words = (state.certificate_id, state.label or "", *state.names)
    return {folded(word) for word in words if word}


def _awaits_review(state: CertificateState) -> bool:
    """An operator may decide while the proof is still looked for, in any order (DESIGN 4.9)."""
    if state.application is None or state.product is None or not state.product.reviewed:
        return False
    early = state.phase is Phase.PROVING and state.application.review is None
    return early or state.phase is Phase.REVIEWING


def _review_since(state: CertificateState) -> datetime:
    """Only asked of states that have an application; the creation stands in for mypy and for nobody else."""
    return state.application.opened_at if state.application else state.created_at
