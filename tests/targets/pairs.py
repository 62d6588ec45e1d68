"""Key pairs for tests of targets: self-signed, quick to make, the same number the same pair within a process."""

import functools
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from certloom.targets.interface import Material


@functools.cache
def pair(name: str, number: int = 1, *, is_rsa: bool = False, days: int = 90) -> Material:
    """Return a pair for *name*."""
    key = rsa.generate_private_key(65537, 2048) if is_rsa else ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    leaf = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Material(
        fingerprint_sha256=leaf.fingerprint(hashes.SHA256()).hex(),
        serial=f"{leaf.serial_number:x}",
        names=(name,),
        leaf_pem=leaf.public_bytes(Encoding.PEM).decode(),
        chain_pem="",
        key_pem=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
    )


def mismatched(name: str) -> Material:
    """Return a leaf with a key that is not its own."""
    one, other = pair(name, 901), pair(name, 902)
    return Material(
        fingerprint_sha256=one.fingerprint_sha256,
        serial=one.serial,
        names=one.names,
        leaf_pem=one.leaf_pem,
        chain_pem="",
        key_pem=other.key_pem,
    )
