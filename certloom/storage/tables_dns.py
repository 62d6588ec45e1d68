"""The tables of DNS zones, delegations and published records; the migrations build exactly this."""

from sqlalchemy import Boolean, Column, Index, Integer, Table, text

from certloom.domain.zone import DnsZone
from certloom.storage.tables import metadata
from certloom.storage.types import Serialised, UtcDateTime, Words

dns_zones = Table(
    "dns_zones",
    metadata,
    Column("id", Words, primary_key=True),
    Column("account_id", Words, nullable=False),
    Column("name", Words, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("zone", Serialised(DnsZone), nullable=False),
    Index("ix_dns_zones_account", "account_id", "deleted", "created_at", "id"),
    Index("ix_dns_zones_all", "deleted", "created_at", "id"),
    Index(
        "ix_dns_zones_name",
        "account_id",
        "name",
        unique=True,
        sqlite_where=text("NOT deleted"),
        postgresql_where=text("NOT deleted"),
    ),
)

# Never deleted: a label that was somebody's once must not become another's.
dns_labels = Table(
    "dns_labels",
    metadata,
    Column("account_id", Words, primary_key=True),
    Column("name", Words, primary_key=True),
    Column("label", Words, nullable=False, unique=True),
    Column("created_at", UtcDateTime, nullable=False),
)

dns_records = Table(
    "dns_records",
    metadata,
    Column("certificate_id", Words, primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("how", Words, primary_key=True),
    Column("record_name", Words, primary_key=True),
    Column("value", Words, primary_key=True),
    Column("place", Words, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("presented_at", UtcDateTime),
    Column("unwanted_since", UtcDateTime),
    Column("next_try_at", UtcDateTime),
    Column("tries", Integer, nullable=False),
    Column("error", Words),
    Index("ix_dns_records_place", "place", "value", "how"),
    Index(
        "ix_dns_records_due",
        "next_try_at",
        sqlite_where=text("unwanted_since IS NOT NULL"),
        postgresql_where=text("unwanted_since IS NOT NULL"),
    ),
)
