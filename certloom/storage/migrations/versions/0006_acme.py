"""Accounts and orders at ACME CAs."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "acme_accounts",
        sa.Column("issuer", WORDS, nullable=False),
        sa.Column("directory", WORDS, nullable=False),
        sa.Column("sealed_key", sa.LargeBinary(), nullable=False),
        sa.Column("url", WORDS),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("issuer", "directory", name=op.f("pk_acme_accounts")),
    )
    op.create_table(
        "acme_orders",
        sa.Column("order_ref", WORDS, nullable=False),
        sa.Column("issuer", WORDS, nullable=False),
        sa.Column("key", WORDS, nullable=False),
        sa.Column("account_id", WORDS, nullable=False),
        sa.Column("names", sa.Text(), nullable=False),
        sa.Column("validation", WORDS, nullable=False),
        sa.Column("key_type", WORDS, nullable=False),
        sa.Column("spki", sa.LargeBinary(), nullable=False),
        sa.Column("csr_pem", WORDS, nullable=False),
        sa.Column("profile", WORDS),
        sa.Column("replaces", WORDS),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("url", WORDS),
        sa.Column("challenges", sa.Text()),
        sa.Column("expires_at", TIME),
        sa.Column("answered", sa.Text(), nullable=False),
        sa.Column("finalizing_at", TIME),
        sa.Column("abandoned_at", TIME),
        sa.Column("leaf_pem", WORDS),
        sa.Column("chain_pem", WORDS),
        sa.PrimaryKeyConstraint("order_ref", name=op.f("pk_acme_orders")),
        sa.UniqueConstraint("key", name=op.f("uq_acme_orders_key")),
    )
    op.create_index("ix_acme_orders_url", "acme_orders", ["url"])
