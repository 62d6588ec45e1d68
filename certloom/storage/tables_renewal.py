"""The table of renewal information; the migrations build exactly this."""

from sqlalchemy import Column, Index, Integer, Table

from certloom.storage.tables import metadata
from certloom.storage.types import UtcDateTime, Words

renewals = Table(
    "renewals",
    metadata,
    Column("certificate_id", Words, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("issuer", Words, nullable=False),
    Column("ask_at", UtcDateTime, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("window_start", UtcDateTime),
    Column("window_end", UtcDateTime),
    Column("picked_at", UtcDateTime),
    Column("explanation_url", Words),
    Index("ix_renewals_due", "ask_at", "certificate_id"),
)
