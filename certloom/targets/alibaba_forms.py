"""Pairs in the forms that Alibaba Cloud takes, and certificates known again by their digests and nothing else.

PEM in 64 columns without blank lines, leaf first; RSA keys as PKCS#1 and EC keys as SEC1.
"""

from dataclasses import dataclass, field
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from certloom.targets.interface import Material, TargetRefused
from certloom.targets.pem import Leaf, certificates_pem, read_leaf

OURS: Final = "certloom-"
"""How the names of all certificates begin that we put into the cloud's stores."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A pair ready to be sent. The key is never shown."""

    leaf: Leaf
    chain: str
    key: str = field(repr=False)


def agrees(leaf: Leaf, *told: str | None) -> bool:
    """Whether one of the digests that a cloud tells is this leaf's, with colons or without, in any case.

    Common names and serials alone prove nothing.
    """
    return any(bare(one) in (leaf.sha256, leaf.sha1) for one in told if one)


def bare(digest: str) -> str:
    """Return a digest as lower-case hexadecimal without colons."""
    return digest.replace(":", "").strip().lower()


def bare_serial(serial: str) -> str:
    """Return a serial without the zeros that the cloud pads it with."""
    return bare(serial).lstrip("0")


def leaf_of(pem: str) -> Leaf | None:
    """Return the first certificate of a PEM text; None when there is none to be read."""
    return read_leaf(pem.encode())


def pair_of(material: Material) -> Pair:
    """Return the pair in Alibaba Cloud's forms; raises TargetRefused for one that cannot work there."""
    chain = certificates_pem(material.leaf_pem + material.chain_pem)
    leaf, key = leaf_of(chain), _key_of(material, chain)
    if leaf is None or key is None:
        raise TargetRefused("The private key does not belong to the certificate, or is neither RSA nor EC.")
    return Pair(leaf=leaf, chain=chain, key=key)


def _key_of(material: Material, chain: str) -> str | None:
    """Return the key as PKCS#1 or SEC1; None when it cannot be written so, or is another certificate's."""
    try:
        key = load_pem_private_key(material.key_pem.encode(), None)
        written = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode("ascii")
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    theirs = x509.load_pem_x509_certificate(chain.encode()).public_key().public_bytes(*form)
    return written if key.public_key().public_bytes(*form) == theirs else None
