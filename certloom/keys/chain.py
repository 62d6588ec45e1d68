"""Which certificates signed a leaf, found by checking signatures and not by trusting an order, and what they are."""

from collections.abc import Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import SHA256

from certloom.keys.interface import ChainLink
from certloom.keys.upload_fields import Found


def ancestors(leaf: x509.Certificate, others: Sequence[Found]) -> list[Found]:
    """Return those of *others* that signed the leaf, or signed one that did, nearest first.

    With cross-signed authorities a step may have several; all are kept, since clients choose their own path.
    """
    walk: list[Found] = []
    children = [leaf]
    for child in children:  # grows while it is walked
        for other in others:
            if other not in walk and other.certificate != leaf and _signed(child, other.certificate):
                walk.append(other)
                children.append(other.certificate)
    return walk


def is_root(certificate: x509.Certificate) -> bool:
    """Whether it signed itself."""
    return _verifies(certificate, certificate)


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether it says that it may sign others (RFC 5280 4.2.1.9)."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def read_chain(pem: str) -> tuple[ChainLink, ...]:
    """Tell of certificates as we keep them: PEM, nearest to the leaf first."""
    found = x509.load_pem_x509_certificates(pem.encode()) if pem else []
    return tuple(
        ChainLink(Found(one, "/chain").title, one.fingerprint(SHA256()).hex(), one.not_valid_after_utc) for one in found
    )


def _signed(child: x509.Certificate, parent: x509.Certificate) -> bool:
    # Old roots are version 1 and have no extension to say that they may sign; only as the end of a chain is that fine.
    return _verifies(child, parent) and (is_authority(parent) or is_root(parent))


def _verifies(child: x509.Certificate, parent: x509.Certificate) -> bool:
    try:
        child.verify_directly_issued_by(parent)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True
