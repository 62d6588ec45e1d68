"""How each fact changes a certificate: the only place where a state comes from another.

Workflow, activity and row all apply the same function to the same facts, so they cannot disagree.
"""

from collections.abc import Mapping
from datetime import timedelta
from functools import singledispatch
from typing import Any, Final, TypeVar

from certloom.domain import fact as f
from certloom.domain.application import Outcome
from certloom.domain.certificate import CertificateStatus, Phase, advance
from certloom.domain.evolve_order import changed, closed, dropped, ended, order_changes
from certloom.domain.evolve_placement import placement_changes
from certloom.domain.issuance import Issuance, IssuanceState
from certloom.domain.model import Model
from certloom.domain.refund import RefundQuote, RefundReason, RefundState
from certloom.domain.state import (
    Attention,
    CertificateState,
    Delay,
    Payment,
    Refund,
    Revocation,
)
from certloom.domain.step import StepKind

Changes = Mapping[str, Any]
M = TypeVar("M", bound=Model)

RENEWAL_RETRY: Final = timedelta(days=1)  # after an operator skipped a renewal's step

_S = CertificateStatus
# Facts that say nothing about the step under way leave its trouble as it is.
_TARGETS: Final = (f.DeploymentStarted, f.DeploymentEnded, f.DriftSeen, f.Displaced, f.Detached)
_ORDERS: Final = (
    f.Applied,
    f.Prepared,
    f.OrderExpired,
    f.Proven,
    f.Reviewed,
    f.Withdrawn,
    f.NotProven,
    f.ApplicationRefused,
    f.Issued,
    f.Discarded,
    f.RenewalStarted,
    f.RenewalFailed,
    f.RenewalSuggested,
    f.ProofWanted,
    f.ProofRefreshed,
)
_ASIDE: Final = (
    *_TARGETS,
    f.RenewalSuggested,
    f.MessageIgnored,
    f.Relabelled,
    f.Delayed,
    f.Parked,
    f.Reviewed,
    f.Reminded,
)


def evolve(state: CertificateState, fact: f.Fact) -> CertificateState:
    """Return the state after *fact*, one version on. Raises IllegalTransition for a fact that cannot happen here."""
    calm: Changes = {} if isinstance(fact, _ASIDE) else {"delay": None, "attention": None}
    news = _changes(fact, state)
    stamp = {"version": state.version + 1, "updated_at": max(fact.at, state.updated_at)}
    fresh = {key: value for key, value in {**calm, **news, **stamp}.items() if getattr(state, key) != value}
    return state.model_copy(update=fresh)


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
    return {"status": advance(state.status, _S.PAID), "payment": changed(state.payment, paid_at=fact.at)}


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
def _(fact: f.Reminded, state: CertificateState) -> Changes:
    return {"reminded_days": fact.days}


@_changes.register
def _(fact: f.Expired, state: CertificateState) -> Changes:
    over = tuple(changed(one, state=ended(one)) for one in state.issuances)
    return {"status": advance(state.status, _S.EXPIRED), "issuances": over, "retiring": None, **dropped(state)}


@_changes.register
def _(fact: f.RevocationRequested, state: CertificateState) -> Changes:
    revocation = Revocation(requested_at=fact.requested_at, reason=fact.reason, force=fact.force)
    return {
        **dropped(state),
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
        "revocation": changed(state.revocation, revoked_at=fact.at),
        "issuances": _revoked(state.issuances, fact.serials),
        "phase": Phase.REFUNDING if owed else Phase.IDLE,
    }


@_changes.register
def _(fact: f.Retired, state: CertificateState) -> Changes:
    # What a person went back to may be revoked now.
    free = tuple(changed(one, passed_over=0) for one in state.placements)
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
    return {**dropped(state), "phase": Phase.DELETING}


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
            limit=fact.limit,
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
for _kind_of_order in _ORDERS:
    _changes.register(_kind_of_order, order_changes)


@_changes.register
def _(fact: f.Relabelled, state: CertificateState) -> Changes:
    return {"label": fact.label}


@_changes.register
def _(fact: f.Skipped, state: CertificateState) -> Changes:
    match fact.step:
        case StepKind.CHARGE:
            return _unpaid(state)
        case StepKind.PREPARE | StepKind.LOOK | StepKind.ISSUE if state.status is _S.PENDING_VERIFICATION:
            return closed(state, Outcome.REFUSED)
        case StepKind.PREPARE | StepKind.LOOK | StepKind.ISSUE:
            return {"renewal": changed(state.renewal, not_before=fact.at + RENEWAL_RETRY), **dropped(state)}
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


def _unpaid(state: CertificateState) -> Changes:
    """End an order without a confirmed charge; if one was tried, the refund pays back whatever the ledger holds."""
    closed = {"status": advance(state.status, _S.CANCELLED)}
    if state.payment is None:
        return closed
    owed = Refund(amount=state.payment.amount, state=RefundState.PENDING, why=RefundReason.NEVER_ISSUED)
    return {**closed, "refund": owed, "phase": Phase.REFUNDING}


def _revoked(issuances: tuple[Issuance, ...], serials: tuple[str, ...]) -> tuple[Issuance, ...]:
    return tuple(changed(one, state=IssuanceState.REVOKED) if one.serial in serials else one for one in issuances)


def _due(quote: RefundQuote) -> Refund:
    state = RefundState.PENDING if quote.due else RefundState.NONE
    return Refund(amount=quote.amount, state=state, why=quote.why)
