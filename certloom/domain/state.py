"""The whole life of one certificate as one value: what the workflow carries, the row keeps and the view shows."""

from datetime import datetime

from certloom.domain.application import Application
from certloom.domain.certificate import CertificateStatus, Origin, Phase
from certloom.domain.deployment import Placement
from certloom.domain.issuance import Issuance, IssuanceState, RevocationReason
from certloom.domain.key import KeyType
from certloom.domain.model import Model, Utc
from certloom.domain.money import Money
from certloom.domain.order import Order
from certloom.domain.product import Product
from certloom.domain.refund import RefundReason, RefundState
from certloom.domain.step import StepKind


class Payment(Model):
    """How the order is paid; `paid_at` is empty until the charge is confirmed."""

    method: str
    amount: Money
    paid_at: Utc | None = None


class Plan(Model):
    """What the payment covers; it starts at the first issuance."""

    started_at: Utc
    ends_at: Utc


class Suggestion(Model):
    """When the issuer wants a leaf renewed: an instant inside its window, picked once (RFC 9773 section 4.2)."""

    number: int  # of the issuance it is about
    at: Utc
    explanation_url: str | None = None


class Renewal(Model):
    """How automatic renewal stands."""

    asked_at: Utc | None = None  # by a person, at most once in 24 h
    not_before: Utc | None = None  # the next attempt waits until then after a failure
    last_error: str | None = None
    failures: int = 0  # in a row
    suggested: Suggestion | None = None
    early: int = 0  # renewals in a row that only the issuer's word made so early
    proof_asked_at: Utc | None = None  # the customer was told that the next renewal needs the proof again


class Revocation(Model):
    """A request to revoke, judged by its own time, and when the issuer confirmed it."""

    requested_at: Utc
    reason: RevocationReason
    force: bool = False
    revoked_at: Utc | None = None


class Refund(Model):
    """Money on its way back."""

    amount: Money
    state: RefundState
    why: RefundReason


class Attention(Model):
    """A step that nobody planned for went wrong; an operator decides by `resume` or `skip`."""

    since: Utc
    step: StepKind
    why: str


class Delay(Model):
    """A step that meets an outage, or a limit of the issuer; it is tried again at `until`."""

    since: Utc
    step: StepKind
    why: str
    until: Utc
    count: int = 1
    limit: bool = False


class CertificateState(Model):
    """Changed only by domain/evolve.py, one fact and one version at a time."""

    certificate_id: str
    account_id: str
    origin: Origin
    created_at: Utc
    updated_at: Utc
    label: str | None = None
    product: Product | None = None
    version: int = 0
    status: CertificateStatus = CertificateStatus.AWAITING_PAYMENT
    phase: Phase = Phase.IDLE
    payment: Payment | None = None
    plan: Plan | None = None
    uploaded_names: tuple[str, ...] = ()
    application: Application | None = None
    applications: int = 0
    csr_ref: str | None = None  # the customer's own signing request, used again at each renewal
    order: Order | None = None
    attempts: int = 0
    issuances: tuple[Issuance, ...] = ()  # the newest, and every older one that is not expired
    first_issued_at: Utc | None = None
    reminded_days: int | None = None  # the smallest reminder sent so far
    renewal: Renewal = Renewal()
    revocation: Revocation | None = None
    retiring: RevocationReason | None = None  # a replacement was issued: revoke the older issuances for this reason
    refund: Refund | None = None
    discard: tuple[Order, ...] = ()  # attempts whose order and key are to be dropped
    placements: tuple[Placement, ...] = ()  # the targets it is, or is being, deployed to
    deployments: int = 0  # begun so far
    attention: Attention | None = None
    delay: Delay | None = None

    @property
    def issuance(self) -> Issuance | None:
        """The newest issuance."""
        return self.issuances[-1] if self.issuances else None

    @property
    def names(self) -> tuple[str, ...]:
        """The names applied for or uploaded, A-labels; empty before the first application."""
        return self.application.names if self.application else self.uploaded_names

    @property
    def ends_at(self) -> datetime | None:
        """When the certificate expires: the later of plan end and the last leaf's end (DESIGN 2)."""
        last = self.issuance.not_after if self.issuance else None
        return max(last, self.plan.ends_at) if last and self.plan else last

    @property
    def closed(self) -> bool:
        """Whether the life is over and the workflow may return."""
        return self.status is CertificateStatus.DELETED

    def unexpired(self, now: datetime) -> tuple[Issuance, ...]:
        """Every issuance that a revocation must reach."""
        ended = (IssuanceState.REVOKED, IssuanceState.EXPIRED)
        return tuple(one for one in self.issuances if one.state not in ended and one.not_after > now)

    def placement(self, target_id: str) -> Placement | None:
        """Return what is known of a target; None when it is none of this certificate's."""
        return next((one for one in self.placements if one.target_id == target_id), None)

    @property
    def deploying(self) -> tuple[str, ...]:
        """The ids of the deployments under way."""
        return tuple(one.deployment_id for one in self.placements if one.deployment_id)

    def key_ref(self, attempt: int) -> str:
        """Where the sealed private key of an attempt is kept."""
        return f"{self.certificate_id}/key/{attempt}"

    def claim(self, what: str) -> str:
        """Return the idempotency key of an outside effect (DESIGN 4.2): never a run id, so resets stay harmless."""
        return f"{self.certificate_id}/{what}"

    def order_key(self, attempt: int) -> str:
        """Return the key under which an attempt's order is claimed and placed at the issuer."""
        number = self.application.number if self.application else 0
        return self.claim(f"application/{number}/order/{attempt}")

    def leaf_key_type(self) -> KeyType | None:
        """Which key the leaf under way, or else the newest leaf, has."""
        if self.order:
            return self.order.key_type
        return self.issuance.key_type if self.issuance else None
