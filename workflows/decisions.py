"""What follows from a command or a date by the rules alone: facts, with no outside effect."""

from datetime import datetime, timedelta
from functools import singledispatch

from certloom.domain import command as c
from certloom.domain import fact as f
from certloom.domain.agenda import PROVE_WITHIN, PROVE_WITHIN_REVIEWED, renewal_at
from certloom.domain.application import Application, Decision
from certloom.domain.certificate import CertificateStatus
from certloom.domain.order import OrderPurpose
from certloom.domain.state import CertificateState
from certloom.domain.step import StepKind
from workflows.intent import Ignored, OperatorWord


@singledispatch
def facts_of(wanted: c.Command | OperatorWord | Ignored, state: CertificateState, now: datetime) -> list[f.Fact]:
    """Return the facts that carry the wish out, oldest first; the rules were checked before."""
    raise TypeError(f"{type(wanted).__name__} is not carried out by facts")


@facts_of.register
def _(wanted: Ignored, state: CertificateState, now: datetime) -> list[f.Fact]:
    return [f.MessageIgnored(at=now, actor=wanted.actor, message=wanted.message, why=wanted.why)]


@facts_of.register
def _(wanted: OperatorWord, state: CertificateState, now: datetime) -> list[f.Fact]:
    if state.attention is None:
        why = "no step is parked"
        return [f.MessageIgnored(at=now, actor="signal", message=wanted.word, why=why)]
    kind = f.Resumed if wanted.word == "resume" else f.Skipped
    return [kind(at=now, actor="signal", step=state.attention.step)]


@facts_of.register
def _(wanted: c.Pay, state: CertificateState, now: datetime) -> list[f.Fact]:
    if state.payment is not None:
        return []  # the same order sent again
    return [f.Ordered(at=wanted.requested_at, actor=wanted.actor, method=wanted.method)]


@facts_of.register
def _(wanted: c.Apply, state: CertificateState, now: datetime) -> list[f.Fact]:
    reviewed = state.product is not None and state.product.reviewed
    application = Application(
        id=wanted.application_id,
        number=state.applications + 1,
        names=wanted.names,
        validation=wanted.validation,
        key_type=wanted.key_type,
        csr=wanted.csr_ref is not None,
        opened_at=now,
        deadline=now + (PROVE_WITHIN_REVIEWED if reviewed else PROVE_WITHIN),
    )
    return [f.Applied(at=now, actor=wanted.actor, application=application, csr_ref=wanted.csr_ref)]


@facts_of.register
def _(wanted: c.CheckNow, state: CertificateState, now: datetime) -> list[f.Fact]:
    return []


@facts_of.register
def _(wanted: c.Decide, state: CertificateState, now: datetime) -> list[f.Fact]:
    decided = f.Reviewed(at=now, actor=wanted.actor, decision=wanted.decision)
    if wanted.decision is Decision.APPROVE:
        return [decided]
    detail = "An operator rejected the application."
    if state.status is CertificateStatus.ISSUED:
        end = state.plan.ends_at if state.plan else None
        return [decided, f.RenewalFailed(at=now, actor=wanted.actor, detail=detail, retry_at=end)]
    return [decided, f.ApplicationRefused(at=now, actor=wanted.actor, reason="rejected", detail=detail)]


@facts_of.register
def _(wanted: c.Withdraw, state: CertificateState, now: datetime) -> list[f.Fact]:
    return [f.Withdrawn(at=now, actor=wanted.actor)]


@facts_of.register
def _(wanted: c.Renew, state: CertificateState, now: datetime) -> list[f.Fact]:
    return [_renewal(state, now, actor=wanted.actor)]


@facts_of.register
def _(wanted: c.Replace, state: CertificateState, now: datetime) -> list[f.Fact]:
    return [
        f.RenewalStarted(
            at=now,
            actor=wanted.actor,
            purpose=OrderPurpose.REPLACEMENT,
            key_type=wanted.key_type,
            csr_ref=wanted.csr_ref,
            reason=wanted.reason,
        )
    ]


@facts_of.register
def _(wanted: c.Delete, state: CertificateState, now: datetime) -> list[f.Fact]:
    return [f.DeletionRequested(at=now, actor=wanted.actor, forfeit_refund=wanted.forfeit_refund)]


@facts_of.register
def _(wanted: c.Relabel, state: CertificateState, now: datetime) -> list[f.Fact]:
    return [f.Relabelled(at=now, actor=wanted.actor, label=wanted.label)]


def fact_of_date(kind: StepKind, state: CertificateState, now: datetime) -> f.Fact:
    """Return what a date that came makes happen."""
    match kind:
        case StepKind.CANCEL_UNPAID:
            return f.OrderLapsed(at=now)
        case StepKind.GIVE_UP:
            return f.NotProven(at=now)
        case StepKind.RENEW:
            return _renewal(state, now)
        case StepKind.REMIND:
            return _reminder(state, now)
        case StepKind.EXPIRE:
            return f.Expired(at=now)
        case _:
            raise ValueError(f"{kind} is not decided by a date")


def wants_proof(state: CertificateState, now: datetime) -> f.Fact:
    """Say that the next renewal needs a proof that was not found."""
    return f.ProofWanted(at=now, renewal_at=renewal_at(state) or now)


def _renewal(state: CertificateState, now: datetime, *, actor: str = f.SYSTEM) -> f.Fact:
    key_type = state.application.key_type if state.application else None
    if key_type is None:
        raise ValueError("only what was applied for is renewed")
    return f.RenewalStarted(at=now, actor=actor, purpose=OrderPurpose.RENEWAL, key_type=key_type, csr_ref=state.csr_ref)


def _reminder(state: CertificateState, now: datetime) -> f.Fact:
    end = state.issuance.not_after if state.issuance else None
    if end is None:
        raise ValueError("nothing ends")
    left = -(-(end - now) // timedelta(days=1))  # whole days, rounded up
    return f.Reminded(at=now, days=max(left, 1), ends_at=end)
