"""The rows that storage hands out and takes in, as plain values."""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Generic, TypeVar

from pydantic import Field

from certloom.domain.application import Challenge, Contact, Organization, ValidationMethod
from certloom.domain.budget import Limits, LimitScope
from certloom.domain.budget_queue import Waiter
from certloom.domain.deployment import ENDS, DeploymentState, Trigger
from certloom.domain.fact import Fact
from certloom.domain.issuance import Issuance, RevocationReason
from certloom.domain.key import KeyFamily, KeyType
from certloom.domain.look import Look
from certloom.domain.model import Model, Utc
from certloom.domain.role import Role
from certloom.domain.tally import TallyKind
from certloom.domain.target import Target
from certloom.targets.interface import Standing

T = TypeVar("T")


class Page(Model, Generic[T]):
    """One page and where the next begins; `previous_cursor` where a list can be walked back."""

    items: tuple[T, ...]
    next_cursor: str | None = None
    previous_cursor: str | None = None


class Sort(StrEnum):
    """In which order certificates are listed."""

    NEWEST = "newest"
    NAME = "name"  # the first name, without a star; where none is known the label or the product
    EXPIRY = "expiry"  # what is in force, and ends soonest, first; then the rest, newest first


class TimelineEntry(Model):
    """A fact as it was recorded."""

    certificate_id: str
    version: int
    fact: Fact


class Draft(Model):
    """What an application brings that stays out of Temporal; its id is the application's or the order's csr_ref."""

    id: str
    certificate_id: str
    created_at: Utc
    contact: Contact | None = None
    organization: Organization | None = None
    csr_pem: str | None = None


class IssuanceRecord(Model):
    """A signed leaf with its chain, and where its private key is (None: the customer has it)."""

    certificate_id: str
    issuance: Issuance
    application_id: str | None
    attempt: int
    names: tuple[str, ...]
    leaf_pem: str
    chain_pem: str
    spki_sha256: str
    key_ref: str | None


class Account(Model):
    """A tenant."""

    id: str
    name: str
    currency: str
    created_at: Utc


class ApiKey(Model):
    """A key as stored: `hash` is the SHA-256 of the secret's 32 bytes, in hexadecimal."""

    id: str
    account_id: str | None  # None: an operator's
    role: Role
    label: str
    hash: str
    created_at: Utc
    expires_at: Utc | None = None
    revoked_at: Utc | None = None
    last_used_at: Utc | None = None


class PostingLine(Model):
    """An amount, signed, on a customer's account or on one of ours (`sales`, `deposits`)."""

    account: str
    amount: int


class Posting(Model):
    """One booking; `key` makes it happen once."""

    key: str
    at: Utc
    kind: str  # deposit, charge, refund
    reference: str
    currency: str
    lines: tuple[PostingLine, ...]


class LedgerLine(Model):
    """One line of a customer's statement."""

    at: Utc
    kind: str
    reference: str
    amount: int
    balance_after: int
    currency: str


class LookRecord(Model):
    """What was seen at the last look for one challenge, and when the next is."""

    certificate_id: str
    name: str
    type: str
    token: str = ""
    at: Utc
    proven: bool
    seen: str | None = None
    error: str | None = None
    next_look_at: Utc | None = None


class RenewalRecord(Model):
    """One certificate's newest leaf, as its issuer sees it. `picked_at` is the instant inside the window."""

    certificate_id: str
    number: int
    issuer: str
    ask_at: Utc
    failures: int = 0
    window_start: Utc | None = None
    window_end: Utc | None = None
    picked_at: Utc | None = None
    explanation_url: str | None = None


class Authority(Model):
    """A CA of the embedded PKI: `root`, `ecdsa` or `rsa`. The key is sealed under the issuers' key."""

    id: str
    certificate: bytes  # DER
    sealed_key: bytes
    crl_number: int = 0
    crl: bytes | None = None  # DER
    crl_this_update: Utc | None = None
    crl_next_update: Utc | None = None


class AuthorityOrder(Model):
    """An order at the private CA; `key` is the caller's idempotency key."""

    order_ref: str
    key: str
    account_id: str
    names: tuple[str, ...]
    level: str
    key_type: KeyType
    family: KeyFamily
    spki: bytes  # SubjectPublicKeyInfo DER
    organization: Organization | None = None
    created_at: Utc
    abandoned_at: Utc | None = None
    authority_id: str | None = None
    serial: str | None = None
    not_before: Utc | None = None
    not_after: Utc | None = None


