"""One attempt to get a leaf signed: the first issuance, a renewal or a replacement."""

from datetime import timedelta
from enum import StrEnum
from typing import Final

from certloom.domain.issuance import RevocationReason
from certloom.domain.key import KeyType
from certloom.domain.model import Model, Utc

FIRST_PAUSE: Final = timedelta(minutes=1)
LONGEST_PAUSE: Final = timedelta(days=1)


class OrderPurpose(StrEnum):
    """Why a leaf is being made."""

    FIRST = "first"
    RENEWAL = "renewal"
    REPLACEMENT = "replacement"


class Order(Model):
    """The attempt under way. `order_ref` is the issuer's, once it answered; `csr_ref` names a stored request."""

    attempt: int
    purpose: OrderPurpose
    key_type: KeyType
    started_at: Utc
    csr_ref: str | None = None
    order_ref: str | None = None
    expires_at: Utc | None = None  # the issuer drops the order then
    reason: RevocationReason | None = None  # a replacement revokes the older issuances for this reason


def renewal_pause(failures: int) -> timedelta:
    """Return how long a renewal waits after so many failures in a row: 1, 10, 100 minutes, 16 hours, then a day."""
    growth: int = 10 ** min(max(failures, 1) - 1, 6)
    return min(FIRST_PAUSE * growth, LONGEST_PAUSE)
