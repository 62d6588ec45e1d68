"""The orders in which certificates are listed, and where a page of each begins, forwards and backwards.

Each order has one column that never is NULL, with the id behind it, so that pages are cut by key in every one of them.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import Field
from sqlalchemy import ColumnElement, Select, literal, tuple_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from certloom.domain.certificate import CertificateStatus
from certloom.domain.errors import FieldFault, InvalidInput
from certloom.domain.model import Utc
from certloom.domain.money import INT64_MAX
from certloom.domain.state import CertificateState
from certloom.storage.cursor import Cursor
from certloom.storage.records import Page, Sort
from certloom.storage.tables import certificates
from certloom.storage.types import Words

LONGEST_NAME: Final = 60  # characters that are compared; a cursor holds them, and stays short
_NEVER: Final = 2**62  # behind every moment
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_rows = certificates.c

_Id = Annotated[str, Field(pattern=r"^[!-~]{1,100}$")]
_Back = Annotated[bool, Field(strict=True)]
_Newest = tuple[Literal[Sort.NEWEST], Utc, _Id, _Back]
_Name = tuple[Literal[Sort.NAME], Annotated[str, Field(max_length=LONGEST_NAME)], _Id, _Back]
_Expiry = tuple[Literal[Sort.EXPIRY], Annotated[int, Field(ge=0, le=INT64_MAX, strict=True)], _Id, _Back]
_CURSOR: Final[Cursor[_Newest | _Name | _Expiry]] = Cursor(_Newest | _Name | _Expiry)

_COLUMNS: Final[Mapping[Sort, ColumnElement[Any]]] = {
    Sort.NEWEST: _rows.created_at,
    Sort.NAME: _rows.sort_name,
    Sort.EXPIRY: _rows.sort_end,
}


class Position(NamedTuple):
    """The row that a page lies behind; with `back` the page lies before it."""

    key: datetime | str | int
    id: str
    back: bool = False


class Unindexed(FunctionElement[Any]):
    """A column that SQLite must not choose an index by: it would sort all that fit instead of walking in order."""

    inherit_cache = True

    def __init__(self, column: ColumnElement[Any]) -> None:
        super().__init__(column)
        self.type = column.type


@compiles(Unindexed)
def _as_it_is(element: Unindexed, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.clauses.clauses[0], **kw)


@compiles(Unindexed, "sqlite")
def _with_a_plus(element: Unindexed, compiler: SQLCompiler, **kw: Any) -> str:
    """Follow https://sqlite.org/optoverview.html, 2: a unary plus keeps a term from being used by an index."""
    return f"+{_as_it_is(element, compiler, **kw)}"


def walked(statement: Select[CertificateState], sort: Sort, *, after: Position | None, limit: int) -> Select[Any]:
    """Return *statement* in the order of *sort*, from the position on; backwards the nearest row comes first."""
    column, falls = _COLUMNS[sort], sort is Sort.NEWEST
    if after is not None and after.back:
        falls = not falls
    if after is not None:
        here = tuple_(column, _rows.id)
        there = tuple_(literal(after.key, column.type), literal(after.id, Words))
        statement = statement.where(here < there if falls else here > there)
    order = (column.desc(), _rows.id.desc()) if falls else (column, _rows.id)
    return statement.order_by(*order).limit(limit)


def read(cursor: str, sort: Sort) -> Position:
    """Return the position; raises InvalidInput at /cursor for one that no list of this order gave out."""
    found, key, row_id, back = _CURSOR.read(cursor)
    if found is not sort:
        detail = "This cursor belongs to a list in another order; start again without a cursor."
        raise InvalidInput([FieldFault(pointer="/cursor", code="cursor_invalid", detail=detail)])
    return Position(key, row_id, back)


def page(rows: Sequence[CertificateState], sort: Sort, *, after: Position | None, limit: int) -> Page[CertificateState]:
    """Cut *rows*, of which one more than *limit* was asked for, and say where the pages beside it begin."""
    back, more, kept = bool(after and after.back), len(rows) > limit, tuple(rows[:limit])
    items = kept[::-1] if back else kept
    behind = items and (more or back)
    ahead = items and (more if back else after is not None)
    return Page(
        items=items,
        next_cursor=_write(items[-1], sort, back=False) if behind else None,
        previous_cursor=_write(items[0], sort, back=True) if ahead else None,
    )


def sort_name(state: CertificateState) -> str:
    """Return what it is known by, as it is compared; a wildcard stands beside the name under its star."""
    product = state.product.title if state.product else state.certificate_id
    known = state.names[0].removeprefix("*.") if state.names else state.label or product
    return known.casefold()[:LONGEST_NAME]


def sort_end(state: CertificateState) -> int:
    """Return when what is in force ends, in seconds since 1970; behind all of those stands the rest, newest first."""
    if state.status is CertificateStatus.ISSUED and state.issuance:
        return moment(state.issuance.not_after)
    return _NEVER - moment(state.created_at)


def moment(at: datetime) -> int:
    """Return *at* as `sort_end` writes it."""
    return int((at - _EPOCH).total_seconds())


def _write(state: CertificateState, sort: Sort, *, back: bool) -> str:
    match sort:
        case Sort.NEWEST:
            return _CURSOR.write((sort, state.created_at, state.certificate_id, back))
        case Sort.NAME:
            return _CURSOR.write((sort, sort_name(state), state.certificate_id, back))
        case Sort.EXPIRY:
            return _CURSOR.write((sort, sort_end(state), state.certificate_id, back))
