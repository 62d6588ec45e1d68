"""Sealed secrets by reference; what they hold is never seen here."""

from collections.abc import Callable, Sequence

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from certloom.storage.rows import changed, insert_once
from certloom.storage.tables import secrets

_SEALED = select(secrets.c.sealed).where(secrets.c.ref == bindparam("the_ref"))


class SqlSecretTable:
    """SecretTable on one connection; `on_erase` is told when bytes were dropped that no file may keep."""

    def __init__(self, connection: AsyncConnection, on_erase: Callable[[], None]) -> None:
        self._connection = connection
        self._on_erase = on_erase

    async def put(self, ref: str, *, owner: str, sealed: bytes) -> bool:
        """Insert; False, and nothing changed, when the reference exists."""
        return await insert_once(self._connection, secrets, {"ref": ref, "owner": owner, "sealed": sealed}) == 1

    async def replace(self, ref: str, *, old: bytes, new: bytes) -> bool:
        """Swap for rotation; False when the secret changed or vanished meanwhile."""
        statement = update(secrets).where(secrets.c.ref == ref, secrets.c.sealed == old).values(sealed=new)
        self._on_erase()
        return await changed(self._connection, statement) == 1

    async def get(self, ref: str) -> bytes | None:
        """Return the sealed value."""
        sealed: bytes | None = await self._connection.scalar(_SEALED, {"the_ref": ref})
        return sealed

    async def destroy(self, ref: str) -> bool:
        """Delete one; True when it was there."""
        self._on_erase()
        return await changed(self._connection, delete(secrets).where(secrets.c.ref == ref)) == 1

    async def destroy_owned(self, owner: str) -> int:
        """Delete all of an owner; return how many there were."""
        self._on_erase()
        return await changed(self._connection, delete(secrets).where(secrets.c.owner == owner))

    async def count_owned(self, owner: str) -> int:
        """Count what is left, as the proof of deletion."""
        statement = select(func.count()).select_from(secrets).where(secrets.c.owner == owner)
        return await self._connection.scalar(statement) or 0

    async def list(self, *, after: str | None, limit: int) -> Sequence[tuple[str, bytes]]:
        """List (ref, sealed) by ref, for rotation."""
        statement = select(secrets.c.ref, secrets.c.sealed).order_by(secrets.c.ref).limit(limit)
        if after is not None:
            statement = statement.where(secrets.c.ref > after)
        return [(ref, sealed) for ref, sealed in await self._connection.execute(statement)]
