"""Slows down whoever sends wrong keys: one bucket of tries per address, in this process only.

A valid key is never held up: behind one proxy, a stranger's guesses would otherwise lock everybody out. Guessing 256
bits is hopeless with or without this; it keeps logs and the database quiet.
"""

from collections import OrderedDict
from datetime import datetime
from ipaddress import IPv6Address, ip_address
from typing import Final, NamedTuple

TRIES: Final = 20  # wrong keys at once
REFILL: Final = 6.0  # seconds per further try
ADDRESSES: Final = 10_000  # remembered at most; the oldest is forgotten first


class _Bucket(NamedTuple):
    tries: float
    at: datetime


class Throttle:
    """Counts failures per address; IPv6 by /64, which is one customer's line."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def fail(self, address: str, now: datetime) -> float:
        """Count a failure; return 0, or the seconds until the next one is answered properly."""
        place = _place(address)
        last = self._buckets.pop(place, _Bucket(TRIES, now))
        tries = min(float(TRIES), last.tries + max(0.0, (now - last.at).total_seconds()) / REFILL)
        refused = tries < 1
        self._buckets[place] = _Bucket(tries if refused else tries - 1, now)
        if len(self._buckets) > ADDRESSES:
            self._buckets.popitem(last=False)
        return (1 - tries) * REFILL if refused else 0.0


def _place(address: str) -> str:
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return parsed.exploded[:19] if isinstance(parsed, IPv6Address) else address