class RevokedLeaf(Model):
    """An entry of a CRL."""

    authority_id: str
    serial: str
    not_after: Utc
    revoked_at: Utc
    reason: RevocationReason


class AcmeAccount(Model):
    """Our account at an ACME CA; `url` is empty until the CA knows it. The key is sealed under the issuers' key."""

    issuer: str
    directory: str
    sealed_key: bytes
    url: str | None = None
    created_at: Utc


class AcmeOrder(Model):
    """An order at an ACME CA; `key` is the caller's idempotency key, and `url` where the CA has it."""

    order_ref: str
    issuer: str
    key: str
    account_id: str
    names: tuple[str, ...]
    validation: ValidationMethod
    key_type: KeyType
    spki: bytes  # SubjectPublicKeyInfo DER
    csr_pem: str
    profile: str | None = None
    replaces: str | None = None  # RFC 9773 section 4.1
    created_at: Utc
    url: str | None = None
    challenges: tuple[Challenge, ...] | None = None
    expires_at: Utc | None = None
    answered: Mapping[str, Utc] = Field(default_factory=dict)  # challenges that the CA was told to look at
    finalizing_at: Utc | None = None
    abandoned_at: Utc | None = None
    leaf_pem: str | None = None
    chain_pem: str | None = None


class IdempotencyClaim(Model):
    """A request with an Idempotency-Key: who asked (scope), what (fingerprint), for which object, and the answer."""

    scope: str
    key: str
    fingerprint: str
    subject: str
    claimed_at: Utc
    status: int | None = None
    body: str | None = None
    headers: Mapping[str, str] = Field(default_factory=dict)


class DayTally(Model):
    """How often something happened on a UTC day; `cause` is a code, empty where there is none."""

    day: date
    kind: TallyKind
    cause: str
    count: int


class BudgetBucket(Model):
    """What is left of one of an issuer's limits, as the moment at which it is full again."""

    scope: LimitScope
    title: str
    tat: Utc


class IssuerBudget(Model):
    """An issuer's limits, its emptiest buckets, and the first of those that wait."""

    issuer: str
    limits: Limits
    buckets: tuple[BudgetBucket, ...]
    waiters: tuple[Waiter, ...]
    waiting: int


class TargetRecord(Model):
    """A target with which deployment was proven there last, and what the watch saw since."""

    target: Target
    deployment_id: str | None = None
    looked_at: Utc | None = None
    looks: tuple[Look, ...] | None = None


class Watched(Model):
    """A target that should serve an issuance of ours; `occupied_by` is a deployment that is changing it."""

    target: Target
    certificate_id: str
    number: int
    occupied_by: str | None = None


class DeploymentRecord(Model):
    """One deployment. `before` is what the slot held, `served_before` and `seen` what handshakes told."""

    id: str
    certificate_id: str
    account_id: str
    target_id: str
    number: int | None
    trigger: Trigger
    actor: str
    restores: str | None = None
    state: DeploymentState = DeploymentState.WAITING
    started_at: Utc
    updated_at: Utc
    ended_at: Utc | None = None
    before: Standing | None = None
    served_before: tuple[Look, ...] | None = None
    seen: tuple[Look, ...] | None = None
    why: str | None = None
    displaced: str | None = None  # the certificate that was served there until this one was proven

    @property
    def ended(self) -> bool:
        """Whether nothing happens to it any more."""
        return self.state in ENDS


class PublishedRecord(Model):
    """A TXT value that we publish, or are about to. `place` is where it really stands: an alias may lead there.

    `attempt` is that of the certificate's order; 0 before there is one.
    """

    certificate_id: str
    attempt: int
    how: str  # the id of an account's zone, or DELEGATED
    record_name: str
    value: str
    place: str
    created_at: Utc
    presented_at: Utc | None = None  # since when it stands there
    unwanted_since: Utc | None = None
    next_try_at: Utc | None = None  # to take it away
    tries: int = 0
    error: str | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """What two certificates may have in common."""
        return self.how, self.place, self.value
