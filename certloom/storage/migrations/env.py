"""Alembic's entry: runs on the connection and inside the transaction that storage/migrate.py opened."""

from alembic import context

from certloom.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,  # also on SQLite, whose transaction we opened ourselves
)
with context.begin_transaction():
    context.run_migrations()
