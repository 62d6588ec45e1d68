"""The tables behind ACME issuers; the migrations build exactly these."""

from collections.abc import Mapping

from sqlalchemy import Column, Index, LargeBinary, Table

from certloom.domain.application import Challenge
from certloom.domain.model import Utc
from certloom.storage.tables import metadata
from certloom.storage.types import Serialised, UtcDateTime, Words

# Our account at a CA. The key is made before the CA hears of it, and outlives an account that the CA lost.
acme_accounts = Table(
    "acme_accounts",
    metadata,
    Column("issuer", Words, primary_key=True),
    Column("directory", Words, primary_key=True),
    Column("sealed_key", LargeBinary, nullable=False),
    Column("url", Words),
    Column("created_at", UtcDateTime, nullable=False),
)

# Kept before the CA is asked. What a row says of names and key never changes.
acme_orders = Table(
    "acme_orders",
    metadata,
    Column("order_ref", Words, primary_key=True),
    Column("issuer", Words, nullable=False),
    Column("key", Words, nullable=False, unique=True),
    Column("account_id", Words, nullable=False),
    Column("names", Serialised(tuple[str, ...]), nullable=False),
    Column("validation", Words, nullable=False),
    Column("key_type", Words, nullable=False),
    Column("spki", LargeBinary, nullable=False),
    Column("csr_pem", Words, nullable=False),
    Column("profile", Words),
    Column("replaces", Words),
    Column("created_at", UtcDateTime, nullable=False),
    Column("url", Words),
    Column("challenges", Serialised(tuple[Challenge, ...])),
    Column("expires_at", UtcDateTime),
    Column("answered", Serialised(Mapping[str, Utc]), nullable=False),
    Column("finalizing_at", UtcDateTime),
    Column("abandoned_at", UtcDateTime),
    Column("leaf_pem", Words),
    Column("chain_pem", Words),
    # Not unique: a CA may answer two equal orders with one (Boulder does), and the first to finalize has it.
    Index("ix_acme_orders_url", "url"),
)
