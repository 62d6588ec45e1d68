"""Password-protected stores for Windows and Java: PKCS#12 (RFC 7292), old and new style, and JKS."""

import secrets
import string
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, KeySerializationEncryption, PrivateFormat
from cryptography.hazmat.primitives.serialization.pkcs12 import PBES, serialize_key_and_certificates

from certloom.keys.faults import invalid
from certloom.keys.generation import PrivateKey, private_der

SHORTEST_PASSWORD: Final = 6  # Java's keytool takes none below
LONGEST_PASSWORD: Final = 128
RANDOM_LENGTH: Final = 16  # 93 bits

# Without 0, O, 1, l and I, which people mistake for each other when they type them over.
_ALPHABET: Final = "".join(sorted(set(string.ascii_letters + string.digits) - set("0O1lI")))


def random_password() -> str:
    """Return a new password for one download."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(RANDOM_LENGTH))


def check_password(password: str) -> None:
    """Raise InvalidInput at /password unless it is 6 to 128 printable ASCII characters, which every store can take."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        detail = f"The password must have {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters."
        raise invalid("/password", "password_length", detail)
    if not (password.isascii() and password.isprintable()):
        detail = (
            "The password may have ASCII letters, digits, signs and spaces only; Java and Windows differ on others."
        )
        raise invalid("/password", "password_characters", detail)


def old_pfx(name: str, key: PrivateKey, certificates: Sequence[x509.Certificate], password: str) -> bytes:
    """Return a PKCS#12 store that Windows before Server 2019 can read: triple DES and a SHA-1 MAC."""
    builder = PrivateFormat.PKCS12.encryption_builder()
    weak = builder.key_cert_algorithm(PBES.PBESv1SHA1And3KeyTripleDESCBC).hmac_hash(hashes.SHA1())  # noqa: S303
    return _pfx(name, key, certificates, weak.build(password.encode("ascii")))


def pfx(name: str, key: PrivateKey, certificates: Sequence[x509.Certificate], password: str) -> bytes:
    """Return a PKCS#12 store as today's Java and OpenSSL write it: AES-256 and a SHA-256 MAC."""
    builder = PrivateFormat.PKCS12.encryption_builder()
    strong = builder.key_cert_algorithm(PBES.PBESv2SHA256AndAES256CBC).hmac_hash(hashes.SHA256())
    return _pfx(name, key, certificates, strong.build(password.encode("ascii")))


def jks(name: str, key: PrivateKey, certificates: Sequence[x509.Certificate], password: str, *, now: datetime) -> bytes:
    """Return a Java keystore, key and store under one password, dated *now*.

    Raises InvalidInput at /format when the server was installed without the extra `jks`.
    """
    try:
        import jks as pyjks  # noqa: PLC0415 - an optional extra
    except ImportError:
        detail = "This server cannot write JKS (it lacks the extra `jks`); choose tomcat, which Java 8 and newer read."
        raise invalid("/format", "format_unavailable", detail) from None
    chain = [certificate.public_bytes(Encoding.DER) for certificate in certificates]
    entry = pyjks.PrivateKeyEntry.new(name, chain, private_der(key))
    entry.timestamp = int(now.timestamp()) * 1000
    content: bytes = pyjks.KeyStore.new("jks", [entry]).saves(password)
    return content


def _pfx(
    name: str, key: PrivateKey, certificates: Sequence[x509.Certificate], encryption: KeySerializationEncryption
) -> bytes:
    leaf, *chain = certificates
    return serialize_key_and_certificates(name.encode(), key, leaf, chain or None, encryption)
