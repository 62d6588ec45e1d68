"""A CA's limits: what a bucket gives, what it gets back, and what names are counted by."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certloom.domain.budget import Bucket, Limit, LimitScope, counted_by

NOW = datetime(2026, 11, 24, 4, 12, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

limits = st.builds(
    Limit,
    scope=st.just(LimitScope.ORDERS),
    count=st.integers(1, 9),
    period=st.timedeltas(timedelta(seconds=1), timedelta(seconds=90)),
)
pauses = st.lists(st.timedeltas(timedelta(0), timedelta(seconds=30)), min_size=1, max_size=40)


def moments(between: Iterable[timedelta]) -> list[datetime]:
    at, found = NOW, []
    for pause in between:
        at += pause
        found.append(at)
    return found


def greedy(limit: Limit, asked: Sequence[datetime]) -> list[datetime]:
    """Take whenever the bucket lets."""
    bucket, taken = Bucket(), []
    for at in asked:
        if not bucket.wait(limit, at):
            bucket = bucket.take(limit, at)
            taken.append(at)
    return taken


def assert_within(limit: Limit, taken: Sequence[datetime]) -> None:
    """In any span at most `count`, and what came back in it."""
    ordered = sorted(taken)
    for first, start in enumerate(ordered):
        for last in range(first, len(ordered)):
            assert last - first + 1 <= limit.count + (ordered[last] - start) // limit.step


class TestBucket:
    @given(limits, pauses)
    def test_it_never_gives_too_much(self, limit: Limit, between: list[timedelta]) -> None:
        """In no span does it give more than the count, and one more per step that has passed."""
        assert_within(limit, greedy(limit, moments(between)))

    @given(limits)
    def test_it_gives_the_whole_count_at_once(self, limit: Limit) -> None:
        """A full bucket gives exactly the count, however badly the period divides."""
        assert len(greedy(limit, [NOW] * (limit.count + 3))) == limit.count

    @given(limits)
    def test_it_is_never_faster_than_the_ca(self, limit: Limit) -> None:
        """As many as the count take at least the period to come back, however badly it divides."""
        assert timedelta(0) <= limit.step * limit.count - limit.period < limit.count * timedelta.resolution

    @given(limits, pauses)
    def test_what_it_says_is_free_can_be_taken(self, limit: Limit, between: list[timedelta]) -> None:
        """So many, and not one more."""
        at = moments(between)[-1]
        bucket = Bucket()
        for one in moments(between)[:-1]:
            bucket = bucket if bucket.wait(limit, one) else bucket.take(limit, one)
        free = bucket.free(limit, at)
        assert not free or not bucket.wait(limit, at, free)
        assert bucket.wait(limit, at, free + 1)

    @given(limits, pauses, st.integers(1, 20))
    def test_a_wait_is_exact(self, limit: Limit, between: list[timedelta], tokens: int) -> None:
        """Whoever is told to wait for so many gets the last of them when all are taken as soon as they come back."""
        bucket = Bucket()
        for one in moments(between):
            bucket = bucket.take(limit, one)
        at = now = moments(between)[-1]
        told = bucket.wait(limit, now, tokens)
        for _ in range(tokens):
            at += bucket.wait(limit, at)
            bucket = bucket.take(limit, at)
        assert at - now == told

    @given(limits, pauses, st.timedeltas(timedelta(0), timedelta(seconds=60)))
    def test_waiting_is_monotone(self, limit: Limit, between: list[timedelta], later: timedelta) -> None:
        """More to take is never sooner, and time only shortens the wait."""
        bucket = Bucket().take(limit, NOW, len(between))
        waits = [bucket.wait(limit, NOW, tokens) for tokens in range(1, 6)]
        assert waits == sorted(waits)
        assert bucket.wait(limit, NOW + later) <= bucket.wait(limit, NOW)

    @given(limits, pauses, st.timedeltas(timedelta(0), timedelta(seconds=60)))
    def test_giving_back_at_once_restores(self, limit: Limit, between: list[timedelta], later: timedelta) -> None:
        """Afterwards it is at every moment as if nothing had been taken."""
        bucket = Bucket()
        for one in moments(between):
            bucket = bucket.take(limit, one)
        at = moments(between)[-1]
        taken = bucket.take(limit, at)
        restored = taken.give_back(limit, taken.tat, at)
        assert restored.wait(limit, at + later) == bucket.wait(limit, at + later)

    @given(limits, pauses, st.data())
    def test_giving_back_late_is_never_too_much(
        self, limit: Limit, between: list[timedelta], data: st.DataObject
    ) -> None:
        """However many took meanwhile, it is no fuller than if the one given back had never been taken."""
        asked = moments(between)
        undone = data.draw(st.integers(0, len(asked) - 1))
        bucket = without = Bucket()
        mark = NOW
        for number, at in enumerate(asked):
            bucket = bucket.take(limit, at)
            mark = bucket.tat if number == undone else mark
            without = without if number == undone else without.take(limit, at)
        after = bucket.give_back(limit, mark, asked[-1])
        for tokens in range(1, 4):
            assert without.wait(limit, asked[-1], tokens) <= after.wait(limit, asked[-1], tokens)
            assert after.wait(limit, asked[-1], tokens) <= bucket.wait(limit, asked[-1], tokens)


class TestWhatIsCounted:
    @pytest.mark.parametrize(
        ("scope", "keys"),
        [
            (LimitScope.ORDERS, [""]),
            (LimitScope.DOMAIN, ["example.co.uk", "tenant.github.io"]),
            (LimitScope.FAILURES, ["a.tenant.github.io", "example.co.uk", "www.example.co.uk"]),
        ],
    )
    def test_buckets_of_names(self, scope: LimitScope, keys: list[str]) -> None:
        """Domains by the whole public suffix list; failures per name, a wildcard under the name below its star."""
        names = ("www.example.co.uk", "*.example.co.uk", "a.tenant.github.io")
        assert [bucket.key for bucket in counted_by(scope, names)] == keys

    def test_a_set_has_no_order(self) -> None:
        """The same names in another order and case are the same set, and others are not."""
        first, again, other = (
            counted_by(LimitScope.NAME_SET, names)
            for names in (("a.test", "b.test"), ("B.test", "a.test"), ("a.test",))
        )
        assert first == again
        assert first != other

    def test_a_suffix_counts_as_itself(self) -> None:
        """Names that are a suffix, or below none, are limited by themselves."""
        names = ("*.github.io", "host.internal")
        assert [bucket.key for bucket in counted_by(LimitScope.DOMAIN, names)] == ["github.io", "host.internal"]

    def test_an_address_counts_as_what_is_given_to_one_customer(self) -> None:
        """An IPv4 address is limited by itself, an IPv6 address with its /64; each fails for itself."""
        names = ("1.1.1.1", "1.1.1.2", "2606:4700:1:2::7", "2606:4700:1:2::8", "2606:4700:1:3::7")
        ranges = ["1.1.1.1", "1.1.1.2", "2606:4700:1:2::/64", "2606:4700:1:3::/64"]
        assert [bucket.key for bucket in counted_by(LimitScope.DOMAIN, names)] == ranges
        assert [bucket.key for bucket in counted_by(LimitScope.FAILURES, names)] == sorted(names)
