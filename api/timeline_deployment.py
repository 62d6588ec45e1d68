"""What happened on targets, in words: api/timeline.py holds the table."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from certloom.domain import fact as f
from certloom.domain.deployment import DeploymentState, DriftProblem, Trigger


class Words(NamedTuple):
    """What happened, why, and what comes next; the latter two where there is something to say."""

    sentence: str
    why: str | None = None
    next: str | None = None


def date(moment: datetime) -> str:
    """Write a moment as people read it."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"


_TRIGGERS: Final[Mapping[Trigger, str]] = {
    Trigger.REQUEST: "It was asked for.",
    Trigger.ISSUANCE: "There is a new certificate.",
    Trigger.DRIFT: "An endpoint served something else than what was proven there.",
    Trigger.RETRY: "The deployment before did not end well.",
    Trigger.ROLLBACK: "It was asked for.",
}
_DRIFTS: Final[Mapping[DriftProblem, Callable[[str], Words]]] = {
    DriftProblem.WRONG: lambda target: Words(
        f"An endpoint of the target {target} serves another certificate than the one that was proven there.",
        None,
        "The right one is deployed again by itself.",
    ),
    DriftProblem.MISSING: lambda target: Words(
        f"An endpoint of the target {target} answers, and no TLS handshake comes about.",
        None,
        "The certificate is deployed again by itself.",
    ),
    DriftProblem.EXPIRING: lambda target: Words(
        f"An endpoint of the target {target} serves a certificate with little time left.",
        None,
        "A newer certificate is deployed there; where there is none, a renewal is tried at once.",
    ),
}


def _what(number: int | None) -> str:
    return "What was there before, which came from elsewhere," if number is None else f"Certificate number {number}"


def _started(fact: f.DeploymentStarted) -> Words:
    back = fact.trigger is Trigger.ROLLBACK
    sentence = f"{_what(fact.number)} is being put {'back ' if back else ''}on the target {fact.target_id}."
    following = "Every endpoint is asked until it serves it; else it is put back as it was."
    return Words(sentence, _TRIGGERS[fact.trigger], following)


def _ended(fact: f.DeploymentEnded) -> Words:
    what, target, again = _what(fact.number), f"the target {fact.target_id}", _again(fact)
    match fact.outcome:
        case DeploymentState.DEPLOYED if fact.number is None:
            following = "This certificate is not looked after there any more."
            return Words(f"Every endpoint of {target} serves again what came from elsewhere.", None, following)
        case DeploymentState.DEPLOYED:
            return Words(f"{what} is served by every endpoint of {target}.", None, "It is looked at from time to time.")
        case DeploymentState.ROLLED_BACK:
            sentence = f"{what} was not proven on {target}. What was there before is served again."
            return Words(sentence, fact.why, again or "Mend what is named, then deploy again.")
        case DeploymentState.SUPERSEDED:
            return Words(f"The deployment {fact.deployment_id} to {target} ended and changed nothing.", fact.why, again)
        case _:
            sentence = f"{what} was not proven on {target}, nor could it be put back for sure."
            return Words(sentence, fact.why, f"Look at the target. {again or 'Then deploy again.'}")


def _again(fact: f.DeploymentEnded) -> str | None:
    if fact.target_gone:
        return "The target was deleted, so it is not tried again."
    return f"It is tried again at {date(fact.retry_at)}." if fact.retry_at else None


def _drifted(fact: f.DriftSeen) -> Words:
    return _DRIFTS[fact.problem](fact.target_id)._replace(why=fact.detail)


TABLE: Final[Mapping[type[f.Happened], Callable[[Any], Words]]] = {
    f.DeploymentStarted: _started,
    f.DeploymentEnded: _ended,
    f.DriftSeen: _drifted,
    f.Displaced: lambda fact: Words(
        f"The target {fact.target_id} serves another certificate now, {fact.by}.",
        "That one was deployed there.",
        "This one is not looked after there any more.",
    ),
    f.Detached: lambda fact: Words(
        f"The target {fact.target_id} was deleted.",
        None,
        "What it serves stays there, and is not looked after any more.",
    ),
    f.RetirementDue: lambda _: Words(
        "The older certificates are revoked now, although not every target was seen to serve the new one.",
        "A compromised key cannot wait longer.",
        "The issuer revokes them; deployments go on.",
    ),
}
