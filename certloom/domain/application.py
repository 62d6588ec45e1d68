"""What a customer asks a certificate for, and the challenges that prove control of its names."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from certloom.domain.address import is_address
from certloom.domain.errors import FieldFault
from certloom.domain.key import KeyType
from certloom.domain.model import Model, Utc


class ValidationMethod(StrEnum):
    """How control of a name is shown (RFC 8555 section 8)."""

    DNS_01 = "dns-01"
    HTTP_01 = "http-01"


class Outcome(StrEnum):
    """How an application ended; while it is open there is none."""

    PROVEN = "proven"
    WITHDRAWN = "withdrawn"
    REFUSED = "refused"
    NOT_PROVEN = "not_proven"


class Decision(StrEnum):
    """What an operator says to an OV or EV application."""

    APPROVE = "approve"
    REJECT = "reject"


class Organization(Model):
    """The subject of an OV or EV certificate; checked by an operator, kept in SQL only, never in a payload."""

    name: Annotated[str, Field(min_length=1, max_length=64)]  # RFC 5280 ub-organization-name
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    state: Annotated[str | None, Field(max_length=128)] = None
    locality: Annotated[str | None, Field(max_length=128)] = None
    registration_number: Annotated[str | None, Field(max_length=64)] = None
    jurisdiction_country: Annotated[str | None, Field(pattern=r"^[A-Z]{2}$")] = None
    business_category: Annotated[str | None, Field(max_length=64)] = None


class Contact(Model):
    """Whom an operator may ask about an application; kept in SQL only."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    email: Annotated[str, Field(pattern=r"^[^@\s]{1,64}@[^@\s]{1,255}$")]
    phone: Annotated[str | None, Field(max_length=40)] = None


class Challenge(Model):
    """What proves control of one name. `record_*` for dns-01, `url` and `content` for http-01."""

    name: str  # A-label or address; with the star where an ACME CA wants a wildcard proven apart from the name under it
    type: ValidationMethod
    token: str
    record_name: str | None = None
    record_value: str | None = None
    url: str | None = None
    content: str | None = None
    own: bool = False  # asked for by us besides the CA's, because another account of ours wants the name, too


class Review(Model):
    """An operator's decision; good for renewals within ORGANISATION_REUSE. The note is kept in SQL only."""

    decision: Decision
    at: Utc
    actor: str


class Application(Model):
    """One request to issue. Names are A-labels and canonical addresses, sorted as given.

    `csr` is true when the customer keeps the key.
    """

    id: str
    number: int
    names: tuple[str, ...]
    validation: ValidationMethod
    key_type: KeyType
    csr: bool = False
    opened_at: Utc
    deadline: Utc
    order_ref: str | None = None
    challenges: tuple[Challenge, ...] = ()
    proofs_stand: bool = True  # the same challenges come again at a renewal, so a proof may be looked for ahead
    proven_at: Utc | None = None
    review: Review | None = None
    outcome: Outcome | None = None


def method_fault(names: Sequence[str], method: ValidationMethod) -> FieldFault | None:
    """Return why *method* cannot prove all these names, if it cannot (pointer /validation).

    A file on one host says nothing about the others under a star (BR 3.2.2.4.19); for addresses there is no place in
    DNS that their user would control (RFC 8738 section 7).
    """
    starred = next((name for name in names if name.startswith("*.")), None)
    address = next((name for name in names if is_address(name)), None)
    if starred and address:
        detail = f"No one method proves both {starred} and {address}; apply for them in two certificates."
        return FieldFault(pointer="/validation", code="no_method_for_all", detail=detail)
    if starred and method is not ValidationMethod.DNS_01:
        detail = "Control of a wildcard name is shown by a DNS record only; choose dns-01."
        return FieldFault(pointer="/validation", code="wildcard_needs_dns", detail=detail)
    if address and method is not ValidationMethod.HTTP_01:
        detail = f"Control of an IP address such as {address} is shown by a file there only; choose http-01."
        return FieldFault(pointer="/validation", code="address_needs_http", detail=detail)
    return None
