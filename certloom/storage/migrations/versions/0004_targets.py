"""Targets, deployments, and leases on places that must be changed one at a time."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables."""
    _targets()
    _deployments()
    op.create_table(
        "leases",
        sa.Column("key", WORDS, nullable=False),
        sa.Column("holder", WORDS, nullable=False),
        sa.Column("until", TIME, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_leases")),
    )


def _targets() -> None:
    op.create_table(
        "targets",
        sa.Column("id", WORDS, nullable=False),
        sa.Column("account_id", WORDS, nullable=False),
        sa.Column("slot", WORDS, nullable=False),
        sa.Column("host", WORDS),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("deployment_id", WORDS),
        sa.Column("occupied_by", WORDS),
        sa.Column("looked_at", TIME),
        sa.Column("looks", sa.Text()),
        sa.Column("target", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_targets")),
    )
    op.create_index("ix_targets_account", "targets", ["account_id", "deleted", "created_at", "id"])
    op.create_index("ix_targets_all", "targets", ["deleted", "created_at", "id"])
    op.create_index("ix_targets_host", "targets", ["deleted", "host", "id"])
    there = sa.text("NOT deleted")
    op.create_index("ix_targets_slot", "targets", ["slot"], unique=True, sqlite_where=there, postgresql_where=there)


def _deployments() -> None:
    op.create_table(
        "deployments",
        sa.Column("id", WORDS, nullable=False),
        sa.Column("certificate_id", WORDS, nullable=False),
        sa.Column("account_id", WORDS, nullable=False),
        sa.Column("target_id", WORDS, nullable=False),
        sa.Column("number", sa.Integer()),
        sa.Column("trigger", WORDS, nullable=False),
        sa.Column("actor", WORDS, nullable=False),
        sa.Column("restores", WORDS),
        sa.Column("state", WORDS, nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("ended_at", TIME),
        sa.Column("before", sa.Text()),
        sa.Column("served_before", sa.Text()),
        sa.Column("seen", sa.Text()),
        sa.Column("why", WORDS),
        sa.Column("displaced", WORDS),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deployments")),
    )
    op.create_index("ix_deployments_certificate", "deployments", ["certificate_id", "started_at", "id"])
    op.create_index("ix_deployments_target", "deployments", ["target_id", "started_at", "id"])
    unfinished = sa.text("ended_at IS NULL")
    op.create_index(
        "ix_deployments_unfinished", "deployments", ["id"], sqlite_where=unfinished, postgresql_where=unfinished
    )
