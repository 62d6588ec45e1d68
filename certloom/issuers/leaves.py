"""The profile of a leaf: DV, OV or EV, for a server, with one policy and without what the BR advise against.

Everything that goes in is fixed by the order, so that building it twice gives the same to-be-signed bytes.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier

from certloom.domain.application import Organization
from certloom.domain.errors import IssuerRefused
from certloom.domain.key import KeyType
from certloom.domain.product import Level
from certloom.issuers.profiles import key_usage, pointers, policies
from certloom.issuers.sans import san_of
from certloom.issuers.subjects import subject

LeafKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

POLICIES: Final[Mapping[Level, ObjectIdentifier]] = {  # BR 7.1.6.1
    Level.DV: ObjectIdentifier("2.23.140.1.2.1"),
    Level.OV: ObjectIdentifier("2.23.140.1.2.2"),
    Level.EV: ObjectIdentifier("2.23.140.1.1"),
}


class LeafPlan(NamedTuple):
    """All that a leaf will say."""

    names: tuple[str, ...]
    level: Level
    key_type: KeyType
    spki: bytes
    organization: Organization | None
    serial: int
    not_before: datetime
    not_after: datetime


class Parent(NamedTuple):
    """The authority that signs, and where it publishes."""

    id: str
    certificate: x509.Certificate
    public_url: str


def leaf_builder(plan: LeafPlan, parent: Parent) -> x509.CertificateBuilder:
    """Return the leaf, ready to be signed; raises IssuerRefused for a key or a subject that cannot stand in it."""
    named = subject(plan.level, plan.organization)
    builder = x509.CertificateBuilder().issuer_name(parent.certificate.subject).subject_name(named)
    builder = builder.public_key(read_key(plan.spki, plan.key_type)).serial_number(plan.serial)
    builder = builder.not_valid_before(plan.not_before).not_valid_after(plan.not_after)
    # An empty subject makes the names critical (RFC 5280 4.2.1.6).
    builder = builder.add_extension(_names(plan.names), critical=not named.rdns)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(key_usage(authority=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    builder = builder.add_extension(policies(POLICIES[plan.level]), critical=False)
    return pointers(builder, parent=parent.certificate, parent_id=parent.id, public_url=parent.public_url)


def read_key(spki: bytes, key_type: KeyType) -> LeafKey:
    """Return the public key; raises IssuerRefused when it is not of the type that was ordered."""
    try:
        key = serialization.load_der_public_key(spki)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise IssuerRefused("The order's public key cannot be read.", reason="key") from error
    if isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey) and _type_of(key) is key_type:
        return key
    raise IssuerRefused(f"The order's public key is not of the type {key_type} that was asked for.", reason="key")


def _type_of(key: LeafKey) -> KeyType | None:
    if isinstance(key, ec.EllipticCurvePublicKey):
        curves = {"secp256r1": KeyType.ECDSA_P256, "secp384r1": KeyType.ECDSA_P384}
        return curves.get(key.curve.name)
    sizes = {2048: KeyType.RSA_2048, 3072: KeyType.RSA_3072, 4096: KeyType.RSA_4096}
    return sizes.get(key.key_size)


def _names(names: tuple[str, ...]) -> x509.SubjectAlternativeName:
    try:
        return x509.SubjectAlternativeName([san_of(name) for name in names])
    except ValueError as error:
        detail = "A certificate holds names in their ASCII form only; write the A-label (xn--...)."
        raise IssuerRefused(detail, reason="names") from error
