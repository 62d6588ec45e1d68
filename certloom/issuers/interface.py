"""The seam to every CA, embedded or ACME: short exchanges, the workflow does the waiting."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from pydantic import Field

from certloom.domain.application import Challenge, Organization, ValidationMethod
from certloom.domain.budget import Limits
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
    csr_pem: str  # the customer's, or made with our key; signed anew at a repetition, so only names and key count
    organization: Organization | None = None
    replaces: str | None = None  # PEM of the leaf that this one takes the place of (RFC 9773 section 5)


class OrderOpened(Model):
    """The issuer's own reference, which survives restarts, and what has to be published.

    The private CA names one challenge per distinct base name. An ACME CA names one per identifier, a wildcard's under
    its name with the star, and none for what it holds as proven; after `expires_at` the order is of no use any more.
    """

    order_ref: str
    challenges: tuple[Challenge, ...]
    proofs_stand: bool = True  # whether the next order of these names has the same challenges
    expires_at: Utc | None = None


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
    private_key: bytes | None = Field(default=None, repr=False)  # PKCS#8 DER, for when the CA lost our account


class RenewalWindow(Model):
    """When an issuer wants a leaf renewed (RFC 9773 section 4.2), and when to ask again.

    `start` and `end` are empty when it gave no usable window.
    """

    start: Utc | None
    end: Utc | None
    explanation_url: str | None = None
    ask_again_at: Utc


class Issuer(Protocol):
    """Every call is one short exchange (30 s at most), may be repeated, and raises Outage when it should be.

    Outage is `Later` when the issuer said when to come again, or has to be left in peace until then.
    """

    outside: bool
    """Whether it is somebody else's CA: it looks at CAA itself, and may be asked when to renew."""

    limits: Limits
    """What the issuer allows in which time; empty for one without limits."""

    async def begin(self, request: OrderRequest, *, now: datetime) -> OrderOpened:
        """Place an order; raises IssuerRefused for names or keys it will never sign."""
        ...

    async def advance(self, order_ref: str, *, now: datetime, not_after: datetime) -> Pending | SignedLeaf:
        """Take the order one exchange further; the same order yields the same serial for ever.

        `not_after` is the latest end wanted; an issuer may choose an earlier one. Raises IssuerRefused, finally.
        """
        ...

    async def abandon(self, order_ref: str, *, now: datetime) -> bool:
        """Drop an order that has signed nothing; silent when it is unknown, dropped or signed.

        True when it is certain that the order never has a leaf.
        """
        ...

    async def revoke(self, leaf: LeafToRevoke, *, now: datetime) -> None:
        """Return when the revocation is confirmed; a leaf that was revoked before counts as confirmed."""
        ...

    async def caa_identities(self, *, now: datetime) -> Sequence[str]:
        """Return the domains by which CAA records permit this issuer (RFC 8659 section 4.2). Raises Outage."""
        ...

    async def account_uri(self, *, now: datetime) -> str | None:
        """Return by which URI CAA records may name our account (RFC 8657 section 3); None where there are none.

        An account that does not exist yet is made. Raises Outage and IssuerRefused.
        """
        ...

    async def suggest_renewal(self, leaf_pem: str, *, now: datetime) -> RenewalWindow | None:
        """Ask when to renew a leaf; None when this issuer never says. Raises Outage, and nothing else."""
        ...


class PublishedAuthority(Model):
    """An authority of an embedded CA: who it says it is, until when, and its newest CRL, which may be missing."""

    id: str
    subject: str  # RFC 4514
    not_before: Utc
    not_after: Utc
    crl_number: int
    crl_this_update: Utc | None
    crl_next_update: Utc | None


class PublishedFiles(Protocol):
    """What an embedded CA publishes under /pki/; read by the API, which never holds a CA key."""

    async def certificate(self, authority_id: str) -> bytes | None:
        """Return `root`, `ecdsa` or `rsa` as DER, or None."""
        ...

    async def crl(self, authority_id: str) -> bytes | None:
        """Return the newest CRL as DER, or None."""
        ...

    async def authorities(self) -> Sequence[PublishedAuthority]:
        """List them by id; none where there is no embedded CA yet."""
        ...
