"""When a leaf is renewed: by the issuer's word, by its lifetime, and after failures."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certloom.domain import fact as f
from certloom.domain.agenda import next_step, renewal_at
from certloom.domain.application import Challenge, ValidationMethod
from certloom.domain.certificate import Phase
from certloom.domain.evolve import evolve
from certloom.domain.key import KeyType
from certloom.domain.order import LONGEST_PAUSE, OrderPurpose, renewal_pause
from certloom.domain.renewal import begins, pick, usable
from certloom.domain.state import CertificateState
from certloom.domain.step import StepKind, WaitReason
from certloom.domain.validity import renew_at
from tests.lives import NOW, applied, issued, leaf

DAY = timedelta(days=1)
OTHER = Challenge(name="www.example.com", type=ValidationMethod.DNS_01, token="another", record_name="r")


def renewing(state: CertificateState, at: datetime) -> CertificateState:
    return evolve(state, f.RenewalStarted(at=at, purpose=OrderPurpose.RENEWAL, key_type=KeyType.ECDSA_P256))


class TestSuggestion:
    def test_it_decides_the_instant(self) -> None:
        """What the issuer suggests for the newest leaf counts, earlier or later than a third left."""
        for days in (10, 150):
            state = evolve(issued(), f.RenewalSuggested(at=NOW, number=1, renew_at=NOW + days * DAY))
            assert renewal_at(state) == NOW + days * DAY
            assert next_step(state)[0] in (StepKind.RENEW, StepKind.ASK_FOR_PROOF)

    def test_one_about_an_older_leaf_says_nothing(self) -> None:
        """A suggestion for another number leaves the usual instant."""
        state = evolve(issued(), f.RenewalSuggested(at=NOW, number=7, renew_at=NOW + DAY))
        assert renewal_at(state) == renewal_at(issued())

    def test_it_ends_with_its_leaf(self) -> None:
        """The next leaf is renewed by its own lifetime until the issuer speaks again."""
        state = evolve(issued(), f.RenewalSuggested(at=NOW, number=1, renew_at=NOW + DAY))
        state = renewing(state, NOW + DAY)
        state = evolve(state, f.Prepared(at=NOW + DAY, order_ref="o", challenges=()))
        assert state.phase is Phase.ISSUING
        new = leaf(number=2, at=NOW + DAY)
        state = evolve(state, f.Issued(at=NOW + DAY, issuance=new, plan_days=365))
        assert renewal_at(state) == renew_at(new.not_before, new.not_after)

    def test_a_past_instant_is_due_at_once(self) -> None:
        """A window in the past makes the renewal the next step now."""
        state = evolve(issued(), f.RenewalSuggested(at=NOW, number=1, renew_at=NOW - DAY))
        assert next_step(state)[:2] == (StepKind.RENEW, NOW - DAY)

    def test_it_leaves_an_outage_alone(self) -> None:
        """A suggestion that comes while a step waits changes nothing about the waiting."""
        state = renewing(issued(), NOW + DAY)
        delayed = evolve(state, f.Delayed(at=NOW, step=StepKind.PREPARE, why="down", until=NOW + DAY))
        assert evolve(delayed, f.RenewalSuggested(at=NOW, number=1, renew_at=NOW)).delay == delayed.delay


def renewed(state: CertificateState, at: datetime, *, days: int) -> CertificateState:
    """Go from a renewal's begin to its leaf of so many days, all at one moment."""
    state = evolve(renewing(state, at), f.Prepared(at=at, order_ref="o", challenges=()))
    number = state.attempts
    return evolve(state, f.Issued(at=at, issuance=leaf(number=number, at=at, ends=at + days * DAY), plan_days=365))


def urged(state: CertificateState, at: datetime) -> CertificateState:
    """The issuer says that the newest leaf should have been renewed yesterday."""
    return evolve(state, f.RenewalSuggested(at=at, number=state.attempts, renew_at=at - DAY))


