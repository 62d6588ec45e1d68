"""The certificate view: one certificate as its owner and operators see it (DESIGN 6)."""

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from api.roles import for_role
from api.schemas.application import ApplicationView, Proofs, application_view
from api.schemas.model import View
from api.schemas.product import ProductView, product_view
from api.schemas.refund import RefundView, refund_view
from certloom.domain.agenda import next_step, renewal_at
from certloom.domain.certificate import GROUPS, Action, CertificateStatus, Group, Origin, Phase
from certloom.domain.issuance import RevocationReason
from certloom.domain.key import KeyType
from certloom.domain.model import Utc
from certloom.domain.money import Money
from certloom.domain.renewal import begins
from certloom.domain.rights import allowed_actions
from certloom.domain.role import Role
from certloom.domain.state import CertificateState
from certloom.domain.step import StepKind, WaitReason
from certloom.domain.validity import Validity, validity


class PaymentState(StrEnum):
    """Where the charge stands."""

    PENDING = "pending"
    PAID = "paid"
    FAILED = "failed"


class PaymentView(View):
    """How the order was paid."""

    state: PaymentState
    method: str
    amount: Money


class PlanView(View):
    """What was bought; it starts at the first issuance."""

    paid_at: Utc | None
    started_at: Utc | None
    ends_at: Utc | None
    price: Money


class IssuanceView(View):
    """The newest leaf."""

    number: int
    serial: str
    fingerprint_sha256: str
    issuer: str
    key_type: KeyType
    not_before: Utc
    not_after: Utc
    first_issued_at: Utc | None


class RenewalReason(StrEnum):
    """Why the next renewal is when it is, or why there is none."""

    THIRD_LEFT = "third_left"  # a third of the lifetime is left then; the half, of one below ten days
    SUGGESTED = "suggested"  # an instant inside the window that the issuer suggests
    AFTER_FAILURE = "after_failure"  # the last attempt was refused; tried again then
    PLAN_ENDS_FIRST = "plan_ends_first"
    UPLOADED = "uploaded"
    NOT_ISSUED = "not_issued"
    OVER = "over"


class RenewalView(View):
    """When the next leaf is made by itself."""

    next_at: Utc | None
    why: RenewalReason
    last_error: str | None
    explanation_url: str | None  # where the issuer explains its suggestion


class RevocationView(View):
    """A revocation asked for, and when it was confirmed."""

    requested_at: Utc
    reason: RevocationReason
    revoked_at: Utc | None


class AttentionView(View):
    """A step that an operator has to look at."""

    since: Utc
    step: StepKind
    why: str


class DelayView(View):
    """A step that waits: for something outside to answer, or (`limit`) for room in the issuer's limits."""

    since: Utc
    step: StepKind
    why: str
    until: Utc
    limit: bool


class PlacementView(View):
    """A target as this certificate remembers it. `proven` is the number of the issuance that it was seen to serve.

    `deployment_id` is under way; `retry_at` is when the next one begins by itself after trouble.
    """

    target_id: str
    proven: int | None
    deployment_id: str | None
    retry_at: Utc | None
    last_error: str | None
    drifted_at: Utc | None


class WakeView(View):
    """When something happens by itself, and what is waited for until then."""

    at: Utc | None
    why: WaitReason


class CertificateView(View):
    """One certificate. What is not there yet is null."""

    id: str
    version: int
    status: CertificateStatus
    group: Group
    phase: Phase
    origin: Origin
    label: str | None
    product: ProductView | None
    names: tuple[str, ...]
    account_id: str
    created_at: Utc
    updated_at: Utc
    payment: PaymentView | None
    plan: PlanView | None
    application: ApplicationView | None
    issuance: IssuanceView | None
    validity: Validity | None
    renewal: RenewalView
    deployments_count: int
    placements: tuple[PlacementView, ...]
    revocation: RevocationView | None
    refund: RefundView
    attention: AttentionView | None
    delay: DelayView | None
    next_wake: WakeView
    allowed_actions: tuple[Action, ...]
    links: dict[str, str]


class CertificatePage(View):
    """One page of a list, newest first."""

    items: tuple[CertificateView, ...]
    next_cursor: str | None


class SummaryView(View):
    """How many there are, per status and per group."""

    statuses: Mapping[CertificateStatus, int]
    groups: Mapping[Group, int]


class Reader(NamedTuple):
    """For whom and when a view is made; `workflow_url` leads from an id into Temporal's UI."""

    role: Role
    now: datetime
    workflow_url: Callable[[str], str] | None


