"""The table of problems, and the table of words."""

import typing

import pytest

from api import problems
from api.timeline import TABLE, words
from certloom.domain import errors as e
from certloom.domain.application import Decision
from certloom.domain.deployment import DeploymentState, DriftProblem, Trigger
from certloom.domain.fact import Fact
from certloom.domain.issuance import RevocationReason
from certloom.domain.order import OrderPurpose
from certloom.domain.refund import RefundQuote, RefundReason
from certloom.domain.step import StepKind
from tests.lives import NOW, PRICE, application, leaf


def _family(cls: type[e.CertloomError]) -> set[type[e.CertloomError]]:
    return {cls} | {found for child in cls.__subclasses__() for found in _family(child)}


@pytest.mark.parametrize(
    "kind",
    sorted(_family(e.Refusal) | _family(e.Outage), key=repr),
    ids=repr,
)
def test_every_refusal_and_outage_has_a_status(kind: type[e.CertloomError]) -> None:
    """Each class of the tree leads to a line of the table, by its own code or its parent's."""
    if not kind.__module__.startswith(("certloom.domain", "api.")):
        pytest.skip("an error of another process, which no request meets")
    assert kind.code in problems.KINDS


def test_the_table_holds_errors_only() -> None:
    """Every line has a client's or a server's status and a title without a full stop."""
    assert all(400 <= kind.status < 600 for kind in problems.KINDS.values())
    assert not [kind.title for kind in problems.KINDS.values() if kind.title.endswith(".")]


FACTS = typing.get_args(typing.get_args(Fact)[0])
QUOTE = RefundQuote(amount=PRICE, due=True, why=RefundReason.INSIDE_WINDOW)
GIVEN = {
    "at": NOW, "method": "balance", "amount": PRICE, "code": "payment_declined", "detail": "No.", "reason": "no",
    "names": ("a.example.com",), "issuance": leaf(), "application": application(), "order_ref": "o", "challenges": (),
    "decision": Decision.APPROVE, "plan_days": 365, "attempt": 1, "purpose": OrderPurpose.RENEWAL,
    "key_type": "ecdsa-p256", "renewal_at": NOW, "renew_at": NOW, "days": 7, "ends_at": NOW, "requested_at": NOW,
    "quote": QUOTE,
    "serials": ("1",), "why": "why", "keys_destroyed": 1, "step": StepKind.ISSUE, "until": NOW, "message": "withdraw",
    "label": "new", "deployment_id": "dep_1", "target_id": "tgt_1", "number": 1, "trigger": Trigger.REQUEST,
    "outcome": DeploymentState.DEPLOYED, "problem": DriftProblem.WRONG, "by": "cert_2",
}  # fmt: skip


def test_there_are_words_for_every_fact() -> None:
    """The table is total, so no event is shown without a sentence."""
    assert set(TABLE) == set(FACTS)


@pytest.mark.parametrize("kind", FACTS, ids=lambda kind: kind.__name__)
def test_the_words_are_sentences(kind: type) -> None:
    """What happened begins with a capital and ends with a full stop."""
    fields = kind.model_fields  # type: ignore[attr-defined]
    given = {name: GIVEN[name] for name in fields if name in GIVEN}
    if kind.__name__ == "Refunded":
        given["why"] = RefundReason.INSIDE_WINDOW
    if kind.__name__ in ("RevocationRequested", "RenewalStarted"):
        given["reason"] = RevocationReason.SUPERSEDED
    said = words(kind(**given))
    assert said.sentence[0].isupper() or said.sentence[0].isdigit()
    assert said.sentence.endswith(".")
    assert said.next is None or said.next.endswith(".")
