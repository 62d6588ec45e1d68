"""Accounts, API keys, the ledger, idempotency and the audit trail."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)
COUNTER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables."""
    _accounts()
    _api_keys()
    _postings()
    _posting_lines()
    _idempotency_claims()
    _audit_lines()


def _accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", WORDS, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("currency", WORDS, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("balance", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("balance >= 0", name=op.f("ck_accounts_balance_not_negative")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
    )
    op.create_index("ix_accounts_created_at", "accounts", ["created_at", "id"])


def _api_keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", WORDS, nullable=False),
        sa.Column("account_id", WORDS),
        sa.Column("role", WORDS, nullable=False),
        sa.Column("label", WORDS, nullable=False),
        sa.Column("hash", WORDS, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME),
        sa.Column("revoked_at", TIME),
        sa.Column("last_used_at", TIME),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
    )
    op.create_index(op.f("ix_api_keys_account_id"), "api_keys", ["account_id"])


def _postings() -> None:
    op.create_table(
        "postings",
        sa.Column("key", WORDS, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("kind", WORDS, nullable=False),
        sa.Column("reference", WORDS, nullable=False),
        sa.Column("currency", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_postings")),
    )


def _posting_lines() -> None:
    op.create_table(
        "posting_lines",
        sa.Column("number", COUNTER, nullable=False),
        sa.Column("posting_key", WORDS, nullable=False),
        sa.Column("account", WORDS, nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("balance_after", sa.BigInteger()),
        sa.CheckConstraint("balance_after >= 0", name=op.f("ck_posting_lines_balance_after_not_negative")),
        sa.ForeignKeyConstraint(["posting_key"], ["postings.key"], name=op.f("fk_posting_lines_posting_key")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_posting_lines")),
        sa.UniqueConstraint("posting_key", "account", name=op.f("uq_posting_lines_posting_key_account")),
    )
    op.create_index("ix_posting_lines_account", "posting_lines", ["account", "number"])


def _idempotency_claims() -> None:
    op.create_table(
        "idempotency_claims",
        sa.Column("scope", WORDS, nullable=False),
        sa.Column("key", WORDS, nullable=False),
        sa.Column("fingerprint", WORDS, nullable=False),
        sa.Column("subject", WORDS, nullable=False),
        sa.Column("claimed_at", TIME, nullable=False),
        sa.Column("status", sa.Integer()),
        sa.Column("body", WORDS),
        sa.Column("headers", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "key", name=op.f("pk_idempotency_claims")),
    )
    op.create_index(op.f("ix_idempotency_claims_claimed_at"), "idempotency_claims", ["claimed_at"])


def _audit_lines() -> None:
    op.create_table(
        "audit_lines",
        sa.Column("number", COUNTER, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("actor", WORDS, nullable=False),
        sa.Column("action", WORDS, nullable=False),
        sa.Column("account_id", WORDS),
        sa.Column("subject", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_lines")),
    )
