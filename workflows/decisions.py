"""What follows from a command or a date by the rules alone: facts, with no outside effect."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import singledispatch
from typing import Final

from certloom.domain import command as c
from certloom.domain import fact as f
from certloom.domain.agenda import PROVE_WITHIN, PROVE_WITHIN_REVIEWED, renewal_at
from certloom.domain.application import Application, Decision
from certloom.domain.certificate import CertificateStatus, Phase
from certloom.domain.deployment import (
    DeploymentReport,
    DeploymentState,
    DisplacedReport,
    DriftProblem,
    DriftReport,
    Placement,
    Trigger,
    due,
    retry_pause,
)
from certloom.domain.order import OrderPurpose
from certloom.domain.renewal import RenewalReport
from certloom.domain.state import CertificateState
from certloom.domain.step import StepKind
from workflows.intent import Ignored, OperatorWord, Report


@singledispatch
def facts_of(
    wanted: c.Command | OperatorWord | Ignored | Report, state: CertificateState, now: datetime
) -> list[f.Fact]:
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
def _(wanted: c.Deploy, state: CertificateState, now: datetime) -> list[f.Fact]:
    number = state.issuance.number if state.issuance else None
    return [
        f.DeploymentStarted(at=now, actor=wanted.actor, number=number, trigger=Trigger.REQUEST, **item.model_dump())
        for item in {item.target_id: item for item in wanted.items}.values()
    ]


@facts_of.register
def _(wanted: c.RollBack, state: CertificateState, now: datetime) -> list[f.Fact]:
    return [
        f.DeploymentStarted(
            at=now,
            actor=wanted.actor,
            number=wanted.number,
            trigger=Trigger.ROLLBACK,
            restores=wanted.restores,
            **wanted.item.model_dump(),
        )
    ]


@facts_of.register
def _(wanted: c.Detach, state: CertificateState, now: datetime) -> list[f.Fact]:
    if state.placement(wanted.target_id) is None:
        return []
    return [f.Detached(at=now, actor=wanted.actor, target_id=wanted.target_id)]


@facts_of.register
def _(wanted: DeploymentReport, state: CertificateState, now: datetime) -> list[f.Fact]:
    known = state.placement(wanted.target_id)
    if known is None or known.deployment_id != wanted.deployment_id:
        return []  # told before
    again = None if wanted.outcome is DeploymentState.DEPLOYED else now + retry_pause(known.failures + 1)
    return [
        f.DeploymentEnded(
            at=now,
            deployment_id=wanted.deployment_id,
            target_id=wanted.target_id,
            number=wanted.number,
            outcome=wanted.outcome,
            why=wanted.why,
            retry_at=again if known.proven is not None else None,
            target_gone=wanted.target_gone,
        )
    ]


@facts_of.register
def _(wanted: DisplacedReport, state: CertificateState, now: datetime) -> list[f.Fact]:
    if state.placement(wanted.target_id) is None:
        return []
    return [f.Displaced(at=now, target_id=wanted.target_id, by=wanted.by)]


@facts_of.register
def _(wanted: DriftReport, state: CertificateState, now: datetime) -> list[f.Fact]:
    known = state.placement(wanted.target_id)
    if known is None or not _is_news(wanted, known, state):
        return []
    return [f.DriftSeen(at=now, target_id=wanted.target_id, problem=wanted.problem, detail=wanted.detail)]


@facts_of.register
def _(wanted: RenewalReport, state: CertificateState, now: datetime) -> list[f.Fact]:
    known, leaf = state.renewal.suggested, state.issuance
    late = state.status is not CertificateStatus.ISSUED or leaf is None or leaf.number != wanted.number
    if late or (known is not None and (known.number, known.at) == (wanted.number, wanted.renew_at)):
        return []
    url = wanted.explanation_url
    return [f.RenewalSuggested(at=now, number=wanted.number, renew_at=wanted.renew_at, explanation_url=url)]


def _is_news(seen: DriftReport, known: Placement, state: CertificateState) -> bool:
    """A report about another leaf than the one proven now is late; what is being mended is known."""
    over = state.status is not CertificateStatus.ISSUED
    if over or known.deployment_id or known.drifted_at or known.proven != seen.number:
        return False
    newer = state.issuance is not None and state.issuance.number != known.proven
    return newer if seen.problem is DriftProblem.EXPIRING else True


def redeployments(state: CertificateState, now: datetime) -> list[f.Fact]:
    """Begin a deployment to every target that wants an issuance now."""
    newest = state.issuance.number if state.issuance else 0
    stem = state.certificate_id.removeprefix("cert_")
    return [
        f.DeploymentStarted(
            at=now,
            deployment_id=f"dep_{stem}_{state.deployments + count}",
            target_id=placement.target_id,
            host=placement.host,
            number=number,
            trigger=_trigger(placement),
        )
        for count, (placement, number) in enumerate(due(state.placements, newest, now), start=1)
    ]


def _trigger(placement: Placement) -> Trigger:
    if placement.failures:
        return Trigger.RETRY
    return Trigger.DRIFT if placement.drifted_at else Trigger.ISSUANCE


@facts_of.register
def _(wanted: c.Relabel, state: CertificateState, now: datetime) -> list[f.Fact]:
    return [f.Relabelled(at=now, actor=wanted.actor, label=wanted.label)]


def fact_of_date(kind: StepKind, state: CertificateState, now: datetime) -> f.Fact:
    """Return what a date that came makes happen."""
    return _OF_DATES[kind](state, now)


def wants_proof(state: CertificateState, now: datetime) -> f.Fact:
    """Say that the next renewal needs a proof that was not found."""
    return f.ProofWanted(at=now, renewal_at=renewal_at(state) or now)


def _renewal(state: CertificateState, now: datetime, *, actor: str = f.SYSTEM) -> f.Fact:
    key_type = state.application.key_type if state.application else None
    if key_type is None:
        raise ValueError("only what was applied for is renewed")
    return f.RenewalStarted(at=now, actor=actor, purpose=OrderPurpose.RENEWAL, key_type=key_type, csr_ref=state.csr_ref)


def _given_up(state: CertificateState, now: datetime) -> f.Fact:
    """Nobody failed to prove what there was no challenge for: the reason is then what kept the order back."""
    trouble = state.attention or state.delay
    if state.phase is Phase.PREPARING and trouble:
        detail = f"The order could not be placed in time: {trouble.why}"
        return f.ApplicationRefused(at=now, reason="not_placed", detail=detail)
    return f.NotProven(at=now)


def _reminder(state: CertificateState, now: datetime) -> f.Fact:
    end = state.issuance.not_after if state.issuance else None
    if end is None:
        raise ValueError("nothing ends")
    left = -(-(end - now) // timedelta(days=1))  # whole days, rounded up
    return f.Reminded(at=now, days=max(left, 1), ends_at=end)


_OF_DATES: Final[Mapping[StepKind, Callable[[CertificateState, datetime], f.Fact]]] = {
    StepKind.CANCEL_UNPAID: lambda _, now: f.OrderLapsed(at=now),
    StepKind.GIVE_UP: _given_up,
    StepKind.REORDER: lambda _, now: f.OrderExpired(at=now),
    StepKind.RENEW: _renewal,
    StepKind.REMIND: _reminder,
    StepKind.EXPIRE: lambda _, now: f.Expired(at=now),
    StepKind.RETIRE: lambda _, now: f.RetirementDue(at=now),
}
