"""The embedded private CA's memory: certificates, sealed keys, orders, revocations, CRLs."""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Update, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from certloom.domain.errors import NotFound
from certloom.domain.issuance import RevocationReason
from certloom.storage.records import Authority, AuthorityOrder, RevokedLeaf
from certloom.storage.rows import changed, insert_once, many, one
from certloom.storage.tables import authorities, revoked_leaves
from certloom.storage.tables import authority_orders as orders


class SqlAuthorityTable:
    """AuthorityTable on one connection; `on_erase` is told when bytes were dropped that no file may keep."""

    def __init__(self, connection: AsyncConnection, on_erase: Callable[[], None]) -> None:
        self._connection = connection
        self._on_erase = on_erase

    async def put(self, authority: Authority) -> bool:
        """Insert; False when that id exists."""
        return await insert_once(self._connection, authorities, dict(authority)) == 1

    async def get(self, authority_id: str) -> Authority | None:
        """Return one."""
        return await one(self._connection, select(authorities).where(authorities.c.id == authority_id), Authority)

    async def list(self) -> Sequence[Authority]:
        """List all, by id."""
        return await many(self._connection, select(authorities).order_by(authorities.c.id), Authority)

    async def lock(self, authority_id: str) -> Authority:
        """Return one, locked until the transaction ends; raises NotFound."""
        statement = select(authorities).where(authorities.c.id == authority_id).with_for_update(key_share=True)
        authority = await one(self._connection, statement, Authority)
        if authority is None:
            raise NotFound(f"There is no authority {authority_id}.")
        return authority

    async def set_crl(
        self, authority_id: str, *, number: int, crl: bytes, this_update: datetime, next_update: datetime
    ) -> None:
        """Store a newly signed CRL; an older number never replaces a newer one (RFC 5280 5.2.3)."""
        older = update(authorities).where(authorities.c.id == authority_id, authorities.c.crl_number < number)
        signed = older.values(crl_number=number, crl=crl, crl_this_update=this_update, crl_next_update=next_update)
        await self._connection.execute(signed)

    async def reseal(self, authority_id: str, *, old: bytes, new: bytes) -> bool:
        """Swap the sealed key for rotation; False when it changed meanwhile."""
        mine = update(authorities).where(authorities.c.id == authority_id, authorities.c.sealed_key == old)
        self._on_erase()
        return await changed(self._connection, mine.values(sealed_key=new)) == 1

    async def add_order(self, order: AuthorityOrder) -> AuthorityOrder:
        """Insert by its key, or return the one that is there."""
        await insert_once(self._connection, orders, dict(order))
        standing = await one(self._connection, select(orders).where(orders.c.key == order.key), AuthorityOrder)
        return standing or order

    async def get_order(self, order_ref: str) -> AuthorityOrder | None:
        """Return one."""
        return await one(self._connection, select(orders).where(orders.c.order_ref == order_ref), AuthorityOrder)

    async def reserve(
        self, order_ref: str, *, authority_id: str, serial: str, not_before: datetime, not_after: datetime
    ) -> AuthorityOrder:
        """Fix serial and validity once; an abandoned order stays without them. Raises NotFound."""
        fixed = {"authority_id": authority_id, "serial": serial, "not_before": not_before, "not_after": not_after}
        await self._connection.execute(_unsigned(order_ref).where(orders.c.abandoned_at.is_(None)).values(fixed))
        order = await self.get_order(order_ref)
        if order is None:
            raise NotFound(f"There is no order {order_ref}.")
        return order

    async def abandon_order(self, order_ref: str, at: datetime) -> bool:
        """Close an order that has no serial yet; True again when it was closed before."""
        await self._connection.execute(
            _unsigned(order_ref).where(orders.c.abandoned_at.is_(None)).values(abandoned_at=at)
        )
        order = await self.get_order(order_ref)
        return order is not None and order.abandoned_at is not None

    async def add_revoked(self, leaf: RevokedLeaf) -> bool:
        """Insert by (authority, serial); a compromise upgrades an older reason and keeps its date."""
        if await insert_once(self._connection, revoked_leaves, dict(leaf)):
            return True
        if leaf.reason is RevocationReason.KEY_COMPROMISE:
            same = update(revoked_leaves).where(
                revoked_leaves.c.authority_id == leaf.authority_id, revoked_leaves.c.serial == leaf.serial
            )
            await self._connection.execute(same.values(reason=leaf.reason))
        return False

    async def revoked(self, authority_id: str, *, unexpired_at: datetime) -> Sequence[RevokedLeaf]:
        """List what the CRL must hold, by serial."""
        mine = revoked_leaves.c.authority_id == authority_id
        statement = select(revoked_leaves).where(mine, revoked_leaves.c.not_after >= unexpired_at)
        return await many(self._connection, statement.order_by(revoked_leaves.c.serial), RevokedLeaf)


def _unsigned(order_ref: str) -> Update:
    return update(orders).where(orders.c.order_ref == order_ref, orders.c.serial.is_(None))
