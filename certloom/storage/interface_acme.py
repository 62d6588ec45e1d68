"""What SQL remembers of ACME issuers: our account at each CA, and every order from before it is placed.

The promises at the top of storage/interface.py hold here too.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from certloom.domain.application import Challenge
from certloom.storage.records import AcmeAccount, AcmeOrder


class AcmeTable(Protocol):
    """Accounts by issuer and directory; orders by our own reference. Methods on orders raise NotFound without one."""

    async def account(self, issuer: str, directory: str) -> AcmeAccount | None:
        """Return one."""
        ...

    async def keep_account(self, account: AcmeAccount) -> AcmeAccount:
        """Insert, or return the one that is there: an account's key is made once."""
        ...

    async def set_account_url(self, issuer: str, directory: str, *, old: str | None, new: str | None) -> None:
        """Note where the CA has the account, or that it has it no more; nothing when it is not *old* by now."""
        ...

    async def accounts(self) -> Sequence[AcmeAccount]:
        """List all, for rotation."""
        ...

    async def reseal_account(self, issuer: str, directory: str, *, old: bytes, new: bytes) -> bool:
        """Swap the sealed key for rotation; False when it changed meanwhile."""
        ...

    async def add_order(self, order: AcmeOrder) -> tuple[AcmeOrder, bool]:
        """Insert by its key, or return the one that is there; say whether it is new."""
        ...

    async def get_order(self, order_ref: str) -> AcmeOrder | None:
        """Return one."""
        ...

    async def unknown_urls(self, urls: Collection[str]) -> Sequence[str]:
        """Return those URLs, in order, that no order of ours has."""
        ...

    async def set_order_url(self, order_ref: str, url: str) -> AcmeOrder:
        """Note where the CA has the order; the first one noted stays."""
        ...

    async def drop_order_url(self, order_ref: str, url: str) -> AcmeOrder:
        """Forget an order at the CA that is of no use to us, with what was answered there; nothing if it is another."""
        ...

    async def set_challenges(
        self, order_ref: str, challenges: tuple[Challenge, ...], *, expires_at: datetime | None
    ) -> AcmeOrder:
        """Note what has to be published; the first ones noted stay."""
        ...

    async def set_answered(self, order_ref: str, url: str, at: datetime) -> AcmeOrder:
        """Note that the CA was told to look at a challenge."""
        ...

    async def start_finalizing(self, order_ref: str, at: datetime) -> AcmeOrder:
        """Note, before the CA is asked, that a leaf may exist from now on; an abandoned order stays as it is."""
        ...

    async def set_leaf(self, order_ref: str, *, leaf_pem: str, chain_pem: str) -> AcmeOrder:
        """Keep the leaf; the first one stays."""
        ...

    async def abandon_order(self, order_ref: str, at: datetime) -> bool:
        """Close an order that was not finalized; False when it was, or is unknown."""
        ...
