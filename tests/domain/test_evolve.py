"""How facts change a certificate."""

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from certloom.domain import fact as f
from certloom.domain.agenda import next_step, renewal_at
from certloom.domain.application import Decision, Outcome
from certloom.domain.certificate import Action, CertificateStatus, IllegalTransition, Phase
from certloom.domain.evolve import _changes, evolve
from certloom.domain.issuance import IssuanceState, RevocationReason
from certloom.domain.key import KeyType
from certloom.domain.order import OrderPurpose
from certloom.domain.product import Level
from certloom.domain.rights import allowed_actions, quote
from certloom.domain.state import CertificateState
from certloom.domain.step import StepKind, WaitReason
from tests.lives import NOW, applied, issued, issuing, leaf, ordered, paid, product, proving, uploaded

STEPS = [step for step in StepKind if step is not StepKind.CHARGE]


def _replaced() -> CertificateState:
    started = f.RenewalStarted(
        at=NOW,
        actor="key_1",
        purpose=OrderPurpose.REPLACEMENT,
        key_type=KeyType.ECDSA_P256,
        reason=RevocationReason.KEY_COMPROMISE,
    )
    state = evolve(evolve(issued(), started), f.Prepared(at=NOW, order_ref="o2", challenges=()))
    return evolve(state, f.Issued(at=NOW, issuance=leaf(number=2), plan_days=365))


def _revoked() -> CertificateState:
    due = quote(issued(), NOW)
    assert due is not None
    reason = RevocationReason.SUPERSEDED
    state = evolve(issued(), f.RevocationRequested(at=NOW, requested_at=NOW, reason=reason, quote=due))
    assert next_step(state).kind is StepKind.REVOKE
    return evolve(state, f.Revoked(at=NOW, serials=("1",)))


class TestEvolve:
    def test_every_fact_has_a_rule(self) -> None:
        """A new fact cannot be forgotten."""
        facts = get_args(get_args(f.Fact)[0])

        assert all(_changes.dispatch(fact) is not _changes.dispatch(f.Happened) for fact in facts)

    def test_each_fact_makes_one_version(self) -> None:
        """The version counts facts, so timeline and row can be compared."""
        assert [state.version for state in (ordered(), paid(), applied(), proving(), issuing(), issued())] == [
            0, 2, 3, 4, 5, 6,
        ]  # fmt: skip

    def test_state_survives_its_own_json(self) -> None:
        """What the row keeps is what the workflow knew."""
        state = _replaced()

        assert CertificateState.model_validate_json(state.model_dump_json(exclude_unset=True)) == state

    def test_an_impossible_fact_raises_with_both_ends(self) -> None:
        """A payment of what is issued is a defect and is not applied."""
        with pytest.raises(IllegalTransition, match="issued to paid"):
            evolve(issued(), f.Paid(at=NOW, amount=product().price))


class TestApplication:
    @pytest.mark.parametrize(
        ("fact", "outcome"),
        [
            (f.Withdrawn(at=NOW), Outcome.WITHDRAWN),
            (f.NotProven(at=NOW), Outcome.NOT_PROVEN),
            (f.ApplicationRefused(at=NOW, reason="caa", detail="no"), Outcome.REFUSED),
        ],
    )
    def test_a_closed_one_leaves_the_order_paid(self, fact: f.Fact, outcome: Outcome) -> None:
        """The money stays, the key and the order are to be dropped, and one may apply again."""
        state = evolve(proving(), fact)

        assert state.status is CertificateStatus.PAID
        assert state.application is not None
        assert state.application.outcome is outcome
        assert [order.attempt for order in state.discard] == [1]
        assert next_step(state).kind is StepKind.DISCARD

    def test_ov_waits_for_review_after_the_proof(self) -> None:
        """A proof alone does not issue an OV certificate."""
        state = evolve(proving(of=product(level=Level.OV)), f.Proven(at=NOW))

        assert state.phase is Phase.REVIEWING

    def test_review_may_come_before_the_proof(self) -> None:
        """Approved first and proven later is issued at once."""
        state = evolve(proving(of=product(level=Level.OV)), f.Reviewed(at=NOW, decision=Decision.APPROVE))

        assert state.phase is Phase.PROVING
        assert evolve(state, f.Proven(at=NOW)).phase is Phase.ISSUING


