"""How tables run statements: insert once, insert or overwrite, read one or many as values."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Executable, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from certloom.domain.model import Model

M = TypeVar("M", bound=Model)
Values = Mapping[str, Any]


def insert(connection: AsyncConnection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """Return the database's own INSERT, the one that knows ON CONFLICT."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


async def insert_once(connection: AsyncConnection, table: Table, values: Values | Sequence[Values]) -> int:
    """Insert, leave what is there as it is, and return how many rows were new.

    On PostgreSQL it waits for a rival's open transaction, so exactly one of two gets the row.
    """
    if not values:
        return 0
    result = await connection.execute(insert(connection, table).values(values).on_conflict_do_nothing())
    return result.rowcount


async def overwrite(
    connection: AsyncConnection, table: Table, values: Values, unless: ColumnElement[bool] | None = None
) -> bool:
    """Insert or overwrite by primary key; False when *unless* holds for the row that is there."""
    statement = insert(connection, table).values(values)
    keys = [column.name for column in table.primary_key]
    fresh = {name: statement.excluded[name] for name in values if name not in keys}
    condition = None if unless is None else ~unless
    result = await connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=fresh, where=condition))
    return result.rowcount > 0


async def changed(connection: AsyncConnection, statement: Executable) -> int:
    """Run an UPDATE or DELETE and return how many rows it met."""
    result = await connection.execute(statement)
    return int(getattr(result, "rowcount", 0))


async def one(connection: AsyncConnection, statement: Executable, kind: type[M]) -> M | None:
    """Return the first row as a value, or None."""
    row = (await connection.execute(statement)).mappings().first()
    return None if row is None else kind.model_validate(dict(row))


async def many(connection: AsyncConnection, statement: Executable, kind: type[M]) -> list[M]:
    """Return all rows as values."""
    return [kind.model_validate(dict(row)) for row in (await connection.execute(statement)).mappings()]
