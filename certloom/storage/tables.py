"""Every table, as SQL has it; the migrations build exactly this.

Rows of a certificate have no foreign key to its row where they may be written before it: an upload's leaf and secrets.
"""

from collections.abc import Mapping

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    UniqueConstraint,
    text,
)

from certloom.domain.application import Contact, Organization
from certloom.domain.fact import Fact
from certloom.domain.issuance import Issuance
from certloom.domain.state import CertificateState
from certloom.storage.types import Counter, Serialised, UtcDateTime, Words

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

certificates = Table(
    "certificates",
    metadata,
    Column("id", Words, primary_key=True),
    Column("account_id", Words, nullable=False),
    Column("version", Integer, nullable=False),
    Column("status", Words, nullable=False),
    Column("status_group", Words, nullable=False),
    Column("origin", Words, nullable=False),
    Column("hidden", Boolean, nullable=False),  # deleted: listed only when asked for
    Column("needs_attention", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("not_after", UtcDateTime),  # of the newest issuance
    Column("review_since", UtcDateTime),  # waits for an operator's decision
    Column("state", Serialised(CertificateState), nullable=False),
    Column("sort_name", Words, nullable=False, server_default=text("''")),
    Column("sort_end", BigInteger, nullable=False, server_default=text("0")),
)

# Lists are walked in the order of an index; origin and not_after ride along so that a filter reads no row in vain.
_WALK = ("created_at", "id", "not_after", "origin")
for _name, _lead in (
    ("account", ("account_id", "hidden")),
    ("account_status", ("account_id", "status")),
    ("account_group", ("account_id", "status_group")),
    ("all", ("hidden",)),
    ("status", ("status",)),
    ("group", ("status_group",)),
):
    Index(f"ix_certificates_{_name}", *(certificates.c[column] for column in (*_lead, *_WALK)))

# In the other orders two indexes serve every filter, which is answered on the way from what rides along.
_RIDE = ("id", "hidden", "status_group", "status", "not_after", "origin")
for _column in ("sort_name", "sort_end"):
    for _name, _lead in ((f"account_{_column}", ("account_id", _column)), (_column, (_column,))):
        Index(f"ix_certificates_{_name}", *(certificates.c[column] for column in (*_lead, *_RIDE)))

Index(
    "ix_certificates_review",
    certificates.c.review_since,
    certificates.c.id,
    sqlite_where=text("review_since IS NOT NULL"),
    postgresql_where=text("review_since IS NOT NULL"),
)

Index(
    "ix_certificates_attention",
    certificates.c.created_at,
    certificates.c.id,
    sqlite_where=text("needs_attention"),
    postgresql_where=text("needs_attention"),
)

# What a certificate is found by, case-folded: its names, label and id.
certificate_terms = Table(
    "certificate_terms",
    metadata,
    Column("certificate_id", Words, ForeignKey("certificates.id"), primary_key=True),
    Column("term", Words, primary_key=True),
    Column("account_id", Words, nullable=False),
    Index("ix_certificate_terms_account", "account_id", "term", "certificate_id"),
    Index("ix_certificate_terms_all", "term", "certificate_id"),
)

certificate_events = Table(
    "certificate_events",
    metadata,
    Column("certificate_id", Words, ForeignKey("certificates.id"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("fact", Serialised(Fact), nullable=False),
)

claims = Table(
    "claims",
    metadata,
    Column("key", Words, primary_key=True),
    Column("claimed_at", UtcDateTime, nullable=False),
    Column("result", Words),
    Column("finished_at", UtcDateTime),
)

drafts = Table(
    "drafts",
    metadata,
    Column("id", Words, primary_key=True),
    Column("certificate_id", Words, nullable=False, index=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("contact", Serialised(Contact)),
    Column("organization", Serialised(Organization)),
    Column("csr_pem", Words),
)

review_notes = Table(
    "review_notes",
    metadata,
    Column("application_id", Words, primary_key=True),
    Column("at", UtcDateTime, primary_key=True),
    Column("actor", Words, primary_key=True),
    Column("note", Words, nullable=False),
)

issuances = Table(
    "issuances",
    metadata,
    Column("certificate_id", Words, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("issuance", Serialised(Issuance), nullable=False),
    Column("application_id", Words),
    Column("attempt", Integer, nullable=False),
    Column("names", Serialised(tuple[str, ...]), nullable=False),
    Column("leaf_pem", Words, nullable=False),
    Column("chain_pem", Words, nullable=False),
    Column("spki_sha256", Words, nullable=False),
    Column("key_ref", Words),
)

secrets = Table(
    "secrets",
    metadata,
    Column("ref", Words, primary_key=True),
    Column("owner", Words, nullable=False, index=True),
    Column("sealed", LargeBinary, nullable=False),
)

looks = Table(
    "looks",
    metadata,
    Column("certificate_id", Words, primary_key=True),
    Column("name", Words, primary_key=True),
    Column("type", Words, primary_key=True),
    Column("token", Words, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("proven", Boolean, nullable=False),
    Column("seen", Words),
    Column("error", Words),
    Column("next_look_at", UtcDateTime),
)

tokens = Table(
    "tokens",
    metadata,
    Column("account_id", Words, primary_key=True),
    Column("name", Words, primary_key=True),
    Column("token", Words, nullable=False),
)

accounts = Table(
    "accounts",
    metadata,
    Column("id", Words, primary_key=True),
    Column("name", Words, nullable=False),
    Column("currency", Words, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("balance", BigInteger, nullable=False, server_default=text("0")),  # minor units; changed by ledger.py only
    CheckConstraint("balance >= 0", name="balance_not_negative"),
    Index("ix_accounts_created_at", "created_at", "id"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Words, primary_key=True),
    Column("account_id", Words, index=True),
    Column("role", Words, nullable=False),
    Column("label", Words, nullable=False),
    Column("hash", Words, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    Column("last_used_at", UtcDateTime),
)

postings = Table(
    "postings",
    metadata,
    Column("key", Words, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("kind", Words, nullable=False),
    Column("reference", Words, nullable=False),
    Column("currency", Words, nullable=False),
)

# Numbered while the customer's row is locked: within one account the numbers are the order of booking.
posting_lines = Table(
    "posting_lines",
    metadata,
    Column("number", Counter, primary_key=True),
    Column("posting_key", Words, ForeignKey("postings.key"), nullable=False),
    Column("account", Words, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("balance_after", BigInteger),  # customers' lines only
    UniqueConstraint("posting_key", "account"),
    CheckConstraint("balance_after >= 0", name="balance_after_not_negative"),
    Index("ix_posting_lines_account", "account", "number"),
)

authorities = Table(
    "authorities",
    metadata,
    Column("id", Words, primary_key=True),
    Column("certificate", LargeBinary, nullable=False),
    Column("sealed_key", LargeBinary, nullable=False),
    Column("crl_number", BigInteger, nullable=False),
    Column("crl", LargeBinary),
    Column("crl_this_update", UtcDateTime),
    Column("crl_next_update", UtcDateTime),
)

authority_orders = Table(
    "authority_orders",
    metadata,
    Column("order_ref", Words, primary_key=True),
    Column("key", Words, nullable=False, unique=True),
    Column("account_id", Words, nullable=False),
    Column("names", Serialised(tuple[str, ...]), nullable=False),
    Column("level", Words, nullable=False),
    Column("key_type", Words, nullable=False),
    Column("family", Words, nullable=False),
    Column("spki", LargeBinary, nullable=False),
    Column("organization", Serialised(Organization)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("abandoned_at", UtcDateTime),
    Column("authority_id", Words),
    Column("serial", Words),
    Column("not_before", UtcDateTime),
    Column("not_after", UtcDateTime),
    UniqueConstraint("authority_id", "serial"),  # RFC 5280 4.1.2.2: a serial is used once
)

revoked_leaves = Table(
    "revoked_leaves",
    metadata,
    Column("authority_id", Words, primary_key=True),
    Column("serial", Words, primary_key=True),
    Column("not_after", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime, nullable=False),
    Column("reason", Words, nullable=False),
    Index("ix_revoked_leaves_not_after", "authority_id", "not_after"),
)

idempotency_claims = Table(
    "idempotency_claims",
    metadata,
    Column("scope", Words, primary_key=True),
    Column("key", Words, primary_key=True),
    Column("fingerprint", Words, nullable=False),
    Column("subject", Words, nullable=False),
    Column("claimed_at", UtcDateTime, nullable=False, index=True),
    Column("status", Integer),
    Column("body", Words),
    Column("headers", Serialised(Mapping[str, str]), nullable=False),
)

audit_lines = Table(
    "audit_lines",
    metadata,
    Column("number", Counter, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", Words, nullable=False),
    Column("action", Words, nullable=False),
    Column("account_id", Words),
    Column("subject", Words, nullable=False),
)