def certificate_view(state: CertificateState, proofs: Proofs, reader: Reader) -> CertificateView:
    """Show *state* to *reader*."""
    return CertificateView(
        id=state.certificate_id,
        version=state.version,
        status=state.status,
        group=GROUPS[state.status],
        phase=state.phase,
        origin=state.origin,
        label=state.label,
        product=product_view(state.product) if state.product else None,
        names=state.names,
        account_id=state.account_id,
        created_at=state.created_at,
        updated_at=state.updated_at,
        payment=_payment(state),
        plan=_plan(state),
        application=application_view(state, proofs),
        issuance=_issuance(state),
        validity=_validity(state, reader.now),
        renewal=_renewal(state),
        deployments_count=sum(one.proven is not None for one in state.placements),
        placements=tuple(PlacementView.model_validate(one, from_attributes=True) for one in state.placements),
        revocation=RevocationView.model_validate(state.revocation, from_attributes=True) if state.revocation else None,
        refund=refund_view(state, reader.now),
        attention=AttentionView.model_validate(state.attention, from_attributes=True) if state.attention else None,
        delay=DelayView.model_validate(state.delay, from_attributes=True) if state.delay else None,
        next_wake=_next_wake(state, proofs),
        allowed_actions=tuple(for_role(reader.role, allowed_actions(state))),
        links=_links(state, reader),
    )


def _payment(state: CertificateState) -> PaymentView | None:
    if state.payment is None:
        return None
    unpaid = PaymentState.PENDING if state.status is CertificateStatus.AWAITING_PAYMENT else PaymentState.FAILED
    paid = PaymentState.PAID if state.payment.paid_at else unpaid
    return PaymentView(state=paid, method=state.payment.method, amount=state.payment.amount)


def _plan(state: CertificateState) -> PlanView | None:
    if state.product is None:
        return None
    return PlanView(
        paid_at=state.payment.paid_at if state.payment else None,
        started_at=state.plan.started_at if state.plan else None,
        ends_at=state.plan.ends_at if state.plan else None,
        price=state.product.price,
    )


def _issuance(state: CertificateState) -> IssuanceView | None:
    leaf = state.issuance
    if leaf is None:
        return None
    return IssuanceView(**leaf.model_dump(exclude={"issued_at", "state"}), first_issued_at=state.first_issued_at)


def _validity(state: CertificateState, now: datetime) -> Validity | None:
    leaf = state.issuance
    if leaf is None or state.status not in (CertificateStatus.ISSUED, CertificateStatus.EXPIRED):
        return None
    return validity(leaf.not_before, leaf.not_after, now)


def _renewal(state: CertificateState) -> RenewalView:
    issued = state.status is CertificateStatus.ISSUED
    at = renewal_at(state) if issued else None
    why = _renewal_reason(state, at)
    suggested = state.renewal.suggested if why is RenewalReason.SUGGESTED else None
    return RenewalView(
        next_at=at,
        why=why,
        last_error=state.renewal.last_error,
        explanation_url=suggested.explanation_url if suggested else None,
    )


def _renewal_reason(state: CertificateState, at: datetime | None) -> RenewalReason:
    if state.origin is Origin.UPLOADED:
        return RenewalReason.UPLOADED
    if state.issuance is None:
        return RenewalReason.NOT_ISSUED
    if state.status is not CertificateStatus.ISSUED:
        return RenewalReason.OVER
    if at is None:
        return RenewalReason.PLAN_ENDS_FIRST
    if at == state.renewal.not_before:
        return RenewalReason.AFTER_FAILURE
    suggested, leaf = state.renewal.suggested, state.issuance
    by_word = suggested is not None and suggested.number == leaf.number
    return RenewalReason.SUGGESTED if by_word and at != begins(leaf, word=None, early=0) else RenewalReason.THIRD_LEFT


def _next_wake(state: CertificateState, proofs: Proofs) -> WakeView:
    step = next_step(state)
    planned = [look.next_look_at for look in proofs.looks.values() if look.next_look_at and not look.proven]
    at = min(planned) if step.kind is StepKind.LOOK and planned else step.at
    return WakeView(at=at, why=step.why)


def _links(state: CertificateState, reader: Reader) -> dict[str, str]:
    base = f"/v1/certificates/{state.certificate_id}"
    links = {"self": base, "application": f"{base}/application", "events": f"{base}/events"}
    links |= {"issuances": f"{base}/issuances", "refund_quote": f"{base}/refund-quote"}
    if state.issuance:
        links |= {"download": f"{base}/download", "chain": f"{base}/chain.pem", "deployments": f"{base}/deployments"}
    if reader.role is Role.OPERATOR and reader.workflow_url:
        links["temporal_ui"] = reader.workflow_url(state.certificate_id)
    return links
