"""Who ordered which name at somebody else's CA; looks are kept by challenge, for a name may have several."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the table, and the looks anew: the next look fills them again."""
    op.create_table(
        "wanted_names",
        sa.Column("issuer", WORDS, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("account_id", WORDS, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("issuer", "name", "account_id", name=op.f("pk_wanted_names")),
    )
    op.drop_table("looks")
    op.create_table(
        "looks",
        sa.Column("certificate_id", WORDS, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("type", WORDS, nullable=False),
        sa.Column("token", WORDS, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("proven", sa.Boolean(), nullable=False),
        sa.Column("seen", WORDS),
        sa.Column("error", WORDS),
        sa.Column("next_look_at", TIME),
        sa.PrimaryKeyConstraint("certificate_id", "name", "type", "token", name=op.f("pk_looks")),
    )
