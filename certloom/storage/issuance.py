"""Signed leaves with their chains, and what became of each."""

from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, and_, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from certloom.domain.issuance import IssuanceState
from certloom.storage.records import IssuanceRecord
from certloom.storage.rows import insert_once, many, one
from certloom.storage.tables import issuances


class SqlIssuanceTable:
    """IssuanceTable on one connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, record: IssuanceRecord) -> None:
        """Insert; the same (certificate, number) again is left as it is."""
        row = {**dict(record), "number": record.issuance.number}
        await insert_once(self._connection, issuances, row)

    async def get(self, certificate_id: str, number: int) -> IssuanceRecord | None:
        """Return one."""
        key = {"the_certificate": certificate_id, "the_number": number}
        return await one(self._connection, _ONE, IssuanceRecord, key)

    async def list(self, certificate_id: str) -> Sequence[IssuanceRecord]:
        """List all of a certificate, oldest first."""
        statement = _READ.where(issuances.c.certificate_id == certificate_id).order_by(issuances.c.number)
        return await many(self._connection, statement, IssuanceRecord)

    async def mark(self, certificate_id: str, states: Mapping[int, IssuanceState]) -> None:
        """Set what became of leaves; a number that is not there is passed over."""
        for number, state in sorted(states.items()):
            record = await self.get(certificate_id, number)
            if record is None or record.issuance.state is state:
                continue
            marked = record.issuance.model_copy(update={"state": state})
            await self._connection.execute(
                update(issuances).where(_key(certificate_id, number)).values(issuance=marked)
            )


_READ = select(*(column for column in issuances.c if column.name != "number"))
_ONE = _READ.where(
    issuances.c.certificate_id == bindparam("the_certificate"), issuances.c.number == bindparam("the_number")
)


def _key(certificate_id: str, number: int) -> ColumnElement[bool]:
    return and_(issuances.c.certificate_id == certificate_id, issuances.c.number == number)