class TestRenewal:
    def test_a_fresh_proof_is_reused(self) -> None:
        """A renewal within the limit of reuse asks the customer for nothing."""
        state = issued(at=datetime(2026, 4, 1, tzinfo=UTC))
        at = renewal_at(state)
        assert at is not None
        started = f.RenewalStarted(at=at, purpose=OrderPurpose.RENEWAL, key_type=KeyType.ECDSA_P256)
        prepared = evolve(evolve(state, started), f.Prepared(at=at, order_ref="o2", challenges=()))

        assert prepared.phase is Phase.ISSUING

    def test_the_refund_clock_is_not_reset(self) -> None:
        """The first issuance starts the window, whatever follows."""
        assert _replaced().first_issued_at == NOW

    def test_the_older_leaf_is_superseded(self) -> None:
        """The newest leaf is the certificate's, and the one before is kept as superseded."""
        assert [one.state for one in _replaced().issuances] == [IssuanceState.SUPERSEDED, IssuanceState.VALID]

    def test_a_replacement_revokes_the_older(self) -> None:
        """After a replacement the older leaves are revoked and the certificate stays issued."""
        state = _replaced()
        assert next_step(state).kind is StepKind.REVOKE
        retired = evolve(state, f.Retired(at=NOW, serials=("1",)))

        assert (retired.status, retired.phase) == (CertificateStatus.ISSUED, Phase.IDLE)
        assert [one.state for one in retired.issuances] == [IssuanceState.REVOKED, IssuanceState.VALID]

    def test_a_refused_replacement_changes_no_later_renewal(self) -> None:
        """Key type and signing request stay those of the leaf in force until another leaf is signed."""
        asked = f.RenewalStarted(
            at=NOW,
            actor="key_1",
            purpose=OrderPurpose.REPLACEMENT,
            key_type=KeyType.RSA_4096,
            csr_ref="csr_9",
            reason=RevocationReason.SUPERSEDED,
        )
        state = evolve(evolve(issued(), asked), f.RenewalFailed(at=NOW, detail="caa"))

        assert state.application is not None
        assert (state.application.key_type, state.csr_ref) == (KeyType.ECDSA_P256, None)

    def test_a_clean_up_does_not_hold_up_a_revocation(self) -> None:
        """While a replacement's older leaves are being revoked, the whole certificate may be revoked."""
        state = _replaced()
        assert Action.REVOKE in allowed_actions(state)
        due = quote(state, NOW)
        assert due is not None
        reason = RevocationReason.KEY_COMPROMISE
        asked = evolve(state, f.RevocationRequested(at=NOW, requested_at=NOW, reason=reason, quote=due))

        assert asked.retiring is None
        assert next_step(asked).kind is StepKind.REVOKE


class TestRevocation:
    def test_money_moves_only_after_the_confirmation(self) -> None:
        """The refund is pending while the revocation is, and due only once it is revoked."""
        revoked = _revoked()

        assert (revoked.status, revoked.phase) == (CertificateStatus.REVOKED, Phase.REFUNDING)
        assert next_step(revoked).kind is StepKind.REFUND


class TestTrouble:
    @pytest.mark.parametrize("step", STEPS)
    def test_a_parked_step_can_be_skipped(self, step: StepKind) -> None:
        """Whatever step is parked, skipping it leaves a certificate that goes on."""
        before = _revoked() if step is StepKind.REFUND else issued()
        state = evolve(evolve(before, f.Parked(at=NOW, step=step, why="?")), f.Skipped(at=NOW, step=step))

        assert state.attention is None
        assert next_step(state).why is not WaitReason.ATTENTION

    def test_a_skipped_charge_pays_back_what_was_taken(self) -> None:
        """When nobody knows whether the charge went through, the refund asks the ledger."""
        state = evolve(ordered(), f.Ordered(at=NOW, method="balance"))
        state = evolve(
            evolve(state, f.Parked(at=NOW, step=StepKind.CHARGE, why="?")), f.Skipped(at=NOW, step=StepKind.CHARGE)
        )

        assert state.status is CertificateStatus.CANCELLED
        assert next_step(state).kind is StepKind.REFUND

    def test_messages_leave_trouble_as_it_is(self) -> None:
        """A stray signal neither resumes nor hides a parked step."""
        parked = evolve(issued(), f.Parked(at=NOW, step=StepKind.ISSUE, why="?"))

        assert evolve(parked, f.MessageIgnored(at=NOW, message="x", why="y")).attention == parked.attention

    def test_delays_count_up(self) -> None:
        """Each failed wave of the same step is counted from the first."""
        once = evolve(proving(), f.Delayed(at=NOW, step=StepKind.LOOK, why="down", until=NOW))
        later = NOW + timedelta(minutes=1)
        twice = evolve(once, f.Delayed(at=later, step=StepKind.LOOK, why="down", until=later))

        assert twice.delay is not None
        assert (twice.delay.count, twice.delay.since) == (2, NOW)


class TestUploaded:
    def test_it_waits_for_reminders_and_its_end(self) -> None:
        """An uploaded certificate is never renewed; it is reminded of and expires."""
        state = uploaded()

        assert renewal_at(state) is None
        assert next_step(state).kind is StepKind.REMIND
