"""What an OV or EV certificate has to know of its organisation, so that a form is told before anybody signs.

The issuer looks again: what it signs is its own to answer for (BR 7.1.2.7.4, EV Guidelines 9.2).
"""

from collections.abc import Mapping
from typing import Final

from certloom.domain.application import Organization
from certloom.domain.errors import FieldFault
from certloom.domain.product import Level

NEEDED: Final[Mapping[Level, tuple[str, ...]]] = {
    Level.DV: (),
    Level.OV: (),
    Level.EV: ("registration_number", "jurisdiction_country", "business_category"),
}
"""What is asked for besides name, country, and state or locality."""


def organization_faults(level: Level, organization: Organization) -> list[FieldFault]:
    """Say per field what is missing; empty when all is there."""
    missing = [name for name in NEEDED[level] if not getattr(organization, name)]
    faults = [_fault(name, f"An {level} certificate needs this.") for name in missing]
    if level is not Level.DV and not (organization.state or organization.locality):
        faults.insert(0, _fault("locality", f"An {level} certificate needs the town, or the state or province."))
    return faults


def _fault(name: str, detail: str) -> FieldFault:
    return FieldFault(pointer=f"/organization/{name}", code="organization_incomplete", detail=detail)
