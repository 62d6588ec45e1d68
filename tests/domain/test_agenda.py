"""What a certificate does next by itself."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from certloom.domain import fact as f
from certloom.domain.agenda import APPLY_WITHIN, PAY_WITHIN, deadline, next_step, renewal_at
from certloom.domain.evolve import evolve
from certloom.domain.issuance import RevocationReason
from certloom.domain.key import KeyType
from certloom.domain.order import OrderPurpose
from certloom.domain.rights import quote
from certloom.domain.state import CertificateState
from certloom.domain.step import StepKind, WaitReason
from certloom.domain.validity import DAY, not_after
from tests.lives import NOW, applied, issued, leaf, ordered, paid, proving, uploaded

EARLY = datetime(2026, 4, 1, tzinfo=UTC)


def _year(start: datetime) -> list[tuple[StepKind, int]]:
    """Live from issuance to the end by the agenda alone; return each step with its day."""
    state = issued(at=start)
    steps: list[tuple[StepKind, int]] = []
    while (step := next_step(state)).kind is not StepKind.EXPIRE:
        assert step.kind is not None
        assert step.at is not None
        steps.append((step.kind, (step.at - start) // DAY))
        state = _after(state, step.kind, max(step.at, state.updated_at))
    assert step.at is not None
    return [*steps, (StepKind.EXPIRE, (step.at - start) // DAY)]


def _after(state: CertificateState, kind: StepKind, at: datetime) -> CertificateState:
    match kind:
        case StepKind.RENEW:
            return evolve(state, f.RenewalStarted(at=at, purpose=OrderPurpose.RENEWAL, key_type=KeyType.ECDSA_P256))
        case StepKind.PREPARE:
            return evolve(state, f.Prepared(at=at, order_ref="o", challenges=()))
        case StepKind.LOOK:
            return evolve(state, f.Proven(at=at))
        case StepKind.ISSUE:
            assert state.plan is not None
            assert state.order is not None
            new = leaf(number=state.order.attempt, at=at, ends=not_after(at, state.plan.ends_at))
            return evolve(state, f.Issued(at=at, issuance=new, plan_days=365))
        case StepKind.ASK_FOR_PROOF:
            return evolve(state, f.ProofRefreshed(at=at))
        case _:
            assert state.ends_at is not None
            return evolve(state, f.Reminded(at=at, days=(state.ends_at - at) // DAY, ends_at=state.ends_at))


class TestNextStep:
    def test_unpaid_waits_a_day(self) -> None:
        """An order that nobody pays is cancelled after 24 hours."""
        assert next_step(ordered())[:2] == (StepKind.CANCEL_UNPAID, NOW + PAY_WITHIN)

    def test_paid_waits_a_year(self) -> None:
        """An order that nobody uses is refunded after 365 days."""
        assert next_step(paid())[:2] == (StepKind.CANCEL_UNUSED, NOW + APPLY_WITHIN)

    def test_applied_is_prepared_at_once(self) -> None:
        """After an application the order is placed without waiting."""
        step = next_step(applied())

        assert (step.kind, step.at) == (StepKind.PREPARE, NOW)

    def test_a_parked_application_still_closes(self) -> None:
        """An operator who never comes does not keep an application open beyond its deadline."""
        parked = evolve(proving(), f.Parked(at=NOW, step=StepKind.LOOK, why="?"))

        assert next_step(parked) == (StepKind.GIVE_UP, NOW + timedelta(days=7), WaitReason.ATTENTION)

    def test_an_outage_does_not_outlast_the_deadline(self) -> None:
        """The application closes at its deadline even while something outside is down."""
        until = NOW + timedelta(days=8)
        delayed = evolve(proving(), f.Delayed(at=NOW, step=StepKind.LOOK, why="down", until=until))

        assert next_step(delayed).kind is StepKind.GIVE_UP

    @pytest.mark.parametrize(
        ("ends", "over"), [(NOW + timedelta(hours=8), timedelta(hours=9)), (None, timedelta(days=7, hours=1))]
    )
    def test_an_order_that_is_never_signed_ends(self, ends: datetime | None, over: timedelta) -> None:
        """An issuer that stays at work for ever keeps nobody for ever: the order ends, then the application."""
        state = proving()
        assert state.order is not None
        order = state.order.model_copy(update={"expires_at": ends})
        state = evolve(state.model_copy(update={"order": order}), f.Proven(at=NOW))
        busy = evolve(state, f.Delayed(at=NOW, step=StepKind.ISSUE, why="at work", until=NOW + over * 2))
        assert next_step(busy)[:2] == (StepKind.REORDER, NOW + over)

        again = evolve(busy, f.OrderExpired(at=NOW + over))
        given_up = deadline(again)
        assert given_up is not None
        assert given_up[:2] == (StepKind.GIVE_UP, NOW + timedelta(days=7))

    def test_a_lapsed_leaf_in_a_running_plan_keeps_trying(self) -> None:
        """A plan that still runs renews even after its leaf ended."""
        state = issued(at=EARLY)
        failed = f.RenewalFailed(at=EARLY + 198 * DAY, detail="no", retry_at=EARLY + 201 * DAY)

        assert renewal_at(evolve(state, failed)) == EARLY + 201 * DAY

    def test_uploaded_expires_at_its_own_end(self) -> None:
        """What has no plan ends with its leaf."""
        state = uploaded()
        end = deadline(state)

        assert state.issuance is not None
        assert end is not None
        assert (end.kind, end.at) == (StepKind.EXPIRE, state.issuance.not_after)

    def test_a_charge_that_stays_unknown_ends_after_a_day(self) -> None:
        """An outage of the payment provider cancels the order after 24 hours, and whatever was taken goes back."""
        state = evolve(ordered(), f.Ordered(at=NOW, method="balance"))
        late = f.Delayed(at=NOW, step=StepKind.CHARGE, why="down", until=NOW + timedelta(hours=25))
        assert next_step(evolve(state, late))[:2] == (StepKind.CANCEL_UNPAID, NOW + PAY_WITHIN)

        assert next_step(evolve(state, f.OrderLapsed(at=NOW + PAY_WITHIN))).kind is StepKind.REFUND

    def test_a_revocation_does_not_wait_for_a_dropped_order(self) -> None:
        """Revoking while a renewal is under way revokes first and drops the renewal's order afterwards."""
        renewing = _after(issued(), StepKind.RENEW, NOW)
        due = quote(renewing, NOW)
        assert due is not None
        asked = f.RevocationRequested(at=NOW, requested_at=NOW, reason=RevocationReason.SUPERSEDED, quote=due)
        state = evolve(renewing, asked)

        assert state.discard
        assert next_step(state).kind is StepKind.REVOKE


