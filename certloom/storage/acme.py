"""What ACME issuers must not forget between two exchanges: accounts, and orders with where they stand."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Executable, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from certloom.domain.application import Challenge
from certloom.domain.errors import NotFound
from certloom.storage.records import AcmeAccount, AcmeOrder
from certloom.storage.rows import changed, insert_once, insert_or_find, many, one
from certloom.storage.tables_acme import acme_accounts as accounts
from certloom.storage.tables_acme import acme_orders as orders


class SqlAcmeTable:
    """AcmeTable on one connection; `on_erase` is told when bytes were dropped that no file may keep."""

    def __init__(self, connection: AsyncConnection, on_erase: Callable[[], None]) -> None:
        self._connection = connection
        self._on_erase = on_erase

    async def account(self, issuer: str, directory: str) -> AcmeAccount | None:
        """Return one."""
        return await one(self._connection, select(accounts).where(_account(issuer, directory)), AcmeAccount)

    async def keep_account(self, account: AcmeAccount) -> AcmeAccount:
        """Insert, or return the one that is there."""
        await insert_once(self._connection, accounts, dict(account))
        return await self.account(account.issuer, account.directory) or account

    async def set_account_url(self, issuer: str, directory: str, *, old: str | None, new: str | None) -> None:
        """Swap where the CA has the account."""
        mine = update(accounts).where(_account(issuer, directory), accounts.c.url.is_not_distinct_from(old))
        await self._connection.execute(mine.values(url=new))

    async def accounts(self) -> Sequence[AcmeAccount]:
        """List all, by issuer and directory."""
        ordered = select(accounts).order_by(accounts.c.issuer, accounts.c.directory)
        return await many(self._connection, ordered, AcmeAccount)

    async def reseal_account(self, issuer: str, directory: str, *, old: bytes, new: bytes) -> bool:
        """Swap the sealed key for rotation; False when it changed meanwhile."""
        mine = update(accounts).where(_account(issuer, directory), accounts.c.sealed_key == old)
        self._on_erase()
        return await changed(self._connection, mine.values(sealed_key=new)) == 1

    async def add_order(self, order: AcmeOrder) -> tuple[AcmeOrder, bool]:
        """Insert by its key, or return the one that is there."""
        add = insert_or_find(self._connection.dialect.name, orders, "key", *orders.c)
        kept = await one(self._connection, add, AcmeOrder, dict(order)) or order
        return kept, kept.order_ref == order.order_ref

    async def get_order(self, order_ref: str) -> AcmeOrder | None:
        """Return one."""
        return await one(self._connection, _ORDER, AcmeOrder, {"the_order": order_ref})

    async def unknown_urls(self, urls: Collection[str]) -> Sequence[str]:
        """Return those URLs that no order of ours has."""
        known = set(await self._connection.scalars(select(orders.c.url).where(orders.c.url.in_(urls))))
        return [url for url in urls if url not in known]

    async def set_order_url(self, order_ref: str, url: str) -> AcmeOrder:
        """Note where the CA has the order, once."""
        return await self._change(_UNPLACED, order_ref, url=url)

    async def drop_order_url(self, order_ref: str, url: str) -> AcmeOrder:
        """Forget an order at the CA."""
        return await self._change(_PLACED, order_ref, the_url=url, url=None, answered={})

    async def set_challenges(
        self, order_ref: str, challenges: tuple[Challenge, ...], *, expires_at: datetime | None
    ) -> AcmeOrder:
        """Note what has to be published, once."""
        return await self._change(_UNTOLD, order_ref, challenges=challenges, expires_at=expires_at)

    async def set_answered(self, order_ref: str, url: str, at: datetime) -> AcmeOrder:
        """Note that the CA was told to look at a challenge."""
        order = await self._found(order_ref, _LOCKED)
        return await self._change(_ANY, order_ref, answered={**order.answered, url: at})

    async def start_finalizing(self, order_ref: str, at: datetime) -> AcmeOrder:
        """Note that a leaf may exist from now on."""
        return await self._change(_OPEN, order_ref, finalizing_at=at)

    async def set_leaf(self, order_ref: str, *, leaf_pem: str, chain_pem: str) -> AcmeOrder:
        """Keep the leaf, once."""
        return await self._change(_UNSIGNED, order_ref, leaf_pem=leaf_pem, chain_pem=chain_pem)

    async def abandon_order(self, order_ref: str, at: datetime) -> bool:
        """Close an order that was not finalized; True again when it was closed before."""
        order = await one(self._connection, _OPEN, AcmeOrder, {"the_order": order_ref, "abandoned_at": at})
        order = order or await self.get_order(order_ref)
        return order is not None and order.abandoned_at is not None

    async def _change(self, statement: Executable, order_ref: str, **values: Any) -> AcmeOrder:
        """Return the order as it is now, changed or, where the statement does not apply, as it was."""
        order = await one(self._connection, statement, AcmeOrder, {"the_order": order_ref, **values})
        return order or await self._found(order_ref)

    async def _found(self, order_ref: str, statement: Executable | None = None) -> AcmeOrder:
        found = _ORDER if statement is None else statement
        order = await one(self._connection, found, AcmeOrder, {"the_order": order_ref})
        if order is None:
            raise NotFound(f"There is no ACME order {order_ref}.")
        return order


_MINE = orders.c.order_ref == bindparam("the_order")
_ORDER = select(orders).where(_MINE)
_LOCKED = _ORDER.with_for_update()
_ANY = update(orders).where(_MINE).returning(*orders.c)
_UNPLACED = _ANY.where(orders.c.url.is_(None))
_PLACED = _ANY.where(orders.c.url == bindparam("the_url"))
_UNTOLD = _ANY.where(orders.c.challenges.is_(None))
_OPEN = _ANY.where(orders.c.abandoned_at.is_(None), orders.c.finalizing_at.is_(None))
_UNSIGNED = _ANY.where(orders.c.leaf_pem.is_(None))


def _account(issuer: str, directory: str) -> ColumnElement[bool]:
    return (accounts.c.issuer == issuer) & (accounts.c.directory == directory)
