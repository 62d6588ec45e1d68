"""What the validator saw last per challenge, and the token that proves each name."""

from collections.abc import Mapping, Sequence

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from certloom.storage.records import LookRecord
from certloom.storage.rows import insert_once, many, overwrite
from certloom.storage.tables import looks, tokens


class SqlLookTable:
    """LookTable on one connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def put(self, looks_seen: Sequence[LookRecord]) -> None:
        """Overwrite by challenge, in one order for all callers so that none deadlocks another."""
        for look in sorted(looks_seen, key=lambda look: (look.certificate_id, look.name, look.type, look.token)):
            await overwrite(self._connection, looks, dict(look))

    async def list(self, *certificate_ids: str) -> Sequence[LookRecord]:
        """List the last looks of these certificates, by name."""
        statement = select(looks).where(looks.c.certificate_id.in_(sorted(certificate_ids)))
        return await many(self._connection, statement.order_by(looks.c.name, looks.c.type, looks.c.token), LookRecord)

    async def clear(self, certificate_id: str) -> None:
        """Forget them, when an application closes."""
        await self._connection.execute(delete(looks).where(looks.c.certificate_id == certificate_id))


class SqlTokenTable:
    """TokenTable on one connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def keep(self, account_id: str, proposed: Mapping[str, str]) -> Mapping[str, str]:
        """Keep the proposed token of each name that has none; return the kept ones."""
        rows = [{"account_id": account_id, "name": name, "token": token} for name, token in sorted(proposed.items())]
        await insert_once(self._connection, tokens, rows)
        mine = tokens.c.account_id == account_id
        statement = select(tokens.c.name, tokens.c.token).where(mine, tokens.c.name.in_(sorted(proposed)))
        return {row.name: row.token for row in await self._connection.execute(statement)}
