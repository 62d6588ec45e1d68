"""How each fact changes a certificate: the only place where a state comes from another.

Workflow, activity and row all apply the same function to the same facts, so they cannot disagree.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import singledispatch
from typing import Any, Final, TypeVar

from certloom.domain import fact as f
from certloom.domain.application import Application, Decision, Outcome
from certloom.domain.certificate import CertificateStatus, Phase, advance
from certloom.domain.evolve_placement import placement_changes
from certloom.domain.issuance import Issuance, IssuanceState
from certloom.domain.model import Model
from certloom.domain.order import Order, OrderPurpose
from certloom.domain.refund import RefundQuote, RefundReason, RefundState
from certloom.domain.state import Attention, CertificateState, Delay, Payment, Plan, Refund, Renewal, Revocation
from certloom.domain.step import StepKind
from certloom.domain.validity import ORGANISATION_REUSE, proof_good_until

Changes = Mapping[str, Any]
M = TypeVar("M", bound=Model)

RENEWAL_RETRY: Final = timedelta(days=1)  # after an operator skipped a renewal's step

_S = CertificateStatus
# Facts that say nothing about the step under way leave its trouble as it is.
_TARGETS: Final = (f.DeploymentStarted, f.DeploymentEnded, f.DriftSeen, f.Displaced, f.Detached)
_ASIDE: Final = (*_TARGETS, f.MessageIgnored, f.Relabelled, f.Delayed, f.Parked, f.Reviewed, f.Reminded)


def evolve(state: CertificateState, fact: f.Fact) -> CertificateState:
    """Return the state after *fact*, one version on. Raises IllegalTransition for a fact that cannot happen here."""
    calm: Changes = {} if isinstance(fact, _ASIDE) else {"delay": None, "attention": None}
    news = _changes(fact, state)
    stamp = {"version": state.version + 1, "updated_at": max(fact.at, state.updated_at)}
    changed = {key: value for key, value in {**calm, **news, **stamp}.items() if getattr(state, key) != value}
    return state.model_copy(update=changed)


def gate(state: CertificateState, application: Application, at: datetime) -> Phase:
    """Say what an order still needs before its leaf may be signed: a proof, a review, or nothing."""
    if application.proven_at is None or at >= proof_good_until(application.proven_at):
        return Phase.PROVING
    reviewed = application.review is not None and at < application.review.at + ORGANISATION_REUSE
    if state.product and state.product.reviewed and not reviewed:
        return Phase.REVIEWING
    return Phase.ISSUING


@singledispatch
def _changes(fact: f.Happened, state: CertificateState) -> Changes:
    raise TypeError(f"no rule for {type(fact).__name__}")


@_changes.register
def _(fact: f.Ordered, state: CertificateState) -> Changes:
    assert state.product is not None  # only purchases are ordered
    return {"payment": Payment(method=fact.method, amount=state.product.price)}


@_changes.register
def _(fact: f.Paid, state: CertificateState) -> Changes:
    assert state.payment is not None  # Ordered came first
    return {"status": advance(state.status, _S.PAID), "payment": _with(state.payment, paid_at=fact.at)}


@_changes.register
def _(fact: f.PaymentDeclined, state: CertificateState) -> Changes:
    return {"status": advance(state.status, _S.CANCELLED)}


@_changes.register
def _(fact: f.OrderLapsed, state: CertificateState) -> Changes:
    return _unpaid(state)


@_changes.register
def _(fact: f.Uploaded, state: CertificateState) -> Changes:
    return {
        "uploaded_names": fact.names,
        "issuances": (fact.issuance,),
        "first_issued_at": fact.issuance.issued_at,
    }


@_changes.register
def _(fact: f.Applied, state: CertificateState) -> Changes:
    started = f.RenewalStarted(
        at=fact.at, purpose=OrderPurpose.FIRST, key_type=fact.application.key_type, csr_ref=fact.csr_ref
    )
    return {
        "status": advance(state.status, _S.PENDING_VERIFICATION),
        "application": fact.application,
        "applications": state.applications + 1,
        **_order(started, state),
    }


@_changes.register
def _(fact: f.Prepared, state: CertificateState) -> Changes:
    assert state.order is not None  # preparing is about an order
    assert state.application is not None
    application = _with(state.application, challenges=fact.challenges)
    return {
        "application": application,
        "order": _with(state.order, order_ref=fact.order_ref),
        "phase": gate(state, application, fact.at),
    }


@_changes.register
def _(fact: f.Proven, state: CertificateState) -> Changes:
    assert state.application is not None  # proving is about an application
    application = _with(state.application, proven_at=fact.at)
    return {"application": application, "phase": gate(state, application, fact.at)}


@_changes.register
def _(fact: f.Reviewed, state: CertificateState) -> Changes:
    assert state.application is not None  # rights were checked
    if fact.decision is Decision.REJECT:
        return {}
    review = {"decision": fact.decision, "at": fact.at, "actor": fact.actor}
    application = Application.model_validate({**dict(state.application), "review": review})
    waiting = state.phase is Phase.REVIEWING
    return {"application": application, **({"phase": gate(state, application, fact.at)} if waiting else {})}


@_changes.register
def _(fact: f.Withdrawn, state: CertificateState) -> Changes:
    return _closed(state, Outcome.WITHDRAWN)


@_changes.register
def _(fact: f.NotProven, state: CertificateState) -> Changes:
    return _closed(state, Outcome.NOT_PROVEN)


@_changes.register
def _(fact: f.ApplicationRefused, state: CertificateState) -> Changes:
    return _closed(state, Outcome.REFUSED)


@_changes.register
def _(fact: f.Issued, state: CertificateState) -> Changes:
    assert state.order is not None  # issuing is about an order
    assert state.application is not None
    order = state.order
    application = _with(
        state.application, outcome=Outcome.PROVEN, key_type=order.key_type, csr=order.csr_ref is not None
    )
    older = tuple(_aged(one, fact.at) for one in state.issuances)
    kept = tuple(one for one in older if one.state is IssuanceState.SUPERSEDED)  # what a revocation must still reach
    retiring = order.reason if order.purpose is OrderPurpose.REPLACEMENT and kept else None
    first = state.status is _S.PENDING_VERIFICATION
    return {
        "status": advance(state.status, _S.ISSUED) if first else state.status,
        "phase": _after_issuing(state) if retiring else Phase.IDLE,
        "retiring": retiring,
        "order": None,
        "application": application,
        "csr_ref": order.csr_ref,
        "issuances": (*kept, fact.issuance),
        "plan": state.plan or Plan(started_at=fact.at, ends_at=fact.at + timedelta(days=fact.plan_days)),
        "first_issued_at": state.first_issued_at or fact.at,
        "renewal": Renewal(asked_at=state.renewal.asked_at),
        "reminded_days": None,
    }


def _after_issuing(state: CertificateState) -> Phase:
    """A replaced leaf is revoked once no target serves it any more."""
    return Phase.DEPLOYING if state.placements else Phase.REVOKING


@_changes.register
def _(fact: f.Discarded, state: CertificateState) -> Changes:
    return {"discard": tuple(order for order in state.discard if order.attempt != fact.attempt)}


@_changes.register
def _(fact: f.RenewalStarted, state: CertificateState) -> Changes:
    assert state.application is not None  # rights were checked
    asked = fact.at if fact.actor != f.SYSTEM and fact.purpose is OrderPurpose.RENEWAL else state.renewal.asked_at
    return {"renewal": _with(state.renewal, asked_at=asked), **_order(fact, state)}


@_changes.register
def _(fact: f.RenewalFailed, state: CertificateState) -> Changes:
    renewal = _with(state.renewal, last_error=fact.detail, not_before=fact.retry_at or state.renewal.not_before)
    return {"renewal": renewal, **_dropped(state)}


@_changes.register
def _(fact: f.ProofWanted, state: CertificateState) -> Changes:
    return {"renewal": _with(state.renewal, proof_asked_at=fact.at)}


@_changes.register
def _(fact: f.ProofRefreshed, state: CertificateState) -> Changes:
    assert state.application is not None  # a renewal has an application
    return {
        "application": _with(state.application, proven_at=fact.at),
        "renewal": _with(state.renewal, proof_asked_at=None),
    }


@_changes.register
def _(fact: f.Reminded, state: CertificateState) -> Changes:
    return {"reminded_days": fact.days}


@_changes.register
def _(fact: f.Expired, state: CertificateState) -> Changes:
    ended = tuple(_with(one, state=_ended(one)) for one in state.issuances)
    return {"status": advance(state.status, _S.EXPIRED), "issuances": ended, "retiring": None, **_dropped(state)}


@_changes.register
def _(fact: f.RevocationRequested, state: CertificateState) -> Changes:
    revocation = Revocation(requested_at=fact.requested_at, reason=fact.reason, force=fact.force)
    return {
        **_dropped(state),
        "revocation": revocation,
        "refund": _due(fact.quote),
        "retiring": None,  # the whole certificate goes, its newest leaf too
        "phase": Phase.REVOKING,
    }


@_changes.register
def _(fact: f.Revoked, state: CertificateState) -> Changes:
    assert state.revocation is not None  # it was requested
    owed = state.refund is not None and state.refund.state is RefundState.PENDING
    return {
        "status": advance(state.status, _S.REVOKED),
        "revocation": _with(state.revocation, revoked_at=fact.at),
        "issuances": _revoked(state.issuances, fact.serials),
        "phase": Phase.REFUNDING if owed else Phase.IDLE,
    }


@_changes.register
def _(fact: f.Retired, state: CertificateState) -> Changes:
    free = tuple(_with(one, passed_over=0) for one in state.placements)  # what a person went back to may be revoked now
    issuances = _revoked(state.issuances, fact.serials)
    return {"issuances": issuances, "placements": free, "retiring": None, "phase": Phase.IDLE}


@_changes.register
def _(fact: f.CancellationRequested, state: CertificateState) -> Changes:
    return {"refund": _due(fact.quote), "phase": Phase.REFUNDING}


@_changes.register
def _(fact: f.Refunded, state: CertificateState) -> Changes:
    paid = state.status is _S.PAID
    return {
        "refund": Refund(amount=fact.amount, state=RefundState.DONE, why=fact.why),
        "status": advance(state.status, _S.CANCELLED) if paid else state.status,
        "phase": Phase.IDLE,
    }


@_changes.register
def _(fact: f.DeletionRequested, state: CertificateState) -> Changes:
    return {**_dropped(state), "phase": Phase.DELETING}


@_changes.register
def _(fact: f.Deleted, state: CertificateState) -> Changes:
    gone: Changes = {"order": None, "discard": (), "placements": ()}
    return {"status": advance(state.status, _S.DELETED), "phase": Phase.IDLE, **gone}


@_changes.register
def _(fact: f.Delayed, state: CertificateState) -> Changes:
    before = state.delay
    same = before is not None and before.step is fact.step
    return {
        "delay": Delay(
            since=before.since if before and same else fact.at,
            step=fact.step,
            why=fact.why,
            until=fact.until,
            count=before.count + 1 if before and same else 1,
        )
    }


@_changes.register
def _(fact: f.Parked, state: CertificateState) -> Changes:
    return {"attention": Attention(since=fact.at, step=fact.step, why=fact.why), "delay": None}


@_changes.register(f.Resumed)
@_changes.register(f.MessageIgnored)
def _(fact: f.Resumed | f.MessageIgnored, state: CertificateState) -> Changes:
    return {}


for _kind in (*_TARGETS, f.RetirementDue):
    _changes.register(_kind, placement_changes)


@_changes.register
def _(fact: f.Relabelled, state: CertificateState) -> Changes:
    return {"label": fact.label}


@_changes.register
def _(fact: f.Skipped, state: CertificateState) -> Changes:
    match fact.step:
        case StepKind.CHARGE:
            return _unpaid(state)
        case StepKind.PREPARE | StepKind.LOOK | StepKind.ISSUE if state.status is _S.PENDING_VERIFICATION:
            return _closed(state, Outcome.REFUSED)
        case StepKind.PREPARE | StepKind.LOOK | StepKind.ISSUE:
            return {"renewal": _with(state.renewal, not_before=fact.at + RENEWAL_RETRY), **_dropped(state)}
        case StepKind.DISCARD:
            return {"discard": ()}
        case StepKind.REVOKE if state.retiring:
            return {"retiring": None, "phase": Phase.IDLE}
        case StepKind.REVOKE:
            return {"revocation": None, "refund": None, "phase": Phase.IDLE}
        case StepKind.REFUND:
            assert state.refund is not None  # a refund was under way
            settled = f.Refunded(at=fact.at, amount=state.refund.amount, why=RefundReason.SETTLED_BY_OPERATOR)
            return _changes(settled, state)
        case _:
            return {"phase": Phase.IDLE}


def _with(model: M, **news: object) -> M:
    return model.model_copy(update=news)


def _order(fact: f.RenewalStarted, state: CertificateState) -> Changes:
    attempt = state.attempts + 1
    order = Order(
        attempt=attempt,
        purpose=fact.purpose,
        key_type=fact.key_type,
        started_at=fact.at,
        csr_ref=fact.csr_ref,
        reason=fact.reason,
    )
    return {"order": order, "attempts": attempt, "phase": Phase.PREPARING}


def _unpaid(state: CertificateState) -> Changes:
    """End an order without a confirmed charge; if one was tried, the refund pays back whatever the ledger holds."""
    closed = {"status": advance(state.status, _S.CANCELLED)}
    if state.payment is None:
        return closed
    owed = Refund(amount=state.payment.amount, state=RefundState.PENDING, why=RefundReason.NEVER_ISSUED)
    return {**closed, "refund": owed, "phase": Phase.REFUNDING}


def _dropped(state: CertificateState) -> Changes:
    discard = (*state.discard, state.order) if state.order else state.discard
    return {"order": None, "discard": discard, "phase": Phase.IDLE}


def _closed(state: CertificateState, outcome: Outcome) -> Changes:
    assert state.application is not None  # pending verification is about an application
    application = _with(state.application, outcome=outcome)
    return {"status": advance(state.status, _S.PAID), "application": application, **_dropped(state)}


def _aged(one: Issuance, now: datetime) -> Issuance:
    if one.not_after <= now:
        return _with(one, state=_ended(one))
    return _with(one, state=IssuanceState.SUPERSEDED) if one.state is IssuanceState.VALID else one


def _ended(one: Issuance) -> IssuanceState:
    return one.state if one.state is IssuanceState.REVOKED else IssuanceState.EXPIRED


def _revoked(issuances: tuple[Issuance, ...], serials: tuple[str, ...]) -> tuple[Issuance, ...]:
    return tuple(_with(one, state=IssuanceState.REVOKED) if one.serial in serials else one for one in issuances)


def _due(quote: RefundQuote) -> Refund:
    state = RefundState.PENDING if quote.due else RefundState.NONE
    return Refund(amount=quote.amount, state=state, why=quote.why)
