"""When a leaf is renewed: what an issuer's word about it is worth, how an instant in its window is picked.

An issuer is believed within bounds that keep a certificate from lapsing, and its issuer from being asked without end.
"""

from datetime import datetime, timedelta
from typing import Final

from certloom.domain.issuance import Issuance
from certloom.domain.model import Model, Utc
from certloom.domain.validity import renew_at

SOONEST: Final = timedelta(minutes=1)  # after an issuance, however short the leaf's life
EARLY_PAUSE: Final = timedelta(hours=1)  # after one renewal at the issuer's word; then four times as long each time


class RenewalReport(Model):
    """The watch tells a certificate when to renew its leaf of this number."""

    certificate_id: str
    number: int
    renew_at: Utc
    explanation_url: str | None = None


def pick(start: datetime, end: datetime, *, kept: datetime | None, fraction: float) -> datetime:
    """Return the instant of a window (RFC 9773 section 4.2): the one picked before while it still lies inside.

    Otherwise the window's *fraction* in [0, 1), which the caller drew at random, so that clients spread.
    """
    if kept is not None and start <= kept <= end:
        return kept
    return start + (end - start) * fraction


def usable(start: datetime | None, end: datetime | None, *, leaf_end: datetime) -> bool:
    """Whether a window can be followed: one that ends before it starts, or opens after the leaf's end, cannot."""
    return start is not None and end is not None and start < end and start < leaf_end


def begins(leaf: Issuance, *, word: datetime | None, early: int) -> datetime:
    """Return when a leaf's renewal begins: at its usual time, or at the issuer's *word* within bounds.

    Never later than half-way from the usual time to the leaf's end, so that a failure can be mended. *early* is how
    many renewals in a row came before their usual time at the issuer's word: the first is made at once, the next ones
    wait longer and longer, for an issuer that always says "now" would never be done with.
    """
    left = leaf.not_after - leaf.issued_at
    usual = max(renew_at(leaf.not_before, leaf.not_after), leaf.issued_at + max(left / 3, SOONEST))
    if word is None:
        return usual
    at = min(word, usual + max(leaf.not_after - usual, timedelta(0)) / 2)
    return max(at, min(leaf.issued_at + EARLY_PAUSE * 4 ** min(early - 1, 8), usual)) if early else at
