"""Values of the API as people read them: safe text, moments, money, and codes in words."""

import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

# Control characters steer a terminal, and marks that turn the reading direction make a label read as something else
# (Unicode TR 36, 2.10); line and paragraph separators would break a line in two.
_UNSAFE: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
_TURNS: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")

# ISO 4217 exponents that are not 2.
_EXPONENTS: Final = {
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(
        "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF".split(),  # noqa: SIM905 - one line
        0,
    ),
}
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_MANY: Final = 2  # from here on the larger unit says enough


def clean(text: object) -> str:
    """Return *text* on one line, without anything that could steer a terminal; None becomes empty."""
    shown = "" if text is None else str(text)
    return "".join(_safe(sign) for sign in shown)


def _safe(sign: str) -> str:
    if sign in "\n\t\u2028\u2029":
        return " "
    return "" if sign in _TURNS or unicodedata.category(sign) in _UNSAFE else sign


def plain(code: object) -> str:
    """Write a code as words: `cessation_of_operation` is three of them."""
    return clean(code).replace("_", " ")


def money(value: Mapping[str, Any] | None) -> str:
    """Write an amount of minor units."""
    if not value:
        return "-"
    return amount(value["amount"], str(value["currency"]))


def amount(units: int, currency: str) -> str:
    """Write minor units of a currency, with their sign."""
    exponent = _EXPONENTS.get(currency, 2)
    sign, (whole, rest) = "-" if units < 0 else "", divmod(abs(units), 10**exponent)
    number = f"{whole:,}.{rest:0{exponent}d}" if exponent else f"{whole:,}"
    return f"{sign}{number} {currency}"


def moment(text: object, now: datetime) -> str:
    """Write a moment in UTC and as a person counts: `2026-12-06 09:30 UTC (in 12 days)`; none is `-`."""
    at = read_moment(text)
    return "-" if at is None else f"{at:%Y-%m-%d %H:%M} UTC ({relative(at, now)})"


def clock(text: object) -> str:
    """Write a moment of these minutes: `09:30:12 UTC`."""
    at = read_moment(text)
    return "-" if at is None else f"{at:%H:%M:%S} UTC"


def stamp(text: object) -> str:
    """Write a moment of a log, whose column says that it is UTC: `2026-12-06 09:30:12`."""
    at = read_moment(text)
    return "-" if at is None else f"{at:%Y-%m-%d %H:%M:%S}"


def read_moment(text: object) -> datetime | None:
    """Return an aware moment in UTC; None for none, and for what is no moment."""
    try:
        return datetime.fromisoformat(str(text)).astimezone(UTC)
    except ValueError:
        return None


def relative(at: datetime, now: datetime) -> str:
    """Say how far away it is: `in 12 days`, `3 min ago`, `now`."""
    seconds = round((at - now).total_seconds())
    size = abs(seconds)
    if size == 0:
        return "now"
    far = f"{size} s"
    for unit, name in ((_MINUTE, "min"), (_HOUR, "hours"), (_DAY, "days")):
        if size >= _MANY * unit:
            far = f"{size // unit} {name}"
    return f"in {far}" if seconds > 0 else f"{far} ago"


def listed(items: Iterable[object], *, most: int = 3) -> str:
    """Name the first few of them."""
    names = [clean(item) for item in items]
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def counted(number: int, noun: str) -> str:
    """Write `1 name`, `2 names`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
