"""One X.509 certificate signed for a certificate; a plan of a year holds several."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from certloom.domain.key import KeyType
from certloom.domain.model import Model, Utc


class IssuanceState(StrEnum):
    """What became of one signed leaf."""

    VALID = "valid"
    SUPERSEDED = "superseded"
    REVOKED = "revoked"
    EXPIRED = "expired"


class RevocationReason(StrEnum):
    """Why a certificate is revoked (RFC 5280 5.3.1, as the Baseline Requirements 7.2.2 narrow it)."""

    UNSPECIFIED = "unspecified"
    KEY_COMPROMISE = "key_compromise"
    AFFILIATION_CHANGED = "affiliation_changed"
    SUPERSEDED = "superseded"
    CESSATION_OF_OPERATION = "cessation_of_operation"
    PRIVILEGE_WITHDRAWN = "privilege_withdrawn"  # for the CA and its operators, never offered to a customer


CRL_CODES: Final[Mapping[RevocationReason, int | None]] = {
    RevocationReason.UNSPECIFIED: None,  # expressed by leaving the extension out
    RevocationReason.KEY_COMPROMISE: 1,
    RevocationReason.AFFILIATION_CHANGED: 3,
    RevocationReason.SUPERSEDED: 4,
    RevocationReason.CESSATION_OF_OPERATION: 5,
    RevocationReason.PRIVILEGE_WITHDRAWN: 9,
}

CUSTOMER_REASONS: Final = frozenset(RevocationReason) - {RevocationReason.PRIVILEGE_WITHDRAWN}


class Issuance(Model):
    """Number within the certificate, and the facts of the signed leaf; the PEM lives in SQL."""

    number: int
    serial: str  # lower-case hexadecimal, no leading zeros
    fingerprint_sha256: str
    issuer: str
    key_type: KeyType
    not_before: Utc
    not_after: Utc
    issued_at: Utc
    state: IssuanceState = IssuanceState.VALID
