"""What pkilint does not look at, checked on the certificate itself: names, serial, usage, lifetime, and the order.

A second pair of eyes: nothing here trusts the profile that built the certificate.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from certloom.domain.address import IPNetwork
from certloom.domain.names import read_names
from certloom.domain.validity import cap_at
from certloom.issuers.leaves import LeafPlan
from certloom.issuers.sans import sans_in

LEAST_SERIAL_BITS: Final = 64  # BR 7.1: output of a CSPRNG; ours has 159, so that less is a fault


class Case(NamedTuple):
    """A certificate as it would be signed, what was ordered, and who signs it."""

    certificate: x509.Certificate
    plan: LeafPlan
    parent: x509.Certificate
    internal_suffixes: Collection[str]
    internal_networks: Collection[IPNetwork] = ()


def own_faults(case: Case) -> list[str]:
    """Return a sentence per broken rule; empty when the certificate may be signed."""
    return [sentence for rule in _RULES for sentence in rule(case)]


def _names_are_ordered(case: Case) -> Sequence[str]:
    if sans_in(case.certificate.extensions) != case.plan.names:
        return ["The names in the certificate are not the names of the order."]
    return []


def _names_are_good(case: Case) -> Sequence[str]:
    names = sans_in(case.certificate.extensions)
    read, faults = read_names(names, internal_suffixes=case.internal_suffixes, internal_networks=case.internal_networks)
    changed = [] if faults or read == names else ["A name is not written as it would be read back (lower case)."]
    repeated = ["A name stands twice in the certificate."] if len(set(names)) != len(names) else []
    return [*(fault.detail for fault in faults), *changed, *repeated]


def _serial_is_random(case: Case) -> Sequence[str]:
    if case.certificate.serial_number.bit_length() < LEAST_SERIAL_BITS:
        return [f"The serial number has fewer than {LEAST_SERIAL_BITS} bits."]
    return []


def _serves_only(case: Case) -> Sequence[str]:
    usage = case.certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    if list(usage) != [ExtendedKeyUsageOID.SERVER_AUTH]:
        return ["The certificate may be used for something else than server authentication."]
    return []


def _lives_within_bounds(case: Case) -> Sequence[str]:
    leaf, parent = case.certificate, case.parent
    # The last second counts (RFC 5280 4.1.2.5).
    length = leaf.not_valid_after_utc - leaf.not_valid_before_utc + timedelta(seconds=1)
    cap = cap_at(leaf.not_valid_before_utc).certificate
    faults = [f"The certificate would live longer than the {cap.days} days allowed today."] if length > cap else []
    if leaf.not_valid_after_utc > parent.not_valid_after_utc:
        faults.append("The certificate would outlive the authority that signs it.")
    if leaf.not_valid_before_utc < parent.not_valid_before_utc:
        faults.append("The certificate would begin before the authority that signs it.")
    return faults


def _family_fits(case: Case) -> Sequence[str]:
    leaf, parent = case.certificate.public_key(), case.parent.public_key()
    if isinstance(leaf, ec.EllipticCurvePublicKey) != isinstance(parent, ec.EllipticCurvePublicKey):
        return ["The key is not of the family of the authority that signs it."]
    return []


def _key_is_ordered(case: Case) -> Sequence[str]:
    spki = case.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return [] if spki == case.plan.spki else ["The key in the certificate is not the key of the order."]


_RULES: Final[Sequence[Callable[[Case], Sequence[str]]]] = (
    _names_are_ordered,
    _names_are_good,
    _serial_is_random,
    _serves_only,
    _lives_within_bounds,
    _family_fits,
    _key_is_ordered,
)
