"""What issuers said about renewing leaves, and when each is asked again.

The promises at the top of storage/interface.py hold here too.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from certloom.storage.records import RenewalRecord


class RenewalTable(Protocol):
    """One row per certificate whose issuer may say when to renew."""

    async def put(self, record: RenewalRecord) -> None:
        """Insert or overwrite; an answer about an older leaf than the one that is there changes nothing."""
        ...

    async def get(self, certificate_id: str) -> RenewalRecord | None:
        """Return one."""
        ...

    async def due(self, now: datetime, *, limit: int) -> Sequence[RenewalRecord]:
        """List those to ask about, the longest due first."""
        ...

    async def forget(self, certificate_id: str) -> None:
        """Delete the row of a certificate that will not be renewed any more."""
        ...
