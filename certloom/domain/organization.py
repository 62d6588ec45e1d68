"""What an OV or EV certificate says of its organisation: the one table of what is needed and what may stand there.

The form is told before anything is ordered; the private CA asks the same again before it signs (BR 7.1.2.7.4, EV
Guidelines 9.2).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from certloom.domain.application import Organization
from certloom.domain.errors import FieldFault
from certloom.domain.product import Level

INCOMPLETE: Final = "organization_incomplete"
INVALID: Final = "organization_invalid"

NEEDED: Final[Mapping[Level, Mapping[str, str]]] = {
    Level.DV: {},
    Level.OV: {},
    Level.EV: {
        "registration_number": "registration number",
        "jurisdiction_country": "jurisdiction country",
        "business_category": "business category",
    },
}
"""What is asked for besides name, country, and state or locality, and how people call it."""

BUSINESS_CATEGORIES: Final = (  # EV Guidelines 9.2.3
    "Private Organization",
    "Government Entity",
    "Business Entity",
    "Non-Commercial Entity",
)
PRINTABLE: Final = re.compile(r"[A-Za-z0-9 '()+,./:=?-]+")  # PrintableString, all that X.520 allows a serialNumber


def organization_faults(level: Level, organization: Organization) -> list[FieldFault]:
    """Say per field what is missing or cannot stand there; empty when all is well."""
    return [*_missing(level, organization), *(_unfit(organization) if level is Level.EV else ())]


def _missing(level: Level, organization: Organization) -> Iterator[FieldFault]:
    if level is not Level.DV and not (organization.state or organization.locality):
        detail = f"An {level} certificate needs the town, or the state or province. Fill in state or locality."
        yield _fault("locality", INCOMPLETE, detail)
    for name, words in NEEDED[level].items():
        if not getattr(organization, name):
            yield _fault(name, INCOMPLETE, f"An {level} certificate needs the {words}.")


def _unfit(organization: Organization) -> Iterator[FieldFault]:
    category, number = organization.business_category, organization.registration_number
    if category and category not in BUSINESS_CATEGORIES:
        detail = f"The business category of an EV certificate is one of: {', '.join(BUSINESS_CATEGORIES)}."
        yield _fault("business_category", INVALID, detail)
    if number and not PRINTABLE.fullmatch(number):
        detail = "The registration number may have letters without accents, digits, spaces and '()+,-./:=? only."
        yield _fault("registration_number", INVALID, detail)


def _fault(name: str, code: str, detail: str) -> FieldFault:
    return FieldFault(pointer=f"/organization/{name}", code=code, detail=detail)
