"""What facts count as."""

from typing import get_args

import pytest

from certloom.domain import fact as f
from certloom.domain.deployment import DeploymentState
from certloom.domain.tally import Tally, TallyKind, tally
from tests.lives import NOW, PRICE, leaf


def ended(outcome: DeploymentState) -> f.DeploymentEnded:
    return f.DeploymentEnded(at=NOW, deployment_id="dep_1", target_id="tgt_1", number=1, outcome=outcome)


COUNTED = [
    (f.Issued(at=NOW, issuance=leaf(), plan_days=365), Tally(TallyKind.ISSUED, "private")),
    (f.PaymentDeclined(at=NOW, code="too_low", detail="x"), Tally(TallyKind.PAYMENT_DECLINED, "too_low")),
    (f.ApplicationRefused(at=NOW, reason="caa", detail="x"), Tally(TallyKind.REFUSED, "caa")),
    (f.NotProven(at=NOW), Tally(TallyKind.NOT_PROVEN)),
    (f.RenewalFailed(at=NOW, detail="x"), Tally(TallyKind.RENEWAL_FAILED)),
    (ended(DeploymentState.FAILED), Tally(TallyKind.DEPLOYMENT_FAILED, "failed")),
    (ended(DeploymentState.ROLLED_BACK), Tally(TallyKind.DEPLOYMENT_FAILED, "rolled_back")),
]  # fmt: skip


@pytest.mark.parametrize(("fact", "counted"), COUNTED)
def test_counts(fact: f.Fact, counted: Tally) -> None:
    """Each with the code that tells it apart."""
    assert tally(fact, issuer="private") == counted


@pytest.mark.parametrize(
    "fact",
    [
        f.Paid(at=NOW, amount=PRICE),
        f.Withdrawn(at=NOW),
        ended(DeploymentState.DEPLOYED),
        ended(DeploymentState.SUPERSEDED),
    ],
)
def test_does_not_count(fact: f.Fact) -> None:
    """What went well, or was wanted, is no failure."""
    assert tally(fact, issuer="private") is None


def test_every_kind_is_counted_by_a_fact() -> None:
    """None of the kinds stays at nought for ever."""
    assert {counted.kind for _, counted in COUNTED} == set(TallyKind)
    assert {type(fact) for fact, _ in COUNTED} <= set(get_args(get_args(f.Fact)[0]))
