"""Issuers as operators see them: what they signed, what their limits leave, and who waits for that."""

from datetime import datetime
from enum import StrEnum

from api.schemas.model import View
from certloom.domain.budget import Bucket, Limit, LimitScope
from certloom.domain.budget_queue import Waiter
from certloom.domain.model import Utc
from certloom.domain.shortage import explain
from certloom.storage.records import BudgetBucket, IssuerBudget


class IssuerKind(StrEnum):
    """Where an issuer is."""

    PRIVATE = "private"  # the CA of this service
    ACME = "acme"  # a CA elsewhere


class BucketView(View):
    """What is left of a limit, for one thing that it counts by; `next_free_at` is null while something is free."""

    title: str
    used: int
    free: int
    next_free_at: Utc | None


class LimitView(View):
    """A limit: `count` in `period` seconds. `buckets` are the emptiest, in that order; all others are full."""

    scope: LimitScope
    count: int
    period: float
    renewals_count: bool
    buckets: tuple[BucketView, ...]


class WaiterView(View):
    """An order that waits for a limit, and asks again at `until`."""

    certificate_id: str
    urgency: str
    not_after: Utc | None
    since: Utc
    until: Utc
    possible_at: Utc
    ahead: int
    why: str


class IssuerView(View):
    """One issuer. `waiters` are the first of the `waiting`, in the order of service."""

    name: str
    kind: IssuerKind
    products: tuple[str, ...]
    issued_in_30_days: int
    limits: tuple[LimitView, ...]
    waiting: int
    waiters: tuple[WaiterView, ...]


class IssuerList(View):
    """Every issuer that a product names, or that still has limits to mind."""

    items: tuple[IssuerView, ...]


def issuer_view(
    name: str, budget: IssuerBudget | None, *, products: tuple[str, ...], issued: int, now: datetime
) -> IssuerView:
    """Show one; without a budget nothing was ever taken from it."""
    kind = IssuerKind.PRIVATE if name == IssuerKind.PRIVATE else IssuerKind.ACME
    return IssuerView(
        name=name,
        kind=kind,
        products=products,
        issued_in_30_days=issued,
        limits=tuple(_limit(limit, budget.buckets, now) for limit in budget.limits.items) if budget else (),
        waiting=budget.waiting if budget else 0,
        waiters=tuple(_waiter(one, name) for one in budget.waiters) if budget else (),
    )


def _limit(limit: Limit, buckets: tuple[BudgetBucket, ...], now: datetime) -> LimitView:
    return LimitView(
        scope=limit.scope,
        count=limit.count,
        period=limit.period.total_seconds(),
        renewals_count=limit.renewals,
        buckets=tuple(_bucket(limit, one, now) for one in buckets if one.scope is limit.scope),
    )


def _bucket(limit: Limit, one: BudgetBucket, now: datetime) -> BucketView:
    bucket = Bucket(one.tat)
    free = bucket.free(limit, now)
    wait = bucket.wait(limit, now)
    return BucketView(title=one.title, used=limit.count - free, free=free, next_free_at=now + wait if wait else None)


def _waiter(waiter: Waiter, issuer: str) -> WaiterView:
    return WaiterView(
        certificate_id=waiter.key.partition("/")[0],
        urgency=waiter.urgency.name.lower(),
        not_after=waiter.not_after,
        since=waiter.since,
        until=waiter.until,
        possible_at=waiter.shortage.possible_at,
        ahead=waiter.shortage.ahead,
        why=explain(waiter.shortage, issuer=issuer),
    )
