"""Everything that can happen to a certificate: one fact, one version, one line of the timeline.

Facts carry ids, dates and codes, and words only where an issuer or a person gave them; edges write the sentences.
"""

from typing import Annotated, Literal

from pydantic import Field

from certloom.domain.application import Application, Challenge, Decision
from certloom.domain.deployment import DeploymentState, DriftProblem, Trigger
from certloom.domain.issuance import Issuance, RevocationReason
from certloom.domain.key import KeyType
from certloom.domain.model import Model, Utc
from certloom.domain.money import Money
from certloom.domain.order import OrderPurpose
from certloom.domain.refund import RefundQuote, RefundReason
from certloom.domain.step import StepKind

SYSTEM = "system"


class Happened(Model):
    """When, and who did it: `system`, `signal`, or a key's or operator's id."""

    at: Utc
    actor: str = SYSTEM

    def model_post_init(self, _: object, /) -> None:
        """Count `kind` as set, so that a payload without unset fields can still be told apart."""
        self.__pydantic_fields_set__.add("kind")


class Ordered(Happened):
    """A purchase was placed; the charge comes next."""

    kind: Literal["ordered"] = "ordered"
    method: str


class Paid(Happened):
    """The charge is in the ledger."""

    kind: Literal["paid"] = "paid"
    amount: Money


class PaymentDeclined(Happened):
    """No money moved; the order is cancelled. `code` is insufficient_balance or payment_declined."""

    kind: Literal["payment_declined"] = "payment_declined"
    code: str
    detail: str


class OrderLapsed(Happened):
    """Nobody paid in time; the order is cancelled."""

    kind: Literal["order_lapsed"] = "order_lapsed"


class Uploaded(Happened):
    """A certificate from elsewhere was brought in."""

    kind: Literal["uploaded"] = "uploaded"
    names: tuple[str, ...]
    issuance: Issuance


class Applied(Happened):
    """An application was opened; key, order and challenges are being made."""

    kind: Literal["applied"] = "applied"
    application: Application
    csr_ref: str | None = None


class Prepared(Happened):
    """The issuer took the order and named its challenges."""

    kind: Literal["prepared"] = "prepared"
    order_ref: str
    challenges: tuple[Challenge, ...]
    proofs_stand: bool = True
    expires_at: Utc | None = None


class Proven(Happened):
    """Control of every name was seen."""

    kind: Literal["proven"] = "proven"


class Reviewed(Happened):
    """An operator approved or rejected the organisation."""

    kind: Literal["reviewed"] = "reviewed"
    decision: Decision


class Withdrawn(Happened):
    """The customer took the application back; the order is paid again."""

    kind: Literal["withdrawn"] = "withdrawn"


class NotProven(Happened):
    """The deadline passed without a proof or a review."""

    kind: Literal["not_proven"] = "not_proven"


class ApplicationRefused(Happened):
    """The issuer or an operator said no; the order is paid again."""

    kind: Literal["application_refused"] = "application_refused"
    reason: str
    detail: str


class Issued(Happened):
    """The issuer signed a leaf."""

    kind: Literal["issued"] = "issued"
    issuance: Issuance
    plan_days: int


class Discarded(Happened):
    """An attempt's order was abandoned and its private key destroyed."""

    kind: Literal["discarded"] = "discarded"
    attempt: int


class RenewalStarted(Happened):
    """A renewal or a replacement begins: a new order, with a new key or the customer's request again."""

    kind: Literal["renewal_started"] = "renewal_started"
    purpose: OrderPurpose
    key_type: KeyType
    csr_ref: str | None = None
    reason: RevocationReason | None = None


class OrderExpired(Happened):
    """The issuer dropped an order before it was proven; a new one is placed, with challenges of its own."""

    kind: Literal["order_expired"] = "order_expired"


class RenewalSuggested(Happened):
    """The issuer said when it wants a leaf renewed; an instant inside its window was picked (RFC 9773)."""

    kind: Literal["renewal_suggested"] = "renewal_suggested"
    number: int
    renew_at: Utc
    explanation_url: str | None = None


class RenewalFailed(Happened):
    """The issuer refused a renewal or replacement; the current leaf stays, and a renewal is tried again."""

    kind: Literal["renewal_failed"] = "renewal_failed"
    detail: str
    retry_at: Utc | None = None


class ProofWanted(Happened):
    """The next renewal needs a fresh proof, and it was not found."""

    kind: Literal["proof_wanted"] = "proof_wanted"
    renewal_at: Utc


class ProofRefreshed(Happened):
    """The proof was found again, in time for the next renewal."""

    kind: Literal["proof_refreshed"] = "proof_refreshed"


class Reminded(Happened):
    """The end comes nearer and nothing will renew it."""

    kind: Literal["reminded"] = "reminded"
    days: int
    ends_at: Utc


