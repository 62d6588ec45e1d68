"""The migrations build what the tables say, once, whoever starts first."""

import asyncio
import re
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from certloom.domain.errors import Outage
from certloom.storage.engine import SqlStorage
from certloom.storage.migrate import migrate
from certloom.storage.tables import metadata
from tests.databases import KINDS, SQLITE, fresh_url

SQLITE_SCHEMA = "SELECT type, name, sql FROM sqlite_master WHERE tbl_name <> 'alembic_version'"
POSTGRES_SCHEMA = """
    SELECT table_name || '.' || column_name, concat_ws(' ', data_type, is_nullable, column_default, collation_name)
    FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version'
    UNION ALL SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND conname NOT LIKE 'alembic%'
    UNION ALL SELECT indexname, indexdef FROM pg_indexes
    WHERE schemaname = 'public' AND tablename <> 'alembic_version'
"""


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def differences(connection: Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata))


def in_any_order(definition: str) -> str:
    """SQLite keeps the statement as it was written; the order of columns and constraints in it means nothing."""
    head, _, parts = definition.partition("(")
    apart = re.split(r",(?![^()]*\))", parts.strip().removesuffix(")"))
    return "\n".join([head.strip(), *sorted(" ".join(part.split()) for part in apart)])


async def schema(url: str) -> set[tuple[str, ...]]:
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        statement = SQLITE_SCHEMA if make_url(url).get_backend_name() == SQLITE else POSTGRES_SCHEMA
        rows = await connection.execute(text(statement))
        found = {tuple(in_any_order(str(value)) for value in row) for row in rows}
    await engine.dispose()
    return found


async def test_equals_the_tables(kind: str, tmp_path: Path) -> None:
    """Alembic finds no difference between the migrated schema and the tables."""
    engine = create_async_engine(await fresh_url(kind, tmp_path))
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


async def test_equals_to_the_letter(kind: str, tmp_path: Path) -> None:
    """Collations, constraints and partial indexes, which Alembic does not compare, are the same too."""
    created = await fresh_url(kind, tmp_path, migrated=False)
    engine = create_async_engine(created)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    await engine.dispose()
    assert await schema(await fresh_url(kind, tmp_path)) == await schema(created)


async def test_started_together(kind: str, tmp_path: Path) -> None:
    """Several processes that migrate at once all succeed, and once more changes nothing."""
    url = await fresh_url(kind, tmp_path, migrated=False)
    await asyncio.gather(*(migrate(url) for _ in range(4)))
    before = await schema(url)
    await migrate(url)
    storage = SqlStorage(url)
    await storage.ping()
    await storage.close()
    assert await schema(url) == before


async def test_old_schema_is_an_outage(kind: str, tmp_path: Path) -> None:
    """A database that is behind says which revision it has and what to do."""
    storage = SqlStorage(await fresh_url(kind, tmp_path))
    async with storage._database.write() as connection, connection.begin():
        await connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    with pytest.raises(Outage, match="is 0001, and this program needs"):
        await storage.ping()
    await storage.close()
