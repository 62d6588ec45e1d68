"""The table of the embedded private CA.

The promises at the top of storage/interface.py hold here too.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from certloom.storage.records import Authority, AuthorityOrder, RevokedLeaf


class AuthorityTable(Protocol):
    """The embedded private CA: certificates, sealed keys, orders, revocations, CRLs."""

    async def put(self, authority: Authority) -> bool:
        """Insert; False when that id exists."""
        ...

    async def get(self, authority_id: str) -> Authority | None:
        """Return one."""
        ...

    async def list(self) -> Sequence[Authority]:
        """List all."""
        ...

    async def lock(self, authority_id: str) -> Authority:
        """Return one with its row locked until the transaction ends, so that CRL numbers never repeat."""
        ...

    async def set_crl(
        self, authority_id: str, *, number: int, crl: bytes, this_update: datetime, next_update: datetime
    ) -> None:
        """Store a newly signed CRL."""
        ...

    async def reseal(self, authority_id: str, *, old: bytes, new: bytes) -> bool:
        """Swap the sealed key for rotation; False when it changed meanwhile."""
        ...

    async def add_order(self, order: AuthorityOrder) -> AuthorityOrder:
        """Insert by its key, or return the one that is there: a repeated `begin` gets the same order."""
        ...

    async def get_order(self, order_ref: str) -> AuthorityOrder | None:
        """Return one."""
        ...

    async def reserve(
        self, order_ref: str, *, authority_id: str, serial: str, not_before: datetime, not_after: datetime
    ) -> AuthorityOrder:
        """Fix serial and validity once, before signing; a repeated call returns what was fixed first."""
        ...

    async def abandon_order(self, order_ref: str, at: datetime) -> bool:
        """Close an order that has no serial yet; False when it has one or does not exist."""
        ...

    async def add_revoked(self, leaf: RevokedLeaf) -> bool:
        """Insert by (authority, serial); False when it was revoked before. A compromise upgrades an older reason."""
        ...

    async def revoked(self, authority_id: str, *, unexpired_at: datetime) -> Sequence[RevokedLeaf]:
        """List what the CRL must hold."""
        ...
