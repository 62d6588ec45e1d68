"""How tables run statements: insert once, insert or overwrite, read one or many as values.

Statements are built once per table and shape: building one costs more than running it.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Executable, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlalchemy.sql.elements import KeyedColumnElement

from certloom.domain.model import Model

M = TypeVar("M", bound=Model)
Values = Mapping[str, Any]
Insert = postgresql.Insert | sqlite.Insert
Excluded = ReadOnlyColumnCollection[str, KeyedColumnElement[Any]]
"""The row that was to be inserted, by its columns."""
Unless = Callable[[Excluded], ColumnElement[bool]]


@cache
def insert_into(dialect: str, table: Table) -> Insert:
    """Return the database's own INSERT, the one that knows ON CONFLICT."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


async def insert_once(connection: AsyncConnection, table: Table, values: Values | Sequence[Values]) -> int:
    """Insert, leave what is there as it is, and return how many rows were new.

    On PostgreSQL it waits for a rival's open transaction, so exactly one of two gets the row.
    """
    if not values:
        return 0
    statement = _insert_once(connection.dialect.name, table)
    if isinstance(values, Mapping):
        return (await connection.execute(statement, dict(values))).rowcount
    if len(values) == 1:
        return (await connection.execute(statement, dict(values[0]))).rowcount
    return (await connection.execute(statement.values(values))).rowcount  # many at once count their rows only so


@cache
def _insert_once(dialect: str, table: Table) -> Insert:
    return insert_into(dialect, table).on_conflict_do_nothing()


@cache
def insert_or_find(dialect: str, table: Table, key: str, *columns: ColumnElement[Any]) -> Executable:
    """Return an INSERT that gives back *columns* of its row, or of the one that has the *key* already.

    Touching the row that is there, and changing nothing, is what makes the database return it.
    """
    statement = insert_into(dialect, table)
    kept = statement.on_conflict_do_update(index_elements=[key], set_={key: table.c[key]})
    return kept.returning(*columns)


async def overwrite(
    connection: AsyncConnection,
    table: Table,
    values: Values,
    unless: Unless | None = None,
    **given: Any,
) -> bool:
    """Insert or overwrite by primary key; False when *unless* holds between the row that is there and the new one.

    The statement is kept by *unless*: a function of a module, whose bind parameters beside the row are *given*.
    """
    statement = _overwrite(connection.dialect.name, table, tuple(values), unless)
    return (await connection.execute(statement, {**values, **given})).rowcount > 0


@cache
def _overwrite(dialect: str, table: Table, names: Sequence[str], unless: Unless | None) -> Insert:
    statement = insert_into(dialect, table)
    keys = [column.name for column in table.primary_key]
    fresh = {name: statement.excluded[name] for name in names if name not in keys}
    condition = None if unless is None else ~unless(statement.excluded)
    return statement.on_conflict_do_update(index_elements=keys, set_=fresh, where=condition)


async def changed(connection: AsyncConnection, statement: Executable, values: Values | None = None) -> int:
    """Run an UPDATE or DELETE and return how many rows it met."""
    result = await connection.execute(statement, values)
    return int(getattr(result, "rowcount", 0))


async def one(
    connection: AsyncConnection, statement: Executable, kind: type[M], values: Values | None = None
) -> M | None:
    """Return the first row as a value, or None."""
    row = (await connection.execute(statement, values)).mappings().first()
    return None if row is None else kind.model_validate(dict(row))


async def many(
    connection: AsyncConnection, statement: Executable, kind: type[M], values: Values | None = None
) -> list[M]:
    """Return all rows as values."""
    rows = (await connection.execute(statement, values)).mappings()
    return [kind.model_validate(dict(row)) for row in rows]
