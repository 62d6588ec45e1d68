"""What issuers said about renewing leaves, and when each is asked again."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "renewals",
        sa.Column("certificate_id", WORDS, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("issuer", WORDS, nullable=False),
        sa.Column("ask_at", TIME, nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("window_start", TIME),
        sa.Column("window_end", TIME),
        sa.Column("picked_at", TIME),
        sa.Column("explanation_url", WORDS),
        sa.PrimaryKeyConstraint("certificate_id", name=op.f("pk_renewals")),
    )
    op.create_index("ix_renewals_due", "renewals", ["ask_at", "certificate_id"])
