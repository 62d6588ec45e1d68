"""What an overview asks: counts over many certificates, each fast at 100,000 of them.

The promises at the top of storage/interface.py hold here too. `account_id` None is for operators, who see all.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Protocol

from certloom.domain.state import CertificateState
from certloom.storage.records import DayTally


class OverviewTable(Protocol):
    """Counts and short lists; nothing here is written, CertificateTable does that."""

    async def expiring(self, account_id: str | None, moments: Sequence[datetime]) -> Sequence[int]:
        """Count the issued certificates whose newest leaf ends between each two of *moments*, which are in order."""
        ...

    async def tallies(self, account_id: str | None, *, since: date) -> Sequence[DayTally]:
        """Count what was issued and what failed, per UTC day, kind and cause, from *since* on, in that order."""
        ...

    async def in_trouble(self, account_id: str | None, *, limit: int) -> Sequence[CertificateState]:
        """List certificates with a step that waits for an operator, newest first."""
        ...

    async def reviews_waiting(self) -> int:
        """Count the applications that wait for an operator's decision."""
        ...

    async def signed(self) -> Mapping[str, int]:
        """Count the leaves that each authority of the private CA ever signed, or is about to sign."""
        ...
