"""Whom a leaf names: nobody (DV), an organisation (OV), or one with its registration (EV).

Attributes stand in the order of BR 7.1.4.2; what is missing is refused with a sentence.
"""

from cryptography import x509
from cryptography.x509.oid import NameOID, ObjectIdentifier

from certloom.domain.application import Organization
from certloom.domain.errors import IssuerRefused
from certloom.domain.organization import INVALID, organization_faults
from certloom.domain.product import Level

Attributes = list[tuple[ObjectIdentifier, str | None]]


def subject(level: Level, organization: Organization | None) -> x509.Name:
    """Return a leaf's subject; raises IssuerRefused when OV or EV lacks something, or a field cannot be encoded."""
    if level is Level.DV:
        return x509.Name([])
    if organization is None:
        detail = f"A certificate of level {level} names an organisation; the application has none."
        raise IssuerRefused(detail, reason="organization_missing")
    _refuse_unfit(level, organization)
    attributes = _located(organization) if level is Level.OV else _registered(organization) + _located(organization)
    try:
        return x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes if value])
    except ValueError as error:
        detail = f"The organisation cannot be written into a certificate: {error}."
        raise IssuerRefused(detail, reason=INVALID) from error


def _located(organization: Organization) -> Attributes:
    return [
        (NameOID.COUNTRY_NAME, organization.country),
        (NameOID.STATE_OR_PROVINCE_NAME, organization.state),
        (NameOID.LOCALITY_NAME, organization.locality),
        (NameOID.ORGANIZATION_NAME, organization.name),
    ]


def _registered(organization: Organization) -> Attributes:
    return [
        (NameOID.BUSINESS_CATEGORY, organization.business_category),
        (NameOID.JURISDICTION_COUNTRY_NAME, organization.jurisdiction_country),
        (NameOID.SERIAL_NUMBER, organization.registration_number),
    ]


def _refuse_unfit(level: Level, organization: Organization) -> None:
    faults = organization_faults(level, organization)
    if faults:
        raise IssuerRefused(" ".join(fault.detail for fault in faults), reason=faults[0].code)
    if not all(value.isprintable() for value in organization.model_dump(exclude_none=True).values()):
        detail = "The organisation has a control or layout character in it; write it in visible characters."
        raise IssuerRefused(detail, reason=INVALID)
