"""What issuers said about renewing leaves."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, bindparam, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from certloom.storage.records import RenewalRecord
from certloom.storage.rows import Excluded, many, one, overwrite
from certloom.storage.tables_renewal import renewals

_ONE = select(renewals).where(renewals.c.certificate_id == bindparam("the_certificate"))


class SqlRenewalTable:
    """RenewalTable on one connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def put(self, record: RenewalRecord) -> None:
        """Insert or overwrite, unless the row is about a newer leaf."""
        await overwrite(self._connection, renewals, dict(record), unless=_newer)

    async def get(self, certificate_id: str) -> RenewalRecord | None:
        """Return one."""
        return await one(self._connection, _ONE, RenewalRecord, {"the_certificate": certificate_id})

    async def due(self, now: datetime, *, limit: int) -> Sequence[RenewalRecord]:
        """List those to ask about, the longest due first."""
        statement = select(renewals).where(renewals.c.ask_at <= now)
        statement = statement.order_by(renewals.c.ask_at, renewals.c.certificate_id).limit(limit)
        return await many(self._connection, statement, RenewalRecord)

    async def forget(self, certificate_id: str) -> None:
        """Delete the row of a certificate that will not be renewed any more."""
        await self._connection.execute(delete(renewals).where(renewals.c.certificate_id == certificate_id))


def _newer(row: Excluded) -> ColumnElement[bool]:
    return renewals.c.number > row.number
