"""What every worker takes from a CA's limits, in one place, so that together they never take too much.

The promises at the top of storage/interface.py hold here too. What takes or gives back locks the issuer's budget until
the transaction ends: keep that transaction short, and call nothing of another issuer in it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from certloom.domain.budget import Limits
from certloom.domain.budget_queue import Shortage, Wish
from certloom.storage.records import IssuerBudget


class BudgetTable(Protocol):
    """Buckets, reservations and the queue, per issuer."""

    async def reserve(self, wish: Wish, *, issuer: str, limits: Limits, now: datetime) -> Shortage | None:
        """Take what an order needs, once by its key; or remember it in the queue and say when to ask again.

        None means that it may be placed: it has taken now or before, or the issuer counts it nowhere. A commit is
        needed in both cases.
        """
        ...

    async def use(self, key: str) -> None:
        """Remember that the CA has counted the order: it cannot be given back any more."""
        ...

    async def give_back(self, key: str, *, now: datetime) -> bool:
        """Give back what an order took that the CA never counted; False when there is nothing to give back."""
        ...

    async def unissued(self, key: str, *, now: datetime) -> bool:
        """Give back what counts certificates (`budget.CERTIFICATES`), of an order that will never have one; once."""
        ...

    async def fail(self, key: str, names: tuple[str, ...], *, issuer: str, limits: Limits, at: datetime) -> None:
        """Count a failed validation of each of *names*, once by *key*."""
        ...

    async def forget(self, key: str) -> None:
        """Leave the queue: the order is not wanted any more."""
        ...

    async def standing(self, now: datetime, *, limit: int) -> Sequence[IssuerBudget]:
        """Show every issuer that was asked for something: its emptiest buckets and its queue, *limit* of each."""
        ...

    async def purge(self, before: datetime, *, now: datetime) -> int:
        """Delete reservations from before, full buckets, and who left the queue silently; return how many rows."""
        ...
