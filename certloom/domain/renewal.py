"""When an issuer wants a leaf renewed: what is told to a certificate, and how an instant in a window is picked."""

from datetime import datetime

from certloom.domain.model import Model, Utc


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
