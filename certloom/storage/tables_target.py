"""The tables of targets and deployments; the migrations build exactly this."""

from sqlalchemy import Boolean, Column, Index, Integer, Table, text

from certloom.domain.look import Look
from certloom.domain.target import Target
from certloom.storage.tables import metadata
from certloom.storage.types import Serialised, UtcDateTime, Words
from certloom.targets.interface import Standing

_THERE = text("NOT deleted")

targets = Table(
    "targets",
    metadata,
    Column("id", Words, primary_key=True),
    Column("account_id", Words, nullable=False),
    Column("slot", Words, nullable=False),
    Column("host", Words),
    Column("deleted", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("deployment_id", Words),  # proven there last
    Column("occupied_by", Words),  # a deployment under way
    Column("looked_at", UtcDateTime),
    Column("looks", Serialised(tuple[Look, ...])),
    Column("target", Serialised(Target), nullable=False),
    Index("ix_targets_account", "account_id", "deleted", "created_at", "id"),
    Index("ix_targets_all", "deleted", "created_at", "id"),
    Index("ix_targets_host", "deleted", "host", "id"),
    Index(
        "ix_targets_slot", "slot", unique=True, sqlite_where=text("NOT deleted"), postgresql_where=text("NOT deleted")
    ),
)

deployments = Table(
    "deployments",
    metadata,
    Column("id", Words, primary_key=True),
    Column("certificate_id", Words, nullable=False),
    Column("account_id", Words, nullable=False),
    Column("target_id", Words, nullable=False),
    Column("number", Integer),
    Column("trigger", Words, nullable=False),
    Column("actor", Words, nullable=False),
    Column("restores", Words),
    Column("state", Words, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("before", Serialised(Standing)),
    Column("served_before", Serialised(tuple[Look, ...])),
    Column("seen", Serialised(tuple[Look, ...])),
    Column("why", Words),
    Column("displaced", Words),
    Index("ix_deployments_certificate", "certificate_id", "started_at", "id"),
    Index("ix_deployments_target", "target_id", "started_at", "id"),
    Index(
        "ix_deployments_unfinished",
        "id",
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
)

leases = Table(
    "leases",
    metadata,
    Column("key", Words, primary_key=True),
    Column("holder", Words, nullable=False),
    Column("until", UtcDateTime, nullable=False),
)
