"""Money as integers: minor units of one ISO 4217 currency, so nothing is ever rounded."""

import re
from typing import Annotated, Final

from pydantic import Field

from certloom.domain.model import Model

INT64_MAX: Final = 2**63 - 1

# ISO 4217 exponents that are not 2, for showing amounts only; arithmetic never needs them.
_EXPONENTS: Final = {
    "BHD": 3, "BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "IQD": 3, "ISK": 0, "JOD": 3, "JPY": 0, "KMF": 0,
    "KRW": 0, "KWD": 3, "LYD": 3, "OMR": 3, "PYG": 0, "RWF": 0, "TND": 3, "UGX": 0, "VND": 0, "VUV": 0,
    "XAF": 0, "XOF": 0, "XPF": 0,
}  # fmt: skip

Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="ISO 4217 code")]

_MAJOR: Final = re.compile(r"([0-9]{1,19})(?:\.([0-9]{1,3}))?")


class Money(Model):
    """An amount in minor units (cents for EUR); never negative."""

    amount: Annotated[int, Field(ge=0, le=INT64_MAX, strict=True)]
    currency: Currency

    def __str__(self) -> str:
        exponent = _EXPONENTS.get(self.currency, 2)
        whole, rest = divmod(self.amount, 10**exponent)
        return f"{whole}.{rest:0{exponent}d} {self.currency}" if exponent else f"{whole} {self.currency}"


def minor_units(text: str, currency: str) -> int | None:
    """Read an amount as a person writes it, such as `1250` or `1250.50`, exactly; None for anything else.

    A dot alone parts the fraction, and nothing parts thousands: `1,250` means two things in two countries.
    """
    found = _MAJOR.fullmatch(text)
    exponent = _EXPONENTS.get(currency, 2)
    fraction = (found[2] or "") if found else ""
    if found is None or len(fraction) > exponent:
        return None
    amount = int(found[1] + fraction.ljust(exponent, "0"))
    return amount if amount <= INT64_MAX else None
