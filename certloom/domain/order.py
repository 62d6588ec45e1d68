"""One attempt to get a leaf signed: the first issuance, a renewal or a replacement."""

from enum import StrEnum

from certloom.domain.issuance import RevocationReason
from certloom.domain.key import KeyType
from certloom.domain.model import Model, Utc


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
    reason: RevocationReason | None = None  # a replacement revokes the older issuances for this reason
