"""The seam to every CA, embedded or ACME: short exchanges, the workflow does the waiting."""

from datetime import datetime
from typing import Protocol

from certloom.domain.application import Challenge, Organization, ValidationMethod
from certloom.domain.issuance import RevocationReason
from certloom.domain.key import KeyType
from certloom.domain.model import Model, Utc
from certloom.domain.product import Level


class OrderRequest(Model):
    """What to sign. `key` is the caller's idempotency key: the same key again is the same order."""

    key: str
    account_id: str
    names: tuple[str, ...]
    level: Level
    validation: ValidationMethod
    key_type: KeyType
    spki: bytes  # SubjectPublicKeyInfo DER of the leaf's key
    csr_pem: str | None = None  # for issuers that want one; built from our key when the customer brought none
    organization: Organization | None = None


class OrderOpened(Model):
    """The issuer's own reference, which survives restarts, and its challenges, one per distinct base name."""

    order_ref: str
    challenges: tuple[Challenge, ...]


class Pending(Model):
    """The issuer still works on it; ask again after so many seconds."""

    retry_after: float


class SignedLeaf(Model):
    """The leaf and its chain without the root, as PEM."""

    issuer: str
    serial: str
    fingerprint_sha256: str
    key_type: KeyType
    spki_sha256: str
    not_before: Utc
    not_after: Utc
    leaf_pem: str
    chain_pem: str


class LeafToRevoke(Model):
    """Which leaf, and since when it counts as revoked. `key` is the caller's idempotency key."""

    key: str
    issuer: str
    serial: str
    not_after: Utc
    leaf_pem: str
    reason: RevocationReason
    revoked_at: Utc


class Issuer(Protocol):
    """Every call is one short exchange (30 s at most), may be repeated, and raises Outage when it should be."""

    async def begin(self, request: OrderRequest, *, now: datetime) -> OrderOpened:
        """Place an order; raises IssuerRefused for names or keys it will never sign."""
        ...

    async def advance(self, order_ref: str, *, now: datetime, not_after: datetime) -> Pending | SignedLeaf:
        """Take the order one exchange further; the same order yields the same serial for ever.

        `not_after` is the latest end wanted; an issuer may choose an earlier one. Raises IssuerRefused, finally.
        """
        ...

    async def abandon(self, order_ref: str, *, now: datetime) -> None:
        """Drop an order that has signed nothing; silent when it is unknown, dropped or signed."""
        ...

    async def revoke(self, leaf: LeafToRevoke, *, now: datetime) -> None:
        """Return when the revocation is confirmed; a leaf that was revoked before counts as confirmed."""
        ...


class PublishedFiles(Protocol):
    """What an embedded CA publishes under /pki/; read by the API, which never holds a CA key."""

    async def certificate(self, authority_id: str) -> bytes | None:
        """Return `root`, `ecdsa` or `rsa` as DER, or None."""
        ...

    async def crl(self, authority_id: str) -> bytes | None:
        """Return the newest CRL as DER, or None."""
        ...