class TestBounds:
    def test_an_issuer_that_always_says_now(self) -> None:
        """It gets few renewals beyond the usual ones in a year, and a first word is always followed at once."""
        state, at, renewals = renewed(issued(), NOW, days=90), NOW, list[datetime]()
        while len(renewals) < 40 and (wanted := renewal_at(urged(state, at))) is not None:
            at = max(at, wanted)
            renewals.append(at)
            state = renewed(urged(state, at), at, days=90)
        assert renewals[0] == NOW
        assert 10 < len(renewals) < 40

    def test_a_renewal_at_its_usual_time_ends_the_brake(self) -> None:
        """After it the issuer's word counts at once again."""
        state = renewed(issued(), NOW, days=90)
        early = evolve(state, f.RenewalSuggested(at=NOW, number=state.attempts, renew_at=NOW))
        assert renewed(early, NOW + DAY, days=90).renewal.early == 1
        assert renewed(early, NOW + 61 * DAY, days=90).renewal.early == 0

    @pytest.mark.parametrize("late", [89, 90, 120])
    def test_a_word_that_comes_too_late_is_not_waited_for(self, late: int) -> None:
        """Half the usual lead is left for failures, whatever the issuer suggests."""
        state = renewed(issued(), NOW, days=90)
        state = evolve(state, f.RenewalSuggested(at=NOW, number=state.attempts, renew_at=NOW + late * DAY))
        assert renewal_at(state) == NOW + 75 * DAY

    @pytest.mark.parametrize(("since", "ends"), [(NOW - 3000 * DAY, NOW + 90 * DAY), (NOW - DAY, NOW)])
    def test_strange_dates_of_a_leaf_are_no_loop(self, since: datetime, ends: datetime) -> None:
        """A leaf that was old when it was issued is not renewed in the same moment."""
        old = leaf(at=NOW, ends=ends).model_copy(update={"not_before": since})
        assert begins(old, word=None, early=0) >= NOW + timedelta(minutes=1)


class TestWindow:
    @given(fraction=st.floats(min_value=0, max_value=1, exclude_max=True), hours=st.integers(1, 1000))
    def test_what_is_picked_lies_inside(self, fraction: float, hours: int) -> None:
        """Whatever is drawn, the instant is inside the window."""
        end = NOW + timedelta(hours=hours)
        assert NOW <= pick(NOW, end, kept=None, fraction=fraction) <= end

    def test_it_is_kept_while_it_still_fits(self) -> None:
        """The same window, or one that moved a little, keeps the instant that was picked first."""
        kept = NOW + DAY
        assert pick(NOW, NOW + 2 * DAY, kept=kept, fraction=0.9) == kept
        assert pick(NOW + DAY / 2, NOW + 3 * DAY, kept=kept, fraction=0.9) == kept
        assert pick(NOW - 3 * DAY, NOW - 2 * DAY, kept=kept, fraction=0.5) == NOW - 2.5 * DAY

    @pytest.mark.parametrize(
        ("start", "end"), [(NOW + DAY, NOW), (NOW, NOW), (None, NOW), (NOW, None), (NOW + 90 * DAY, NOW + 91 * DAY)]
    )
    def test_a_broken_one_is_ignored(self, start: datetime | None, end: datetime | None) -> None:
        """An inverted, empty or open window, and one that begins after the leaf's end, is not followed."""
        assert not usable(start, end, leaf_end=NOW + 90 * DAY)

    def test_one_in_the_past_is_followed(self) -> None:
        """A window wholly in the past is how an issuer says: now."""
        assert usable(NOW - 2 * DAY, NOW - DAY, leaf_end=NOW + 90 * DAY)


class TestLifetime:
    @pytest.mark.parametrize(("days", "left"), [(90, 30), (45, 15), (10, 10 / 3), (9, 4.5), (6, 3)])
    def test_short_ones_are_renewed_at_half(self, days: int, left: float) -> None:
        """A third of the lifetime is left at the renewal, and the half of one below ten days."""
        assert abs(NOW + days * DAY - renew_at(NOW, NOW + days * DAY) - left * DAY) < timedelta(seconds=1)


