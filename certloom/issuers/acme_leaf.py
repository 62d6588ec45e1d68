"""The leaf that an ACME CA gave: is it what was ordered, and what is said of it."""

from datetime import datetime
from hashlib import sha256
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from certloom.domain.errors import IssuerRefused, Outage
from certloom.issuers.interface import SignedLeaf
from certloom.issuers.leaves import read_key
from certloom.issuers.sans import sans_in
from certloom.storage.records import AcmeOrder

LONGEST_CHAIN: Final = 10


class OrderNotOurs(Exception):
    """The CA has no order for our key: an equal order of ours was faster to finalize it, or it is forgotten."""


def check_request(order: AcmeOrder) -> None:
    """Raise IssuerRefused when the signing request is not for the key and the names of its order.

    The CA would refuse it at the very end, when the names are proven and the limits used up.
    """
    read_key(order.spki, order.key_type)
    try:
        csr = x509.load_pem_x509_csr(order.csr_pem.encode("ascii"))
        spki = csr.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        names = _names(csr.extensions) | {
            str(item.value).lower() for item in csr.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        }
    except (ValueError, UnsupportedAlgorithm) as error:
        raise IssuerRefused("The signing request cannot be read; make a new one.", reason="badCSR") from error
    if spki != order.spki:
        raise IssuerRefused("The signing request is for another key than the order's.", reason="badCSR")
    if names != set(order.names):
        odd = min(names ^ set(order.names))
        detail = f"The signing request and the order differ in {odd}; ask in both for the same names, and no others."
        raise IssuerRefused(detail, reason="badCSR")


def request_der(order: AcmeOrder) -> bytes:
    """Return the signing request as it is sent."""
    return x509.load_pem_x509_csr(order.csr_pem.encode("ascii")).public_bytes(Encoding.DER)


def read_chain(body: bytes, order: AcmeOrder, *, now: datetime) -> tuple[str, str]:
    """Return leaf and chain without the root, as PEM.

    Raises OrderNotOurs for another key, IssuerRefused for other names or a leaf that is over, Outage for no chain.
    """
    try:
        leaf, *above = x509.load_pem_x509_certificates(body)
        spki = leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        names = _names(leaf.extensions)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Outage("The CA sent something that is no certificate.") from error
    if spki != order.spki:
        raise OrderNotOurs
    if names != set(order.names):
        told = ", ".join(sorted(names)[:5]) or "no name"
        raise IssuerRefused(f"The CA issued for {told} instead of what was ordered.", reason="leaf_mismatch")
    if leaf.not_valid_after_utc <= now:
        detail = f"The CA's certificate ended on {leaf.not_valid_after_utc:%Y-%m-%d %H:%M} UTC, before it was fetched."
        raise IssuerRefused(detail, reason="leaf_over")
    chain = [item for item in above[:LONGEST_CHAIN] if item.issuer != item.subject]
    if chain and not _signed(leaf, chain[0]):
        raise Outage("The CA sent a chain that does not belong to the certificate.")
    return _pem(leaf), "".join(map(_pem, chain))


def signed_leaf(order: AcmeOrder, leaf_pem: str, chain_pem: str) -> SignedLeaf:
    """Return what is said of a leaf that was checked and stored."""
    leaf = x509.load_pem_x509_certificate(leaf_pem.encode("ascii"))
    return SignedLeaf(
        issuer=order.issuer,
        serial=f"{leaf.serial_number:x}",
        fingerprint_sha256=leaf.fingerprint(SHA256()).hex(),
        key_type=order.key_type,
        spki_sha256=sha256(order.spki).hexdigest(),
        not_before=leaf.not_valid_before_utc,
        not_after=leaf.not_valid_after_utc,
        leaf_pem=leaf_pem,
        chain_pem=chain_pem,
    )


def _names(extensions: x509.Extensions) -> set[str]:
    return {name.lower() for name in sans_in(extensions)}


def _signed(leaf: x509.Certificate, parent: x509.Certificate) -> bool:
    try:
        leaf.verify_directly_issued_by(parent)
    except (InvalidSignature, TypeError, ValueError):
        return False
    return True


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode("ascii")
