"""What a CA allows in which time, what is left of it, and whose turn it is: arithmetic without a clock.

A limit is a bucket that fills evenly (GCRA): `count` at once, then one each `period / count`.
"""

from datetime import UTC, datetime, timedelta
from enum import IntEnum, StrEnum
from hashlib import sha256
from typing import Annotated, Final, NamedTuple

from pydantic import Field

from certloom.domain.model import Model
from certloom.domain.names import limited_domain

_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
_TITLED: Final = 2  # names of a set that its title spells out


class LimitScope(StrEnum):
    """What a limit counts by."""

    ORDERS = "orders"  # per account at the CA
    DOMAIN = "domain"  # certificates per registered domain
    NAME_SET = "name_set"  # certificates per exact set of names
    FAILURES = "failures"  # failed validations per name


CERTIFICATES: Final = frozenset({LimitScope.DOMAIN, LimitScope.NAME_SET})
"""What counts by certificates issued: an order that came to none has used nothing of it."""


class Limit(Model):
    """`count` at once, and as many again in each `period`."""

    scope: LimitScope
    count: Annotated[int, Field(ge=1)]
    period: Annotated[timedelta, Field(gt=timedelta(0))]
    renewals: bool = True  # whether a further certificate for the same names counts too

    @property
    def step(self) -> timedelta:
        """How long one takes to come back; rounded up, so that we are never faster than the CA."""
        return -(-self.period // self.count)


class Limits(Model):
    """All limits of one issuer, one per scope; none of them, and there is nothing to wait for."""

    items: tuple[Limit, ...] = ()

    def find(self, scope: LimitScope) -> Limit | None:
        """Return the limit of a scope; None when the issuer has none."""
        return next((limit for limit in self.items if limit.scope is scope), None)


LETS_ENCRYPT: Final = Limits(
    items=(
        Limit(scope=LimitScope.ORDERS, count=300, period=timedelta(hours=3), renewals=False),
        Limit(scope=LimitScope.DOMAIN, count=50, period=timedelta(days=7), renewals=False),
        Limit(scope=LimitScope.NAME_SET, count=5, period=timedelta(days=7)),
        Limit(scope=LimitScope.FAILURES, count=5, period=timedelta(hours=1)),
    )
)
"""https://letsencrypt.org/docs/rate-limits/ of August 2026."""


class Urgency(IntEnum):
    """Who goes first when a limit is short; within one, whose leaf ends first, then who asked first."""

    OVERDUE = 0  # revoked, replaced for a reason, or past the instant that the issuer suggested
    ENDING = 1  # a renewal
    NEW = 2


class BucketName(NamedTuple):
    """Which bucket of an issuer; `key` is unique within its scope, and `title` is for people."""

    scope: LimitScope
    key: str = ""
    title: str = ""


class Bucket(NamedTuple):
    """How full a bucket is, as one moment: that at which it would be full again (`theoretical arrival time`)."""

    tat: datetime = _LONG_AGO

    def take(self, limit: Limit, now: datetime, tokens: int = 1) -> "Bucket":
        """Return it with so many less, whether they were there or not."""
        return Bucket(max(self.tat, now) + tokens * limit.step)

    def give_back(self, limit: Limit, mark: datetime, now: datetime) -> "Bucket":
        """Return it with one more, which was taken when the bucket stood at *mark* afterwards.

        At once it is as if nothing had been taken. Later it is never fuller than that, and what has come back by itself
        meanwhile is not given twice.
        """
        since = now + (self.tat - mark)
        return Bucket(min(self.tat, max(self.tat - limit.step, since)))

    def wait(self, limit: Limit, now: datetime, tokens: int = 1) -> timedelta:
        """Return how long until so many can be taken one after the other; more than fit at once may be asked for."""
        ready = max(self.tat, now) + (tokens - limit.count) * limit.step
        return max(ready - now, timedelta(0))

    def free(self, limit: Limit, now: datetime) -> int:
        """Return how many can be taken now."""
        return max((now + limit.count * limit.step - max(self.tat, now)) // limit.step, 0)


def names_digest(names: tuple[str, ...]) -> str:
    """Return the same for the same set of names, in whatever order and case."""
    return sha256(",".join(_sorted(names)).encode()).hexdigest()


def counted_by(scope: LimitScope, names: tuple[str, ...]) -> tuple[BucketName, ...]:
    """Return the buckets that an order for *names* has to do with in a scope."""
    match scope:
        case LimitScope.ORDERS:
            return (BucketName(scope=scope),)
        case LimitScope.DOMAIN:
            return _each(scope, {limited_domain(name) for name in names})
        case LimitScope.NAME_SET:
            return (BucketName(scope=scope, key=names_digest(names), title=_title(names)),)
        case LimitScope.FAILURES:  # a wildcard is validated under the name below its star
            return _each(scope, {name.lower().removeprefix("*.") for name in names})


def _each(scope: LimitScope, keys: set[str]) -> tuple[BucketName, ...]:
    return tuple(BucketName(scope=scope, key=key, title=key) for key in sorted(keys))


def _sorted(names: tuple[str, ...]) -> list[str]:
    return sorted({name.lower() for name in names})


def _title(names: tuple[str, ...]) -> str:
    several = _sorted(names)
    more = len(several) - _TITLED
    return ", ".join(several[:_TITLED]) + (f" and {more} more" if more > 0 else "")
