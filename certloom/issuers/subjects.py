"""Whom a leaf names: nobody (DV), an organisation (OV), or one with its registration (EV).

Attributes stand in the order of BR 7.1.4.2; what is missing is refused with a sentence.
"""

import re
from collections.abc import Sequence
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID, ObjectIdentifier

from certloom.domain.application import Organization
from certloom.domain.errors import IssuerRefused
from certloom.domain.product import Level

BUSINESS_CATEGORIES: Final = (  # EV Guidelines 9.2.3
    "Private Organization",
    "Government Entity",
    "Business Entity",
    "Non-Commercial Entity",
)

PRINTABLE: Final = re.compile(r"[A-Za-z0-9 '()+,./:=?-]+")  # PrintableString, all that X.520 allows a serialNumber

Attributes = list[tuple[ObjectIdentifier, str | None]]


def subject(level: Level, organization: Organization | None) -> x509.Name:
    """Return a leaf's subject; raises IssuerRefused when OV or EV lacks something, or a field cannot be encoded."""
    if level is Level.DV:
        return x509.Name([])
    if organization is None:
        detail = f"A certificate of level {level} names an organisation; the application has none."
        raise IssuerRefused(detail, reason="organization_missing")
    _refuse_missing(level, organization)
    attributes = _located(organization) if level is Level.OV else _registered(organization) + _located(organization)
    try:
        return x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes if value])
    except ValueError as error:
        detail = f"The organisation cannot be written into a certificate: {error}."
        raise IssuerRefused(detail, reason="organization_invalid") from error


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


def _refuse_missing(level: Level, organization: Organization) -> None:
    missing = _missing(level, organization)
    if missing:
        detail = f"A certificate of level {level} needs the organisation's {', '.join(missing)}."
        raise IssuerRefused(detail, reason="organization_incomplete")
    if not all(value.isprintable() for value in organization.model_dump(exclude_none=True).values()):
        detail = "The organisation has a control or layout character in it; write it in visible characters."
        raise IssuerRefused(detail, reason="organization_invalid")
    if level is Level.EV:
        _refuse_unregistrable(organization)


def _refuse_unregistrable(organization: Organization) -> None:
    if organization.business_category not in BUSINESS_CATEGORIES:
        detail = f"The business category of an EV certificate is one of: {', '.join(BUSINESS_CATEGORIES)}."
        raise IssuerRefused(detail, reason="organization_invalid")
    if not PRINTABLE.fullmatch(organization.registration_number or ""):
        detail = "The registration number may have letters without accents, digits, spaces and '()+,-./:=? only."
        raise IssuerRefused(detail, reason="organization_invalid")


def _missing(level: Level, organization: Organization) -> Sequence[str]:
    needs = {"state or locality": organization.state or organization.locality}
    if level is Level.EV:
        needs["registration number"] = organization.registration_number
        needs["jurisdiction country"] = organization.jurisdiction_country
        needs["business category"] = organization.business_category
    return [words for words, value in needs.items() if not value]
