"""DNS zones that we may write to, and what was published there."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables."""
    _zones()
    op.create_table(
        "dns_labels",
        sa.Column("account_id", WORDS, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("label", WORDS, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "name", name=op.f("pk_dns_labels")),
        sa.UniqueConstraint("label", name=op.f("uq_dns_labels_label")),
    )
    _records()


def _zones() -> None:
    op.create_table(
        "dns_zones",
        sa.Column("id", WORDS, nullable=False),
        sa.Column("account_id", WORDS, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dns_zones")),
    )
    op.create_index("ix_dns_zones_account", "dns_zones", ["account_id", "deleted", "created_at", "id"])
    op.create_index("ix_dns_zones_all", "dns_zones", ["deleted", "created_at", "id"])
    there = sa.text("NOT deleted")
    op.create_index(
        "ix_dns_zones_name",
        "dns_zones",
        ["account_id", "name"],
        unique=True,
        sqlite_where=there,
        postgresql_where=there,
    )


def _records() -> None:
    op.create_table(
        "dns_records",
        sa.Column("certificate_id", WORDS, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("how", WORDS, nullable=False),
        sa.Column("record_name", WORDS, nullable=False),
        sa.Column("value", WORDS, nullable=False),
        sa.Column("place", WORDS, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("presented_at", TIME),
        sa.Column("unwanted_since", TIME),
        sa.Column("next_try_at", TIME),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("error", WORDS),
        sa.PrimaryKeyConstraint(
            "certificate_id", "attempt", "how", "record_name", "value", name=op.f("pk_dns_records")
        ),
    )
    op.create_index("ix_dns_records_place", "dns_records", ["place", "value", "how"])
    unwanted = sa.text("unwanted_since IS NOT NULL")
    op.create_index(
        "ix_dns_records_due", "dns_records", ["next_try_at"], sqlite_where=unwanted, postgresql_where=unwanted
    )
