"""Which of our accounts ordered which names at somebody else's CA, where all of them are one and the same customer.

The promises at the top of storage/interface.py hold here too.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Protocol


class ContestTable(Protocol):
    """One row per issuer, name (without the star) and account of ours."""

    async def want(self, issuer: str, account_id: str, names: Collection[str], at: datetime) -> None:
        """Note that an account orders names now."""
        ...

    async def contested(
        self, issuer: str, account_id: str, names: Collection[str], *, since: datetime
    ) -> frozenset[str]:
        """Return those of the names that another account ordered since then."""
        ...

    async def purge(self, before: datetime) -> int:
        """Forget what nobody ordered since then; return how many rows."""
        ...