class TestYear:
    def test_a_plan_of_a_year_under_the_cap(self) -> None:
        """Three leaves cover a year of 2026; the proof is refreshed in time; reminders come before the end."""
        steps = _year(EARLY)

        assert [day for kind, day in steps if kind is StepKind.ISSUE] == [132, 265]
        assert [day for kind, day in steps if kind is StepKind.REMIND] == [335, 351, 358, 364]
        assert steps[-1] == (StepKind.EXPIRE, 365)

    @pytest.mark.parametrize("start", [datetime(2029, 2, 1, tzinfo=UTC), datetime(2029, 4, 1, tzinfo=UTC)])
    def test_the_caps_of_2029_end_no_plan_early(self, start: datetime) -> None:
        """With 47 days a leaf and 10 a proof, the agenda covers the plan and never loops."""
        steps = _year(start)
        issued_on = [day for kind, day in steps if kind is StepKind.ISSUE]

        assert steps[-1] == (StepKind.EXPIRE, 365)
        assert 6 <= len(issued_on) <= 14
        assert all(later - earlier < 47 for earlier, later in itertools.pairwise(issued_on))
        assert len(steps) < 120

    def test_a_rejected_renewal_is_not_silent(self) -> None:
        """When nothing will renew it any more, the reminders come before the leaf's end."""
        state = issued(at=EARLY)
        assert state.plan is not None
        refused = evolve(state, f.RenewalFailed(at=EARLY + 133 * DAY, detail="rejected", retry_at=state.plan.ends_at))
        step = next_step(refused)

        assert state.issuance is not None
        assert (step.kind, step.at) == (StepKind.REMIND, state.issuance.not_after - 30 * DAY)

    def test_47_days_leave_time_to_renew(self) -> None:
        """A leaf of 46 days is renewed with more than two weeks left."""
        state = issued(at=datetime(2029, 4, 1, tzinfo=UTC))
        at = renewal_at(state)

        assert at is not None
        assert state.issuance is not None
        assert state.issuance.not_after - at > timedelta(days=15)
