"""The embedded private CA."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables."""
    _authorities()
    _authority_orders()
    _revoked_leaves()


def _authorities() -> None:
    op.create_table(
        "authorities",
        sa.Column("id", WORDS, nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_key", sa.LargeBinary(), nullable=False),
        sa.Column("crl_number", sa.BigInteger(), nullable=False),
        sa.Column("crl", sa.LargeBinary()),
        sa.Column("crl_this_update", TIME),
        sa.Column("crl_next_update", TIME),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_authorities")),
    )


def _authority_orders() -> None:
    op.create_table(
        "authority_orders",
        sa.Column("order_ref", WORDS, nullable=False),
        sa.Column("key", WORDS, nullable=False),
        sa.Column("account_id", WORDS, nullable=False),
        sa.Column("names", sa.Text(), nullable=False),
        sa.Column("level", WORDS, nullable=False),
        sa.Column("key_type", WORDS, nullable=False),
        sa.Column("family", WORDS, nullable=False),
        sa.Column("spki", sa.LargeBinary(), nullable=False),
        sa.Column("organization", sa.Text()),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("abandoned_at", TIME),
        sa.Column("authority_id", WORDS),
        sa.Column("serial", WORDS),
        sa.Column("not_before", TIME),
        sa.Column("not_after", TIME),
        sa.PrimaryKeyConstraint("order_ref", name=op.f("pk_authority_orders")),
        sa.UniqueConstraint("authority_id", "serial", name=op.f("uq_authority_orders_authority_id_serial")),
        sa.UniqueConstraint("key", name=op.f("uq_authority_orders_key")),
    )


def _revoked_leaves() -> None:
    op.create_table(
        "revoked_leaves",
        sa.Column("authority_id", WORDS, nullable=False),
        sa.Column("serial", WORDS, nullable=False),
        sa.Column("not_after", TIME, nullable=False),
        sa.Column("revoked_at", TIME, nullable=False),
        sa.Column("reason", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("authority_id", "serial", name=op.f("pk_revoked_leaves")),
    )
    op.create_index("ix_revoked_leaves_not_after", "revoked_leaves", ["authority_id", "not_after"])
