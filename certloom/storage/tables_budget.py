"""The tables behind the budget of CA limits; the migrations build exactly this."""

from sqlalchemy import Column, Index, Integer, Table

from certloom.domain.budget import BucketName, Limits
from certloom.domain.budget_queue import Shortage, Taken
from certloom.storage.tables import metadata
from certloom.storage.types import Serialised, UtcDateTime, Words

# One row per issuer: whoever takes or gives back locks it first.
budgets = Table(
    "budgets",
    metadata,
    Column("issuer", Words, primary_key=True),
    Column("limits", Serialised(Limits), nullable=False),  # as a worker knew them last
)

budget_buckets = Table(
    "budget_buckets",
    metadata,
    Column("issuer", Words, primary_key=True),
    Column("scope", Words, primary_key=True),
    Column("key", Words, primary_key=True),
    Column("title", Words, nullable=False),
    Column("tat", UtcDateTime, nullable=False),  # full again at
    Index("ix_budget_buckets_emptiest", "issuer", "scope", "tat"),
)

budget_reservations = Table(
    "budget_reservations",
    metadata,
    Column("key", Words, primary_key=True),
    Column("issuer", Words, nullable=False),
    Column("names_sha256", Words, nullable=False),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("state", Words, nullable=False),
    Column("taken", Serialised(tuple[Taken, ...]), nullable=False),
)

budget_waiters = Table(
    "budget_waiters",
    metadata,
    Column("key", Words, primary_key=True),
    Column("issuer", Words, nullable=False, index=True),
    Column("urgency", Integer, nullable=False),
    Column("not_after", UtcDateTime),
    Column("since", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("until", UtcDateTime, nullable=False),
    Column("wants", Serialised(tuple[BucketName, ...]), nullable=False),
    Column("shortage", Serialised(Shortage), nullable=False),
)
