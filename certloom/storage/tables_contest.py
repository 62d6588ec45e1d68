"""The table of who ordered which name at somebody else's CA; the migrations build exactly this."""

from sqlalchemy import Column, Table

from certloom.storage.tables import metadata
from certloom.storage.types import UtcDateTime, Words

wanted_names = Table(
    "wanted_names",
    metadata,
    Column("issuer", Words, primary_key=True),
    Column("name", Words, primary_key=True),
    Column("account_id", Words, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
)
