"""What facts count as in the overview: a leaf was issued, or something did not come about, and why in one code."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

from certloom.domain import fact as f
from certloom.domain.deployment import DeploymentState


class TallyKind(StrEnum):
    """What is counted per day."""

    ISSUED = "issued"  # the cause is the issuer
    PAYMENT_DECLINED = "payment_declined"
    REFUSED = "refused"  # an application, by the issuer or an operator
    NOT_PROVEN = "not_proven"
    RENEWAL_FAILED = "renewal_failed"  # a replacement too; the leaf before it stays
    DEPLOYMENT_FAILED = "deployment_failed"  # the cause is how it ended: rolled_back or failed


class Tally(NamedTuple):
    """One count, with a code that says more; empty where there is none."""

    kind: TallyKind
    cause: str = ""


_NOT_DEPLOYED: Final = (DeploymentState.ROLLED_BACK, DeploymentState.FAILED)

_COUNTED: Final[Mapping[type[f.Happened], Callable[[Any, str], Tally | None]]] = {
    f.Issued: lambda _, issuer: Tally(TallyKind.ISSUED, issuer),
    f.PaymentDeclined: lambda fact, _: Tally(TallyKind.PAYMENT_DECLINED, fact.code),
    f.ApplicationRefused: lambda fact, _: Tally(TallyKind.REFUSED, fact.reason),
    f.NotProven: lambda _, __: Tally(TallyKind.NOT_PROVEN),
    f.RenewalFailed: lambda _, __: Tally(TallyKind.RENEWAL_FAILED),
    f.DeploymentEnded: lambda fact, _: (
        Tally(TallyKind.DEPLOYMENT_FAILED, fact.outcome) if fact.outcome in _NOT_DEPLOYED else None
    ),
}


def tally(fact: f.Fact, *, issuer: str) -> Tally | None:
    """Return what a fact of a certificate from *issuer* counts as; None for most facts."""
    rule = _COUNTED.get(type(fact))
    return rule(fact, issuer) if rule else None
