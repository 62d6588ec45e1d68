"""Making private keys, telling which type a public key is, and asking for a certificate with a CSR."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from certloom.domain.address import read_address
from certloom.domain.key import KeyType

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

_LEAST_EXPONENT: Final = 65537  # BR 6.1.6: odd, and 65537 or more

_MAKERS: Final[Mapping[KeyType, Callable[[], PrivateKey]]] = {
    KeyType.ECDSA_P256: lambda: ec.generate_private_key(ec.SECP256R1()),
    KeyType.ECDSA_P384: lambda: ec.generate_private_key(ec.SECP384R1()),
    KeyType.RSA_2048: lambda: rsa.generate_private_key(_LEAST_EXPONENT, 2048),
    KeyType.RSA_3072: lambda: rsa.generate_private_key(_LEAST_EXPONENT, 3072),
    KeyType.RSA_4096: lambda: rsa.generate_private_key(_LEAST_EXPONENT, 4096),
}
_CURVES: Final = {"secp256r1": KeyType.ECDSA_P256, "secp384r1": KeyType.ECDSA_P384}
_MODULI: Final = {2048: KeyType.RSA_2048, 3072: KeyType.RSA_3072, 4096: KeyType.RSA_4096}

ACCEPTED: Final = "ECDSA P-256 and P-384, and RSA with 2048, 3072 or 4096 bits"


class KeyGeneration:
    """The KeyMaker of the product, on the operating system's random numbers."""

    def make(self, key_type: KeyType) -> bytes:
        """Return a new private key as PKCS#8 DER; RSA takes up to some seconds in the caller's thread."""
        return private_der(_MAKERS[key_type]())

    def public_key(self, private_key: bytes) -> bytes:
        """Return the SubjectPublicKeyInfo DER; ValueError means that the bytes never were a key of ours."""
        return public_der(load_private(private_key).public_key())

    def signing_request(self, private_key: bytes, names: Sequence[str]) -> str:
        """Return a CSR as PEM; deterministic for RSA."""
        return build_csr(private_key, names)


def key_type_of(public_key: object) -> KeyType | None:
    """Return which of our types a public key is, or None for every other size, curve, exponent and algorithm."""
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        return _CURVES.get(public_key.curve.name)
    if isinstance(public_key, rsa.RSAPublicKey):
        exponent = public_key.public_numbers().e
        sound = exponent >= _LEAST_EXPONENT and exponent % 2 == 1
        return _MODULI.get(public_key.key_size) if sound else None
    return None


def build_csr(private_key: bytes, names: Sequence[str]) -> str:
    """Return a CSR as PEM with an empty subject and *names* as its SANs (RFC 8555 7.4); deterministic for RSA."""
    san = x509.SubjectAlternativeName([_san(name) for name in names])
    builder = x509.CertificateSigningRequestBuilder(x509.Name([])).add_extension(san, critical=False)
    return builder.sign(load_private(private_key), hashes.SHA256()).public_bytes(Encoding.PEM).decode("ascii")


def _san(name: str) -> x509.GeneralName:
    address = read_address(name)
    return x509.DNSName(name) if address is None else x509.IPAddress(address)


def load_private(der: bytes) -> PrivateKey:
    """Return the key of a PKCS#8, PKCS#1 or SEC1 DER; raises ValueError for anything but RSA and EC."""
    key = load_der_private_key(der, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise ValueError("neither RSA nor EC")  # noqa: TRY004 - like all that is wrong with the bytes
    return key


def private_der(key: PrivateKey) -> bytes:
    """Return the unencrypted PKCS#8 DER (RFC 5958)."""
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def public_der(public_key: PublicKeyTypes) -> bytes:
    """Return the SubjectPublicKeyInfo DER (RFC 5280 4.1.2.7), EC points uncompressed."""
    return public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def spki_sha256(public_key: PublicKeyTypes) -> str:
    """Return the SHA-256 of the SubjectPublicKeyInfo, in lower-case hexadecimal."""
    return hashlib.sha256(public_der(public_key)).hexdigest()
