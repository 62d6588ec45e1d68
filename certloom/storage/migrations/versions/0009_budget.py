"""What every worker takes from a CA's limits: buckets, reservations and the queue."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "budgets",
        sa.Column("issuer", WORDS, nullable=False),
        sa.Column("limits", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", name=op.f("pk_budgets")),
    )
    _buckets()
    _reservations()
    _waiters()


def _buckets() -> None:
    op.create_table(
        "budget_buckets",
        sa.Column("issuer", WORDS, nullable=False),
        sa.Column("scope", WORDS, nullable=False),
        sa.Column("key", WORDS, nullable=False),
        sa.Column("title", WORDS, nullable=False),
        sa.Column("tat", TIME, nullable=False),
        sa.PrimaryKeyConstraint("issuer", "scope", "key", name=op.f("pk_budget_buckets")),
    )
    op.create_index("ix_budget_buckets_emptiest", "budget_buckets", ["issuer", "scope", "tat"])


def _reservations() -> None:
    op.create_table(
        "budget_reservations",
        sa.Column("key", WORDS, nullable=False),
        sa.Column("issuer", WORDS, nullable=False),
        sa.Column("names_sha256", WORDS, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("state", WORDS, nullable=False),
        sa.Column("taken", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_budget_reservations")),
    )
    op.create_index("ix_budget_reservations_at", "budget_reservations", ["at"])


def _waiters() -> None:
    op.create_table(
        "budget_waiters",
        sa.Column("key", WORDS, nullable=False),
        sa.Column("issuer", WORDS, nullable=False),
        sa.Column("urgency", sa.Integer(), nullable=False),
        sa.Column("not_after", TIME),
        sa.Column("since", TIME, nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.Column("until", TIME, nullable=False),
        sa.Column("wants", sa.Text(), nullable=False),
        sa.Column("shortage", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_budget_waiters")),
    )
    op.create_index("ix_budget_waiters_issuer", "budget_waiters", ["issuer"])
