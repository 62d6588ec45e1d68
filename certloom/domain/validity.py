"""How long a certificate and a proof of control may live: dated tables of the CA/B Forum, and what follows.

Baseline Requirements 6.3.2 and 4.2.1 with ballot SC-081v3; a day is 86 400 s and one excess second counts as a further
day, so one day less is used everywhere.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

DAY: Final = timedelta(days=1)


class Cap(NamedTuple):
    """What holds for certificates issued, or proofs used, from a date on."""

    since: datetime
    certificate: timedelta
    proof: timedelta


def _cap(year: int, month: int, day: int, *, certificate: int, proof: int) -> Cap:
    return Cap(datetime(year, month, day, tzinfo=UTC), timedelta(days=certificate), timedelta(days=proof))


CAPS: Final[Sequence[Cap]] = (
    _cap(2020, 9, 1, certificate=398, proof=398),
    _cap(2026, 3, 15, certificate=200, proof=200),
    _cap(2027, 3, 15, certificate=100, proof=100),
    _cap(2029, 3, 15, certificate=47, proof=10),
)

ORGANISATION_REUSE: Final = timedelta(days=398)  # BR 4.2.1: an operator's review is good for renewals this long
RENEW_AT_LEFT: Final = 1 / 3  # of the lifetime, as Let's Encrypt's integration guide recommends
SHORT_LIVED: Final = timedelta(days=10)  # lifetimes below are renewed when half is left (the same guide)
# The customer is asked this long before a renewal needs a fresh proof: the first that the day's limits leave room for.
REPROVE_LEADS: Final = (timedelta(days=14), timedelta(days=7), timedelta(days=3))


class Validity(StrEnum):
    """Where now lies in a leaf's lifetime; computed, never stored."""

    VALID = "valid"
    EXPIRING = "expiring"
    LAPSED = "lapsed"


def cap_at(now: datetime) -> Cap:
    """Return the row in force at *now*; before the first row, the first."""
    return next((cap for cap in reversed(CAPS) if cap.since <= now), CAPS[0])


def not_after(now: datetime, plan_end: datetime) -> datetime:
    """When a leaf signed at *now* ends: a day under the cap, and never beyond what was paid for.

    Whole seconds, because X.509 times have no fraction.
    """
    return min(now + cap_at(now).certificate - DAY, plan_end).replace(microsecond=0)


def proof_good_until(proven_at: datetime) -> datetime:
    """Until when a proof seen at *proven_at* may be reused, a day kept in hand.

    The limit that counts is the one in force on the day of use, so a later, shorter row ends the proof early.
    """
    end = proven_at + cap_at(proven_at).proof - DAY
    for cap in CAPS:
        if proven_at < cap.since < end:
            end = max(cap.since, min(end, proven_at + cap.proof - DAY))
    return end


def renew_at(not_before: datetime, leaf_end: datetime) -> datetime:
    """When a third of the lifetime is left; the half, of one below ten days."""
    lifetime = leaf_end - not_before
    return leaf_end - lifetime * (1 / 2 if lifetime < SHORT_LIVED else RENEW_AT_LEFT)


def validity(not_before: datetime, leaf_end: datetime, now: datetime) -> Validity:
    """Say whether a leaf is valid, in its last third, or past its end."""
    if now > leaf_end:
        return Validity.LAPSED
    return Validity.EXPIRING if now >= renew_at(not_before, leaf_end) else Validity.VALID
