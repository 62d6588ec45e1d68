"""The dated caps on certificates and proofs."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certloom.domain.validity import CAPS, DAY, Validity, cap_at, not_after, proof_good_until, renew_at, validity

moments = st.datetimes(datetime(2026, 3, 15), datetime(2032, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


class TestCaps:
    @pytest.mark.parametrize(
        ("day", "expected"),
        [
            (datetime(2026, 3, 15, tzinfo=UTC), 200),
            (datetime(2027, 3, 14, 23, 59, 59, tzinfo=UTC), 200),
            (datetime(2027, 3, 15, tzinfo=UTC), 100),
            (datetime(2029, 3, 14, 23, 59, 59, tzinfo=UTC), 100),
            (datetime(2029, 3, 15, tzinfo=UTC), 47),
        ],
    )
    def test_each_row_begins_on_its_day(self, day: datetime, expected: int) -> None:
        """The first second of a date already counts under the new cap, the second before does not."""
        assert cap_at(day).certificate == timedelta(days=expected)

    def test_rows_are_in_order(self) -> None:
        """The table is read from its end, so it must ascend."""
        assert list(CAPS) == sorted(CAPS, key=lambda cap: cap.since)


class TestNotAfter:
    @given(moments, st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=730)))
    def test_it_stays_under_cap_and_plan(self, now: datetime, left: timedelta) -> None:
        """No leaf outlives the plan, nor comes within a day of the cap."""
        end = not_after(now, now + left)

        assert end <= now + left
        assert end - now <= cap_at(now).certificate - DAY
        assert end.microsecond == 0


class TestProof:
    @given(moments, st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=400)))
    def test_it_is_good_under_the_rule_of_the_day_of_use(self, proven: datetime, later: timedelta) -> None:
        """Whenever a proof is held good, its age is within the limit in force on that day."""
        use = proven + later

        if use < proof_good_until(proven):
            assert later <= cap_at(use).proof - DAY

    def test_the_ten_days_of_2029_end_an_older_proof(self) -> None:
        """A proof of January 2029 cannot be used on 2029-03-15, when ten days become the limit."""
        proven = datetime(2029, 1, 10, tzinfo=UTC)

        assert proof_good_until(proven) == datetime(2029, 3, 15, tzinfo=UTC)


class TestRenewal:
    def test_it_begins_with_a_third_left(self) -> None:
        """A leaf of 90 days renews on day 60."""
        start = datetime(2026, 11, 23, tzinfo=UTC)

        assert renew_at(start, start + 90 * DAY) == start + 60 * DAY

    def test_validity_follows_the_clock(self) -> None:
        """A leaf is valid, then in its last third, then lapsed."""
        start = datetime(2026, 11, 23, tzinfo=UTC)
        end = start + 90 * DAY
        moments = (start, start + 60 * DAY, end, end + timedelta(seconds=1))

        assert [validity(start, end, now) for now in moments] == [
            Validity.VALID,
            Validity.EXPIRING,
            Validity.EXPIRING,
            Validity.LAPSED,
        ]
