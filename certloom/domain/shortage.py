"""Why an order waits for a CA's limit, as a sentence: one table by what the limit counts by."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from certloom.domain.budget import LimitScope
from certloom.domain.budget_queue import Shortage

_WHAT: Final[Mapping[LimitScope, tuple[str, str]]] = {
    LimitScope.ORDERS: ("{count} new order", "from one account"),
    LimitScope.DOMAIN: ("{count} certificate", "for {title} and the names below it"),
    LimitScope.NAME_SET: ("{count} certificate", "for exactly these names ({title})"),
    LimitScope.FAILURES: ("{count} failed validation", "of {title}"),
}
_UNITS: Final = (("day", timedelta(days=1)), ("hour", timedelta(hours=1)), ("minute", timedelta(minutes=1)))


def explain(short: Shortage, *, issuer: str) -> str:
    """Say what *issuer* (as people know it) allows, when it is this order's turn, and who goes before it."""
    what, of = _WHAT[short.bucket.scope]
    allowed = what.format(count=short.count) + ("" if short.count == 1 else "s")
    whole = f"{issuer} allows {allowed} {of.format(title=short.bucket.title)} in {span(short.period)}"
    then = f"the next is possible on {short.possible_at:%Y-%m-%d %H:%M} UTC."
    return f"{whole}; {then}{_ahead(short.ahead)}"


def span(period: timedelta) -> str:
    """Return a duration in its largest unit without a rest: `7 days`, `3 hours`."""
    for unit, length in _UNITS:
        if period >= length and not period % length:
            return _plural(period // length, unit)
    return _plural(int(period.total_seconds()), "second")


def _ahead(ahead: int) -> str:
    if not ahead:
        return ""
    return f" {_plural(ahead, 'more urgent order')} {'goes' if ahead == 1 else 'go'} first."


def _plural(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
