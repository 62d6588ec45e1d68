"""The table behind the overview; the migrations build exactly this."""

from sqlalchemy import Column, Date, ForeignKey, Index, Integer, Table

from certloom.storage.tables import metadata
from certloom.storage.types import Words

# One row per fact that is counted, never changed. Days are UTC's.
tallies = Table(
    "tallies",
    metadata,
    Column("certificate_id", Words, ForeignKey("certificates.id"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("account_id", Words, nullable=False),
    Column("day", Date, nullable=False),
    Column("kind", Words, nullable=False),
    Column("cause", Words, nullable=False),
    # Counted from an index alone, in its order.
    Index("ix_tallies_all", "day", "kind", "cause"),
    Index("ix_tallies_account", "account_id", "day", "kind", "cause"),
)
