"""PEM as targets take it: parsed and written anew, 64 columns, LF, no blank lines, nothing between the blocks.

A blank line would end the payload of HAProxy's runtime API, and the rest would run as commands of an administrator.
"""

import re
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from certloom.targets.interface import Material, TargetRefused

_KEY: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----[^-]+-----END \1-----")
_CERTIFICATE: Final = re.compile(rb"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")


class Leaf(NamedTuple):
    """The first certificate of a file, by the names that places give it; lower-case hexadecimal."""

    sha256: str
    sha1: str
    serial: str


def certificates_pem(text: str) -> str:
    """Return the certificates in their order and nothing else; raises TargetRefused for what is not X.509."""
    return "".join(each.public_bytes(Encoding.PEM).decode("ascii") for each in _certificates(text.encode()))


def private_key_pem(text: str) -> str:
    """Return the first private key as unencrypted PKCS#8; raises TargetRefused without a word of the text."""
    found = _KEY.search(text.encode())
    if found is None:
        raise TargetRefused("There is no private key in PEM form.")
    try:
        key = load_pem_private_key(found[0] + b"\n", password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise TargetRefused("The private key cannot be read, or is encrypted.") from None
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")


def one_file(material: Material) -> str:
    """Return leaf, chain and key in this order, as HAProxy wants them in one file; raises TargetRefused."""
    return certificates_pem(material.leaf_pem + material.chain_pem) + private_key_pem(material.key_pem)


def one_file_of(data: bytes) -> str:
    """Return the same from a file that somebody else wrote: comments, parameters and blank lines are left out."""
    text = data.decode("utf-8", errors="replace")
    return certificates_pem(text) + private_key_pem(text)


def read_leaf(data: bytes) -> Leaf | None:
    """Return the first certificate of a file; None when there is none that can be read."""
    try:
        leaf = _certificates(data)[0]
    except TargetRefused:
        return None
    sha1 = leaf.fingerprint(hashes.SHA1()).hex()  # noqa: S303 - HAProxy shows no other
    return Leaf(leaf.fingerprint(hashes.SHA256()).hex(), sha1, f"{leaf.serial_number:x}")


def _certificates(data: bytes) -> list[x509.Certificate]:
    try:
        found = [x509.load_pem_x509_certificate(block[0] + b"\n") for block in _CERTIFICATE.finditer(data)]
    except ValueError as error:
        raise TargetRefused("A certificate cannot be read.") from error
    if not found:
        raise TargetRefused("There is no certificate in PEM form.")
    return found
