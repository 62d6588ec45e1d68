"""Certificates, their timeline, claims, drafts, leaves, secrets, looks and tokens."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables."""
    _certificates()
    _certificate_terms()
    _certificate_events()
    _claims()
    _drafts()
    _review_notes()
    _issuances()
    _secrets()
    _looks()
    _tokens()


def _certificates() -> None:
    op.create_table(
        "certificates",
        sa.Column("id", WORDS, nullable=False),
        sa.Column("account_id", WORDS, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("status", WORDS, nullable=False),
        sa.Column("status_group", WORDS, nullable=False),
        sa.Column("origin", WORDS, nullable=False),
        sa.Column("hidden", sa.Boolean(), nullable=False),
        sa.Column("needs_attention", sa.Boolean(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("not_after", TIME),
        sa.Column("review_since", TIME),
        sa.Column("state", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certificates")),
    )
    op.create_index(
        "ix_certificates_account", "certificates", ["account_id", "hidden", "created_at", "id", "not_after", "origin"]
    )
    op.create_index(
        "ix_certificates_account_group",
        "certificates",
        ["account_id", "status_group", "created_at", "id", "not_after", "origin"],
    )
    op.create_index(
        "ix_certificates_account_status",
        "certificates",
        ["account_id", "status", "created_at", "id", "not_after", "origin"],
    )
    op.create_index("ix_certificates_all", "certificates", ["hidden", "created_at", "id", "not_after", "origin"])
    op.create_index(
        "ix_certificates_group", "certificates", ["status_group", "created_at", "id", "not_after", "origin"]
    )
    op.create_index(
        "ix_certificates_review",
        "certificates",
        ["review_since", "id"],
        sqlite_where=sa.text("review_since IS NOT NULL"),
        postgresql_where=sa.text("review_since IS NOT NULL"),
    )
    op.create_index("ix_certificates_status", "certificates", ["status", "created_at", "id", "not_after", "origin"])


def _certificate_terms() -> None:
    op.create_table(
        "certificate_terms",
        sa.Column("certificate_id", WORDS, nullable=False),
        sa.Column("term", WORDS, nullable=False),
        sa.Column("account_id", WORDS, nullable=False),
        sa.ForeignKeyConstraint(
            ["certificate_id"], ["certificates.id"], name=op.f("fk_certificate_terms_certificate_id")
        ),
        sa.PrimaryKeyConstraint("certificate_id", "term", name=op.f("pk_certificate_terms")),
    )
    op.create_index("ix_certificate_terms_account", "certificate_terms", ["account_id", "term", "certificate_id"])
    op.create_index("ix_certificate_terms_all", "certificate_terms", ["term", "certificate_id"])


def _certificate_events() -> None:
    op.create_table(
        "certificate_events",
        sa.Column("certificate_id", WORDS, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("fact", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["certificate_id"], ["certificates.id"], name=op.f("fk_certificate_events_certificate_id")
        ),
        sa.PrimaryKeyConstraint("certificate_id", "version", name=op.f("pk_certificate_events")),
    )


def _claims() -> None:
    op.create_table(
        "claims",
        sa.Column("key", WORDS, nullable=False),
        sa.Column("claimed_at", TIME, nullable=False),
        sa.Column("result", WORDS),
        sa.Column("finished_at", TIME),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_claims")),
    )


def _drafts() -> None:
    op.create_table(
        "drafts",
        sa.Column("id", WORDS, nullable=False),
        sa.Column("certificate_id", WORDS, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("contact", sa.Text()),
        sa.Column("organization", sa.Text()),
        sa.Column("csr_pem", WORDS),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drafts")),
    )
    op.create_index(op.f("ix_drafts_certificate_id"), "drafts", ["certificate_id"])


def _review_notes() -> None:
    op.create_table(
        "review_notes",
        sa.Column("application_id", WORDS, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("actor", WORDS, nullable=False),
        sa.Column("note", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("application_id", "at", "actor", name=op.f("pk_review_notes")),
    )


def _issuances() -> None:
    op.create_table(
        "issuances",
        sa.Column("certificate_id", WORDS, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("issuance", sa.Text(), nullable=False),
        sa.Column("application_id", WORDS),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("names", sa.Text(), nullable=False),
        sa.Column("leaf_pem", WORDS, nullable=False),
        sa.Column("chain_pem", WORDS, nullable=False),
        sa.Column("spki_sha256", WORDS, nullable=False),
        sa.Column("key_ref", WORDS),
        sa.PrimaryKeyConstraint("certificate_id", "number", name=op.f("pk_issuances")),
    )


def _secrets() -> None:
    op.create_table(
        "secrets",
        sa.Column("ref", WORDS, nullable=False),
        sa.Column("owner", WORDS, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("ref", name=op.f("pk_secrets")),
    )
    op.create_index(op.f("ix_secrets_owner"), "secrets", ["owner"])


def _looks() -> None:
    op.create_table(
        "looks",
        sa.Column("certificate_id", WORDS, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("type", WORDS, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("proven", sa.Boolean(), nullable=False),
        sa.Column("seen", WORDS),
        sa.Column("error", WORDS),
        sa.Column("next_look_at", TIME),
        sa.PrimaryKeyConstraint("certificate_id", "name", "type", name=op.f("pk_looks")),
    )


def _tokens() -> None:
    op.create_table(
        "tokens",
        sa.Column("account_id", WORDS, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("token", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "name", name=op.f("pk_tokens")),
    )
