"""How facts about targets change what a certificate remembers of them; the rest of a state is evolve.py's."""

from collections.abc import Mapping
from functools import singledispatch
from typing import Any

from certloom.domain import fact as f
from certloom.domain.certificate import Phase
from certloom.domain.deployment import DeploymentState, DriftProblem, Placement, Trigger
from certloom.domain.state import CertificateState

Changes = Mapping[str, Any]


@singledispatch
def placement_changes(fact: f.Happened, state: CertificateState) -> Changes:
    """Return what *fact* changes. A report about what is not known any more changes nothing."""
    raise TypeError(f"no rule for {type(fact).__name__} at version {state.version}")


@placement_changes.register
def _(fact: f.DeploymentStarted, state: CertificateState) -> Changes:
    known = state.placement(fact.target_id) or Placement(target_id=fact.target_id)
    begun = known.model_copy(
        update={"host": fact.host, "deployment_id": fact.deployment_id, "trigger": fact.trigger, "retry_at": None}
    )
    return {"placements": _put(state, begun), "deployments": state.deployments + 1}


@placement_changes.register
def _(fact: f.DeploymentEnded, state: CertificateState) -> Changes:
    known = state.placement(fact.target_id)
    if known is None or known.deployment_id != fact.deployment_id:
        return {}
    ended = _ended(known, fact, state)
    placements = _put(state, ended) if ended else _without(state, fact.target_id)
    return {"placements": placements, **_retirement(state, placements)}


@placement_changes.register
def _(fact: f.DriftSeen, state: CertificateState) -> Changes:
    known = state.placement(fact.target_id)
    if known is None:
        return {}
    if fact.problem is DriftProblem.EXPIRING:  # what was held back gives way to the newest
        return {"placements": _put(state, known.model_copy(update={"passed_over": 0}))}
    return {"placements": _put(state, known.model_copy(update={"drifted_at": fact.at}))}


@placement_changes.register
def _(fact: f.Displaced, state: CertificateState) -> Changes:
    known = state.placement(fact.target_id)
    if known and known.deployment_id:  # its own end says what is served there
        return {"placements": _put(state, known.model_copy(update={"proven": None}))}
    placements = _without(state, fact.target_id)
    return {"placements": placements, **_retirement(state, placements)}


@placement_changes.register
def _(fact: f.Detached, state: CertificateState) -> Changes:
    placements = _without(state, fact.target_id)
    return {"placements": placements, **_retirement(state, placements)}


@placement_changes.register
def _(fact: f.RetirementDue, state: CertificateState) -> Changes:
    return {"phase": Phase.REVOKING}


def _ended(known: Placement, fact: f.DeploymentEnded, state: CertificateState) -> Placement | None:
    """Return what is known of the target now; None when this certificate is not there any more."""
    idle: dict[str, Any] = {"deployment_id": None, "trigger": None}
    if fact.target_gone:
        return None
    if fact.outcome is DeploymentState.DEPLOYED:
        if fact.number is None:  # what was put back came from elsewhere
            return None
        newest = state.issuance.number if state.issuance else 0
        by_hand = known.trigger is Trigger.ROLLBACK
        fresh = {"proven": fact.number, "failures": 0, "last_error": None, "drifted_at": None}
        return known.model_copy(update={**idle, **fresh, "passed_over": newest if by_hand else 0})
    if known.proven is None:
        unclear = fact.outcome is DeploymentState.FAILED  # it may be served there: whoever revokes has to ask
        return known.model_copy(update={**idle, "last_error": fact.why}) if unclear else None
    if fact.outcome is DeploymentState.SUPERSEDED:
        return known.model_copy(update={**idle, "retry_at": fact.retry_at})
    trouble = {"failures": known.failures + 1, "retry_at": fact.retry_at, "last_error": fact.why}
    return known.model_copy(update={**idle, **trouble})


def _retirement(state: CertificateState, placements: tuple[Placement, ...]) -> Changes:
    """A replacement's old leaves go once every target was seen to serve the new one."""
    newest = state.issuance.number if state.issuance else 0
    done = state.phase is Phase.DEPLOYING and all(one.settled(newest) for one in placements)
    return {"phase": Phase.REVOKING} if done else {}


def _put(state: CertificateState, new: Placement) -> tuple[Placement, ...]:
    if state.placement(new.target_id) is None:
        return (*state.placements, new)
    return tuple(new if one.target_id == new.target_id else one for one in state.placements)


def _without(state: CertificateState, target_id: str) -> tuple[Placement, ...]:
    return tuple(one for one in state.placements if one.target_id != target_id)
