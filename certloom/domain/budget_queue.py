"""Whose turn it is when a CA's limits are short: who wants what, who goes first, and when to come again."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final, NamedTuple

from pydantic import Field

from certloom.domain.budget import Bucket, BucketName, Limit, Limits, LimitScope, Urgency, counted_by
from certloom.domain.model import Model, Utc

COME_AGAIN: Final = timedelta(hours=1)  # at the latest, so that a queue that became shorter is noticed
GONE_AFTER: Final = timedelta(hours=2)  # who is so late is not counted any more
_NEVER: Final = datetime.max.replace(tzinfo=UTC)


class Wish(Model):
    """One order that is to be placed. `key` is the caller's idempotency key: the same key takes once."""

    key: str
    names: Annotated[tuple[str, ...], Field(min_length=1)]
    urgency: Urgency
    not_after: Utc | None = None  # when the leaf in use ends
    renewal: bool = False  # for exactly the names of a leaf that this CA signed
    exempt: bool = False  # the CA asked for it (RFC 9773 section 5), and counts it nowhere


class Shortage(Model):
    """Why an order has to wait: the bucket that holds it up longest, and how many more urgent orders go first.

    `possible_at` is when its turn comes as things stand; `until` is when to ask again, and not later than that.
    """

    bucket: BucketName
    count: int
    period: timedelta
    ahead: int
    possible_at: Utc
    until: Utc


class Rank(NamedTuple):
    """The order of service: the smallest first."""

    urgency: Urgency
    not_after: datetime
    since: datetime
    key: str


class Waiter(Model):
    """An order in the queue, as it was when it asked last."""

    key: str
    urgency: Urgency
    not_after: Utc | None
    since: Utc  # it asked first
    seen_at: Utc  # it asked last
    until: Utc
    wants: tuple[BucketName, ...]
    shortage: Shortage

    @property
    def rank(self) -> Rank:
        """Its place in the queue."""
        return Rank(self.urgency, self.not_after or _NEVER, self.since, self.key)

    def counts(self, now: datetime) -> bool:
        """Whether it is still to be reckoned with."""
        return now <= self.until + GONE_AFTER

    def needs(self, bucket: BucketName, by: datetime) -> bool:
        """Whether it takes from *bucket* before *by*, or nothing keeps it from doing so but that bucket.

        What another limit holds up for longer finds here what was taken now, because it has come back by then.
        """
        return bucket in self.wants and (self.shortage.bucket == bucket or self.shortage.possible_at < by)


class TakenState(StrEnum):
    """What became of what an order took."""

    RESERVED = "reserved"
    USED = "used"  # the CA has counted it
    RETURNED = "returned"


class Taken(Model):
    """One token, and where its bucket stood afterwards."""

    bucket: BucketName
    mark: Utc


class Demand(NamedTuple):
    """What a wish has to do with: buckets to take from, and those that must not be empty."""

    takes: Mapping[BucketName, Limit]
    minds: Mapping[BucketName, Limit]


def demand(limits: Limits, wish: Wish) -> Demand:
    """Return what *wish* takes; nothing when it is exempt, and a renewal only from limits that count renewals."""
    takes: dict[BucketName, Limit] = {}
    minds: dict[BucketName, Limit] = {}
    for limit in () if wish.exempt else limits.items:
        if limit.scope is LimitScope.FAILURES:
            minds |= dict.fromkeys(counted_by(limit.scope, wish.names), limit)
        elif limit.renewals or not wish.renewal:
            takes |= dict.fromkeys(counted_by(limit.scope, wish.names), limit)
    return Demand(takes, minds)


def shortage(
    wanted: Demand, rank: Rank, *, buckets: Mapping[BucketName, Bucket], waiters: Collection[Waiter], now: datetime
) -> Shortage | None:
    """Return why an order of this rank must wait; None when it may take now. *waiters* are all others."""
    before = [waiter for waiter in waiters if waiter.rank < rank and waiter.counts(now)]
    short = [
        _short(name, limit, ahead, buckets.get(name, Bucket()).wait(limit, now, 1 + ahead), now)
        for name, limit in wanted.takes.items()
        for ahead in [sum(waiter.needs(name, now + limit.step) for waiter in before)]
    ]
    short += [
        _short(name, limit, 0, buckets.get(name, Bucket()).wait(limit, now), now)
        for name, limit in wanted.minds.items()
    ]
    last = max(short, key=lambda one: one.possible_at, default=None)
    return last if last is not None and last.possible_at > now else None


def _short(name: BucketName, limit: Limit, ahead: int, wait: timedelta, now: datetime) -> Shortage:
    return Shortage(
        bucket=name,
        count=limit.count,
        period=limit.period,
        ahead=ahead,
        possible_at=now + wait,
        until=now + min(wait, COME_AGAIN),
    )


def waiter(wish: Wish, wanted: Demand, short: Shortage, *, since: datetime, now: datetime) -> Waiter:
    """Return the place in the queue of a wish that must wait."""
    return Waiter(
        key=wish.key,
        urgency=wish.urgency,
        not_after=wish.not_after,
        since=since,
        seen_at=now,
        until=short.until,
        wants=tuple(wanted.takes),
        shortage=short,
    )


def rank_of(wish: Wish, since: datetime) -> Rank:
    """Return where a wish that was first heard of at *since* stands in the queue."""
    return Rank(wish.urgency, wish.not_after or _NEVER, since, wish.key)
