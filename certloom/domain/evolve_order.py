"""How applications, orders and renewals change a certificate; the rest of a state is evolve.py's."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import singledispatch
from typing import Any, TypeVar

from certloom.domain import fact as f
from certloom.domain.application import Application, Decision, Outcome
from certloom.domain.certificate import CertificateStatus, Phase, advance
from certloom.domain.issuance import Issuance, IssuanceState
from certloom.domain.model import Model
from certloom.domain.order import Order, OrderPurpose
from certloom.domain.state import CertificateState, Plan, Renewal, Suggestion
from certloom.domain.validity import ORGANISATION_REUSE, proof_good_until, renew_at

Changes = Mapping[str, Any]
M = TypeVar("M", bound=Model)

_S = CertificateStatus


@singledispatch
def order_changes(fact: f.Happened, state: CertificateState) -> Changes:
    """Return what *fact* changes."""
    raise TypeError(f"no rule for {type(fact).__name__} at version {state.version}")


def gate(state: CertificateState, application: Application, at: datetime) -> Phase:
    """Say what an order still needs before its leaf may be signed: a proof, a review, or nothing."""
    if application.proven_at is None or at >= proof_good_until(application.proven_at):
        return Phase.PROVING
    reviewed = application.review is not None and at < application.review.at + ORGANISATION_REUSE
    if state.product and state.product.reviewed and not reviewed:
        return Phase.REVIEWING
    return Phase.ISSUING


@order_changes.register
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


@order_changes.register
def _(fact: f.Prepared, state: CertificateState) -> Changes:
    assert state.order is not None  # preparing is about an order
    assert state.application is not None
    application = changed(
        state.application,
        challenges=fact.challenges,
        proofs_stand=fact.proofs_stand,
        proven_at=_still_proven(state.application, fact),
    )
    return {
        "application": application,
        "order": changed(state.order, order_ref=fact.order_ref, expires_at=fact.expires_at),
        "phase": gate(state, application, fact.at),
    }


def _still_proven(application: Application, fact: f.Prepared) -> datetime | None:
    """A proof seen before stands for the challenges that it was about, and for no new one.

    An account's own token is the same at each order, and is looked for at each: the issuer may hold the name as proven
    because its new owner, another account, proved it.
    """
    known = {challenge for challenge in application.challenges if not challenge.own}
    return application.proven_at if all(challenge in known for challenge in fact.challenges) else None


@order_changes.register
def _(fact: f.OrderExpired, state: CertificateState) -> Changes:
    assert state.order is not None  # an order was open
    again = f.RenewalStarted(
        at=fact.at,
        purpose=state.order.purpose,
        key_type=state.order.key_type,
        csr_ref=state.order.csr_ref,
        reason=state.order.reason,
    )
    return {**dropped(state), **_order(again, state)}


@order_changes.register
def _(fact: f.RenewalSuggested, state: CertificateState) -> Changes:
    suggested = Suggestion(number=fact.number, at=fact.renew_at, explanation_url=fact.explanation_url)
    return {"renewal": changed(state.renewal, suggested=suggested)}


@order_changes.register
def _(fact: f.Proven, state: CertificateState) -> Changes:
    assert state.application is not None  # proving is about an application
    application = changed(state.application, proven_at=fact.at)
    return {"application": application, "phase": gate(state, application, fact.at)}


@order_changes.register
def _(fact: f.Reviewed, state: CertificateState) -> Changes:
    assert state.application is not None  # rights were checked
    if fact.decision is Decision.REJECT:
        return {}
    review = {"decision": fact.decision, "at": fact.at, "actor": fact.actor}
    application = Application.model_validate({**dict(state.application), "review": review})
    waiting = state.phase is Phase.REVIEWING
    return {"application": application, **({"phase": gate(state, application, fact.at)} if waiting else {})}


@order_changes.register
def _(fact: f.Withdrawn, state: CertificateState) -> Changes:
    return closed(state, Outcome.WITHDRAWN)


@order_changes.register
def _(fact: f.NotProven, state: CertificateState) -> Changes:
    return closed(state, Outcome.NOT_PROVEN)


@order_changes.register
def _(fact: f.ApplicationRefused, state: CertificateState) -> Changes:
    return closed(state, Outcome.REFUSED)


@order_changes.register
def _(fact: f.Issued, state: CertificateState) -> Changes:
    assert state.order is not None  # issuing is about an order
    assert state.application is not None
    order = state.order
    application = changed(
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
        "renewal": Renewal(asked_at=state.renewal.asked_at, early=_early(state, order, fact.at)),
        "reminded_days": None,
    }


def _early(state: CertificateState, order: Order, at: datetime) -> int:
    """Count renewals in a row that began at the issuer's word, long before the leaf's own time."""
    leaf, suggested = state.issuance, state.renewal.suggested
    if (
        leaf is None
        or suggested is None
        or suggested.number != leaf.number
        or order.purpose is not OrderPurpose.RENEWAL
    ):
        return 0
    by_word = suggested.at <= order.started_at and at < renew_at(leaf.not_before, leaf.not_after)
    return state.renewal.early + 1 if by_word else 0


def _after_issuing(state: CertificateState) -> Phase:
    """A replaced leaf is revoked once no target serves it any more."""
    return Phase.DEPLOYING if state.placements else Phase.REVOKING


@order_changes.register
def _(fact: f.Discarded, state: CertificateState) -> Changes:
    return {"discard": tuple(order for order in state.discard if order.attempt != fact.attempt)}


@order_changes.register
def _(fact: f.RenewalStarted, state: CertificateState) -> Changes:
    assert state.application is not None  # rights were checked
    asked = fact.at if fact.actor != f.SYSTEM and fact.purpose is OrderPurpose.RENEWAL else state.renewal.asked_at
    return {"renewal": changed(state.renewal, asked_at=asked), **_order(fact, state)}


@order_changes.register
def _(fact: f.RenewalFailed, state: CertificateState) -> Changes:
    renewal = changed(
        state.renewal,
        last_error=fact.detail,
        failures=state.renewal.failures + 1,
        not_before=fact.retry_at or state.renewal.not_before,
    )
    return {"renewal": renewal, **dropped(state)}


@order_changes.register
def _(fact: f.ProofWanted, state: CertificateState) -> Changes:
    return {"renewal": changed(state.renewal, proof_asked_at=fact.at)}


@order_changes.register
def _(fact: f.ProofRefreshed, state: CertificateState) -> Changes:
    assert state.application is not None  # a renewal has an application
    return {
        "application": changed(state.application, proven_at=fact.at),
        "renewal": changed(state.renewal, proof_asked_at=None),
    }


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


def dropped(state: CertificateState) -> Changes:
    """End the attempt under way: its order is abandoned and its key destroyed by a step of its own."""
    discard = (*state.discard, state.order) if state.order else state.discard
    return {"order": None, "discard": discard, "phase": Phase.IDLE}


def closed(state: CertificateState, outcome: Outcome) -> Changes:
    """Close the application; the certificate is paid again."""
    assert state.application is not None  # pending verification is about an application
    application = changed(state.application, outcome=outcome)
    return {"status": advance(state.status, _S.PAID), "application": application, **dropped(state)}


def _aged(one: Issuance, now: datetime) -> Issuance:
    if one.not_after <= now:
        return changed(one, state=ended(one))
    return changed(one, state=IssuanceState.SUPERSEDED) if one.state is IssuanceState.VALID else one


def ended(one: Issuance) -> IssuanceState:
    """Return what a leaf is after its end; a revoked one stays revoked."""
    return one.state if one.state is IssuanceState.REVOKED else IssuanceState.EXPIRED


def changed(model: M, **news: object) -> M:
    """Return a copy with these fields set."""
    return model.model_copy(update=news)
