"""What each level wants to know of an organisation."""

import pytest

from certloom.domain.application import Organization
from certloom.domain.organization import organization_faults
from certloom.domain.product import Level

REGISTERED = {"registration_number": "HRB 1", "jurisdiction_country": "DE", "business_category": "Business Entity"}


@pytest.mark.parametrize(
    ("level", "given", "places"),
    [
        (Level.DV, {}, []),
        (Level.OV, {}, ["locality"]),
        (Level.OV, {"state": "Berlin"}, []),
        (Level.OV, {"locality": "Berlin"}, []),
        (Level.EV, {"locality": "Berlin"}, list(REGISTERED)),
        (Level.EV, REGISTERED, ["locality"]),
        (Level.EV, {"state": "Berlin", **REGISTERED}, []),
    ],
)
def test_what_is_missing_is_told_by_field(level: Level, given: dict[str, str], places: list[str]) -> None:
    """Each missing field has its own fault."""
    found = organization_faults(level, Organization(name="Example GmbH", country="DE", **given))
    assert [fault.pointer for fault in found] == [f"/organization/{place}" for place in places]


@pytest.mark.parametrize(("field", "value"), [("business_category", "Circus"), ("registration_number", "HRB №1")])
def test_what_cannot_stand_there_is_told_before_anything_is_ordered(field: str, value: str) -> None:
    """An EV form with an unknown category, or a number that X.520 cannot write, is told so at the field."""
    given = {"locality": "Berlin", **REGISTERED, field: value}
    (fault,) = organization_faults(Level.EV, Organization(name="Example GmbH", country="DE", **given))
    assert (fault.pointer, fault.code) == (f"/organization/{field}", "organization_invalid")