class Expired(Happened):
    """Plan and last leaf are over."""

    kind: Literal["expired"] = "expired"


class RevocationRequested(Happened):
    """A revocation was asked for; the quote is judged by `requested_at` and stands."""

    kind: Literal["revocation_requested"] = "revocation_requested"
    requested_at: Utc
    reason: RevocationReason
    force: bool = False
    quote: RefundQuote


class Revoked(Happened):
    """The issuer confirmed: every unexpired issuance is revoked."""

    kind: Literal["revoked"] = "revoked"
    serials: tuple[str, ...]


class Retired(Happened):
    """After a replacement, the older issuances are revoked; the certificate stays issued."""

    kind: Literal["retired"] = "retired"
    serials: tuple[str, ...]


class CancellationRequested(Happened):
    """A paid order that was never issued ends, by the customer or by itself; the charge goes back."""

    kind: Literal["cancellation_requested"] = "cancellation_requested"
    quote: RefundQuote


class Refunded(Happened):
    """The refund is in the ledger, or an operator settled it elsewhere."""

    kind: Literal["refunded"] = "refunded"
    amount: Money
    why: RefundReason


class DeletionRequested(Happened):
    """The certificate is to be deleted for good."""

    kind: Literal["deletion_requested"] = "deletion_requested"
    forfeit_refund: bool = False


class Deleted(Happened):
    """The private keys are destroyed, and it was checked; a tombstone stays."""

    kind: Literal["deleted"] = "deleted"
    keys_destroyed: int


class Delayed(Happened):
    """A step met an outage, or a limit of the issuer, and is tried again."""

    kind: Literal["delayed"] = "delayed"
    step: StepKind
    why: str
    until: Utc
    limit: bool = False


class Parked(Happened):
    """A step was refused in a way nobody planned; an operator must look."""

    kind: Literal["parked"] = "parked"
    step: StepKind
    why: str


class Resumed(Happened):
    """An operator lets the parked step try again."""

    kind: Literal["resumed"] = "resumed"
    step: StepKind


class Skipped(Happened):
    """An operator gives the parked step up; what that means is in evolve."""

    kind: Literal["skipped"] = "skipped"
    step: StepKind


class MessageIgnored(Happened):
    """A signal or cancel request that does not apply; nothing changed."""

    kind: Literal["message_ignored"] = "message_ignored"
    message: str
    why: str


class DeploymentStarted(Happened):
    """An issuance is being put on a target. `number` is None when what came from elsewhere is put back."""

    kind: Literal["deployment_started"] = "deployment_started"
    deployment_id: str
    target_id: str
    host: str | None = None
    number: int | None
    trigger: Trigger
    restores: str | None = None  # a rollback by hand: the deployment whose predecessor is put back


class DeploymentEnded(Happened):
    """A deployment came to its end. `why` says what was seen where, unless it was proven."""

    kind: Literal["deployment_ended"] = "deployment_ended"
    deployment_id: str
    target_id: str
    number: int | None
    outcome: DeploymentState
    why: str | None = None
    retry_at: Utc | None = None
    target_gone: bool = False


class DriftSeen(Happened):
    """The watch saw something else at an endpoint than what was proven there."""

    kind: Literal["drift_seen"] = "drift_seen"
    target_id: str
    problem: DriftProblem
    detail: str


class Displaced(Happened):
    """Another certificate was proven on a target of this one."""

    kind: Literal["displaced"] = "displaced"
    target_id: str
    by: str


class Detached(Happened):
    """A target is not ours to look after any more; what it serves stays."""

    kind: Literal["detached"] = "detached"
    target_id: str


class RetirementDue(Happened):
    """A replaced leaf is revoked now, although not every target was proven: a compromised key cannot wait longer."""

    kind: Literal["retirement_due"] = "retirement_due"


class Relabelled(Happened):
    """The customer's own label changed."""

    kind: Literal["relabelled"] = "relabelled"
    label: str | None


Fact = Annotated[
    Ordered | Paid | PaymentDeclined | OrderLapsed | Uploaded | Applied | Prepared | Proven | Reviewed
    | Withdrawn | NotProven | ApplicationRefused | Issued | Discarded | RenewalStarted | OrderExpired
    | RenewalSuggested | RenewalFailed | ProofWanted | ProofRefreshed | Reminded | Expired
    | RevocationRequested | Revoked | Retired | CancellationRequested | Refunded | DeletionRequested | Deleted
    | Delayed | Parked | Resumed | Skipped | MessageIgnored | DeploymentStarted | DeploymentEnded | DriftSeen
    | Displaced | Detached | RetirementDue | Relabelled,
    Field(discriminator="kind"),
]  # fmt: skip


class Entry(Model):
    """A fact with the version it made."""

    version: int
    fact: Fact
