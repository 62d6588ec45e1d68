"""Whose turn it is: two hundred orders at once, who overtakes, who is not waited for. Time is skipped."""

import heapq
import random
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import pytest

from certloom.domain.budget import LETS_ENCRYPT, Bucket, BucketName, Limit, Limits, LimitScope, Urgency, counted_by
from certloom.domain.budget_queue import (
    COME_AGAIN,
    GONE_AFTER,
    Shortage,
    Waiter,
    Wish,
    demand,
    rank_of,
    shortage,
    waiter,
)
from tests.domain.test_budget import DAY, HOUR, MINUTE, NOW, SECOND, assert_within


class Desk:
    """The budget of one issuer in memory, and everybody who asks it; time is skipped."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.buckets: dict[BucketName, Bucket] = {}
        self.waiters: dict[str, Waiter] = {}
        self.wishes: dict[str, Wish] = {}
        self.calls: list[tuple[datetime, str]] = []
        self.served: dict[str, datetime] = {}

    def ask(self, wish: Wish, now: datetime) -> Shortage | None:
        """Do what storage does in one transaction."""
        known = self.waiters.pop(wish.key, None)
        since, wanted = known.since if known else now, demand(self.limits, wish)
        others = self.waiters.values()
        short = shortage(wanted, rank_of(wish, since), buckets=self.buckets, waiters=others, now=now)
        if short is not None:
            self.waiters[wish.key] = waiter(wish, wanted, short, since=since, now=now)
            return short
        for name, limit in wanted.takes.items():
            self.buckets[name] = self.buckets.get(name, Bucket()).take(limit, now)
        self.served[wish.key] = now
        return None

    def drain(self, wishes: Iterable[Wish], now: datetime) -> None:
        """Empty every bucket that *wishes* share."""
        for wish in wishes:
            for name, limit in demand(self.limits, wish).takes.items():
                if name.scope is not LimitScope.NAME_SET:
                    self.buckets[name] = Bucket().take(limit, now, limit.count)

    def come(self, wish: Wish, at: datetime) -> None:
        """Have *wish* ask at *at*, and then whenever it is told to."""
        self.wishes[wish.key] = wish
        heapq.heappush(self.calls, (at, wish.key))

    def withdraw(self, key: str) -> None:
        self.wishes.pop(key)
        self.waiters.pop(key, None)

    def run(self, until: datetime = NOW + 60 * DAY) -> None:
        """Let time pass."""
        while self.calls and self.calls[0][0] <= until:
            now, key = heapq.heappop(self.calls)
            if key in self.served or key not in self.wishes:
                continue
            short = self.ask(self.wishes[key], now)
            if short is not None:
                assert now < short.until <= min(short.possible_at, now + COME_AGAIN)
                heapq.heappush(self.calls, (short.until, key))

    def taken(self, name: BucketName) -> list[datetime]:
        """When a bucket was taken from."""
        return [at for key, at in self.served.items() if name in demand(self.limits, self.wishes[key]).takes]


BUSY = Limits(
    items=(
        Limit(scope=LimitScope.ORDERS, count=300, period=3 * HOUR),
        Limit(scope=LimitScope.DOMAIN, count=50, period=7 * DAY),
        Limit(scope=LimitScope.NAME_SET, count=5, period=7 * DAY),
    )
)
DOMAINS = ("example.com", "example.org", "example.net")


def renewals(count: int = 200, *, ends: timedelta = 30 * DAY) -> list[Wish]:
    """Certificates that are due together, on few domains; their leaves end one a minute, and keys fall meanwhile."""
    return [
        Wish(
            key=f"cert_{999 - number}",
            names=(f"host{number}.{DOMAINS[number % len(DOMAINS)]}",),
            urgency=Urgency.ENDING,
            not_after=NOW + ends + number * MINUTE,
        )
        for number in range(count)
    ]


def arrive(desk: Desk, wishes: Sequence[Wish]) -> None:
    """All in one minute, in no order."""
    mixed = random.Random(7).sample(wishes, len(wishes))
    for number, wish in enumerate(mixed):
        desk.come(wish, NOW + number * MINUTE / len(wishes))


def order_of_service(desk: Desk, wishes: Iterable[Wish]) -> list[str]:
    return sorted((wish.key for wish in wishes), key=desk.served.__getitem__)


class TestTwoHundredAtOnce:
    def test_none_lapses(self) -> None:
        """Due in the same minute at full buckets: the burst is used, the rest is spread, and all are in time."""
        desk, wishes = Desk(BUSY), renewals(ends=4 * DAY)
        arrive(desk, wishes)
        desk.run()
        assert all(desk.served[wish.key] <= (wish.not_after or NOW) for wish in wishes)
        assert sum(at < NOW + MINUTE for at in desk.served.values()) == 150

    def test_limits_hold(self) -> None:
        """However they come and go, no bucket gives more than its limit."""
        desk, wishes = Desk(BUSY), renewals()
        arrive(desk, wishes)
        desk.run()
        taken = {name: limit for wish in wishes for name, limit in demand(BUSY, wish).takes.items()}
        for name, limit in taken.items():
            assert_within(limit, desk.taken(name))

    @pytest.mark.parametrize(("scope", "count"), [(LimitScope.ORDERS, 200), (LimitScope.DOMAIN, 60)])
    def test_the_most_urgent_go_first(self, scope: LimitScope, count: int) -> None:
        """Where nothing is left, each one that comes back goes to whose leaf ends first."""
        tight = Limits(items=tuple(limit for limit in BUSY.items if limit.scope is scope))
        desk, wishes = Desk(tight), renewals(count)
        desk.drain(wishes, NOW)
        arrive(desk, wishes)
        desk.run()
        for first in range(len(DOMAINS)):
            same = [wish for wish in wishes if wish.names[0].endswith(DOMAINS[first])]
            assert order_of_service(desk, same) == [wish.key for wish in same]

    def test_nothing_is_left_idle(self) -> None:
        """The last is served as soon as the limit permits it at all, within the hour in which all ask again."""
        desk, wishes = Desk(BUSY), renewals(60)
        desk.drain(wishes, NOW)
        arrive(desk, wishes)
        desk.run()
        step = BUSY.items[1].step
        assert NOW + 20 * step <= max(desk.served.values()) <= NOW + 20 * step + COME_AGAIN

    def test_the_more_urgent_overtakes(self) -> None:
        """A certificate that is revoked while it waits last is served next."""
        desk, wishes = Desk(BUSY), renewals(90)
        desk.drain(wishes, NOW)
        arrive(desk, wishes)
        changed = NOW + 10 * HOUR
        desk.run(changed)
        desk.come(wishes[-1].model_copy(update={"urgency": Urgency.OVERDUE}), changed)
        desk.run()
        same = [wish for wish in wishes if wish.names[0].endswith(DOMAINS[-1])]
        later = [key for key in order_of_service(desk, same) if desk.served[key] > changed]
        assert later[0] == wishes[-1].key

    def test_who_withdraws_frees_its_place(self) -> None:
        """The next one moves up, and is served when the one before it would have been."""
        served = []
        for withdrawn in (False, True):
            desk, wishes = Desk(BUSY), renewals(9)
            desk.drain(wishes, NOW)
            arrive(desk, wishes)
            desk.run(NOW + 30 * MINUTE)
            if withdrawn:
                desk.withdraw(wishes[0].key)
            desk.run()
            served.append(desk.served)
        assert served[1][wishes[3].key] - served[0][wishes[0].key] <= COME_AGAIN
        assert served[1][wishes[3].key] < served[0][wishes[3].key]

    def test_new_orders_wait_for_renewals(self) -> None:
        """A new order that asked first goes after every renewal that asked while it waited."""
        desk = Desk(BUSY)
        new = Wish(key="new", names=("new.example.com",), urgency=Urgency.NEW)
        wishes = [wish for wish in renewals(60) if wish.names[0].endswith("example.com")]
        desk.drain([new], NOW)
        desk.come(new, NOW)
        arrive(desk, wishes)
        desk.run()
        assert order_of_service(desk, [new, *wishes])[-1] == "new"


def waiting(key: str, *, now: datetime = NOW, names: tuple[str, ...] = ("a.example.com",), **more: object) -> Wish:
    return Wish(key=key, names=names, urgency=Urgency.NEW).model_copy(update=more)


class TestQueue:
    def test_who_is_gone_does_not_count(self) -> None:
        """One that has not come for two hours after its time holds up nobody."""
        desk = Desk(Limits(items=(Limit(scope=LimitScope.ORDERS, count=1, period=HOUR),)))
        desk.drain([waiting("x")], NOW)
        desk.ask(waiting("gone", urgency=Urgency.OVERDUE), NOW)
        assert desk.ask(waiting("here"), NOW + HOUR)
        assert desk.ask(waiting("here"), NOW + HOUR + GONE_AFTER)
        assert desk.ask(waiting("here"), NOW + HOUR + GONE_AFTER + SECOND) is None

    def test_a_long_wait_elsewhere_holds_up_nobody(self) -> None:
        """Who waits for days for its own names takes no order from those who could place one now."""
        desk = Desk(BUSY)
        desk.buckets[counted_by(LimitScope.DOMAIN, ("example.com",))[0]] = Bucket(NOW + 9 * DAY)
        for number in range(310):
            desk.ask(waiting(f"stuck{number}", urgency=Urgency.OVERDUE), NOW)
        assert desk.ask(waiting("free", names=("a.example.org",)), NOW) is None

    def test_failures_make_an_order_wait(self) -> None:
        """Five failed validations of one name, and no order with it is placed before one has come back."""
        desk = Desk(LETS_ENCRYPT)
        failed = counted_by(LimitScope.FAILURES, ("b.example.com",))[0]
        desk.buckets[failed] = Bucket().take(LETS_ENCRYPT.items[3], NOW, 5)
        short = desk.ask(waiting("k", names=("a.example.com", "b.example.com")), NOW)
        assert short
        assert (short.bucket, short.until) == (failed, NOW + 12 * MINUTE)
        assert desk.ask(waiting("k", names=("a.example.com", "b.example.com")), short.until) is None


class TestDemand:
    @pytest.mark.parametrize(
        ("change", "scopes"),
        [
            ({}, {LimitScope.ORDERS, LimitScope.DOMAIN, LimitScope.NAME_SET}),
            ({"renewal": True}, {LimitScope.NAME_SET}),
            ({"renewal": True, "exempt": True}, set()),
        ],
    )
    def test_what_lets_encrypt_counts(self, change: dict[str, bool], scopes: set[LimitScope]) -> None:
        """A new order counts everywhere, a renewal for its exact set, and what the CA asked for nowhere."""
        wish = Wish(key="k", names=("a.example.com",), urgency=Urgency.NEW).model_copy(update=change)
        assert {bucket.scope for bucket in demand(LETS_ENCRYPT, wish).takes} == scopes