class TestFailure:
    def test_pauses_grow_from_a_minute_to_a_day(self) -> None:
        """The first try again comes soon, the later ones daily, for ever."""
        minutes = [renewal_pause(count) / timedelta(minutes=1) for count in range(1, 7)]
        assert minutes == [1, 10, 100, 1000, 1440, 1440]
        assert renewal_pause(10_000) == LONGEST_PAUSE

    def test_it_goes_on_past_the_leafs_end(self) -> None:
        """A lapsed leaf inside a running plan is still renewed; the last date is the plan's end."""
        state = issued(at=datetime(2026, 4, 1, tzinfo=UTC))
        assert state.issuance is not None
        late = state.issuance.not_after + DAY
        state = evolve(renewing(state, late), f.RenewalFailed(at=late, detail="no", retry_at=late + DAY))
        assert renewal_at(state) == late + DAY
        assert state.renewal.failures == 1


class TestOrderThatExpires:
    def test_it_is_placed_anew_in_time(self) -> None:
        """An unproven order is replaced shortly before its issuer drops it, and its key goes."""
        state = evolve(
            applied(), f.Prepared(at=NOW, order_ref="o1", challenges=(OTHER,), expires_at=NOW + timedelta(hours=8))
        )
        step = next_step(state)
        assert step.kind is StepKind.LOOK
        again = evolve(state, f.OrderExpired(at=NOW + timedelta(hours=8)))
        assert (again.phase, again.attempts, again.order and again.order.attempt) == (Phase.PREPARING, 2, 2)
        assert [order.order_ref for order in again.discard] == ["o1"]
        assert again.application is not None
        assert again.application.outcome is None

    def test_short_orders_are_no_loop(self) -> None:
        """However soon an issuer drops its orders, there is at least a minute between two."""
        state = evolve(applied(), f.Prepared(at=NOW, order_ref="o1", challenges=(OTHER,), expires_at=NOW))
        delayed = evolve(state, f.Delayed(at=NOW, step=StepKind.LOOK, why="down", until=NOW + DAY))
        assert next_step(delayed)[:2] == (StepKind.REORDER, NOW + timedelta(minutes=1))


class TestProof:
    def test_an_account_s_own_token_is_looked_for_at_each_order(self) -> None:
        """The issuer may hold the name as proven by its new owner, so an old look at the same token says nothing."""
        own = OTHER.model_copy(update={"own": True})
        state = renewing(issued(), NOW + DAY)
        known = state.application
        assert known is not None
        state = state.model_copy(update={"application": known.model_copy(update={"challenges": (own,)})})
        prepared = evolve(state, f.Prepared(at=NOW + DAY, order_ref="o", challenges=(own,), proofs_stand=False))
        assert prepared.phase is Phase.PROVING

    def test_new_challenges_want_a_new_proof(self) -> None:
        """What was proven for one order proves nothing for challenges that it did not have."""
        state = renewing(issued(), NOW + DAY)
        prepared = evolve(state, f.Prepared(at=NOW + DAY, order_ref="o", challenges=(OTHER,), proofs_stand=False))
        assert prepared.phase is Phase.PROVING

    def test_the_same_ones_need_none(self) -> None:
        """A renewal with the challenges of before is signed on the proof of before."""
        state = renewing(issued(), NOW + DAY)
        assert state.application is not None
        same = f.Prepared(at=NOW + DAY, order_ref="o", challenges=state.application.challenges)
        assert evolve(state, same).phase is Phase.ISSUING

    def test_nobody_looks_ahead_for_a_proof_that_will_not_count(self) -> None:
        """Where each order has challenges of its own, the customer is not asked for old ones early."""
        start = datetime(2029, 4, 1, tzinfo=UTC)  # proofs live for ten days
        state = issued(at=start)
        assert state.application is not None
        assert next_step(state).kind is StepKind.ASK_FOR_PROOF
        other = state.application.model_copy(update={"proofs_stand": False})
        assert next_step(state.model_copy(update={"application": other})).kind is StepKind.RENEW


class TestLimit:
    def test_waiting_for_one_is_told_apart_from_an_outage(self) -> None:
        """What waits for room in an issuer's limits says so, with its time."""
        fact = f.Delayed(at=NOW, step=StepKind.PREPARE, why="5 a week", until=NOW + DAY, limit=True)
        assert next_step(evolve(applied(), fact)) == (StepKind.PREPARE, NOW + DAY, WaitReason.LIMIT)
