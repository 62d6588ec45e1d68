"""Tenants and their API keys."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, literal, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from certloom.storage.cursor import BY_TIME
from certloom.storage.records import Account, ApiKey, Page
from certloom.storage.rows import changed, insert_once, many, one
from certloom.storage.tables import accounts, api_keys
from certloom.storage.types import UtcDateTime, Words

TOUCH_EVERY: Final = timedelta(minutes=1)

_READ = select(accounts.c.id, accounts.c.name, accounts.c.currency, accounts.c.created_at)
_ONE = _READ.where(accounts.c.id == bindparam("the_id"))
_KEY = select(api_keys).where(api_keys.c.id == bindparam("the_id"))


class SqlAccountTable:
    """AccountTable on one connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, account: Account) -> None:
        """Insert; the same id again is left as it is."""
        await insert_once(self._connection, accounts, dict(account))

    async def get(self, account_id: str) -> Account | None:
        """Return one."""
        return await one(self._connection, _ONE, Account, {"the_id": account_id})

    async def list(self, *, limit: int, cursor: str | None = None) -> Page[Account]:
        """List newest first."""
        statement = _READ.order_by(accounts.c.created_at.desc(), accounts.c.id.desc()).limit(limit + 1)
        if cursor is not None:
            at, last = BY_TIME.read(cursor)
            position = tuple_(literal(at, UtcDateTime), literal(last, Words))
            statement = statement.where(tuple_(accounts.c.created_at, accounts.c.id) < position)
        found = await many(self._connection, statement, Account)
        return BY_TIME.page(found, limit, lambda account: (account.created_at, account.id))

    async def add_key(self, key: ApiKey) -> None:
        """Insert a key; the same id again is left as it is."""
        await insert_once(self._connection, api_keys, dict(key))

    async def get_key(self, key_id: str) -> ApiKey | None:
        """Return a key, revoked and expired ones too."""
        return await one(self._connection, _KEY, ApiKey, {"the_id": key_id})

    async def keys(self, account_id: str | None) -> Sequence[ApiKey]:
        """List the keys of an account, oldest first; None lists operators' keys."""
        owner = api_keys.c.account_id
        mine = owner.is_(None) if account_id is None else owner == account_id
        statement = select(api_keys).where(mine).order_by(api_keys.c.created_at, api_keys.c.id)
        return await many(self._connection, statement, ApiKey)

    async def revoke_key(self, key_id: str, at: datetime) -> bool:
        """Revoke; False when it is unknown or was revoked before."""
        standing = update(api_keys).where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
        return await changed(self._connection, standing.values(revoked_at=at)) == 1

    async def touch_key(self, key_id: str, at: datetime) -> None:
        """Remember the last use; at most one write a minute."""
        last = api_keys.c.last_used_at
        due = or_(last.is_(None), last <= at - TOUCH_EVERY)
        await self._connection.execute(update(api_keys).where(api_keys.c.id == key_id, due).values(last_used_at=at))
