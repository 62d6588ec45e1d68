"""A small authority for tests: a root, an intermediate, leaves, and the shapes that people paste."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from certloom.domain.address import read_address
from certloom.domain.key import KeyType
from certloom.keys.generation import KeyGeneration, PrivateKey, load_private

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def key_of(key_type: KeyType = KeyType.ECDSA_P256, which: int = 0) -> PrivateKey:
    """One key per type and number, made once: RSA is slow."""
    return _key_of(key_type, which)


@cache
def _key_of(key_type: KeyType, which: int) -> PrivateKey:
    return load_private(KeyGeneration().make(key_type))


@cache
def small_rsa() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 1024)


@dataclass(frozen=True)
class Signed:
    certificate: x509.Certificate
    key: PrivateKey | dsa.DSAPrivateKey

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def key_pem(self) -> str:
        return key_pem(self.key)


def named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]) if common_name else x509.Name([])


def sign(
    subject: str,
    issuer: Signed | None = None,
    *,
    key: PrivateKey | None = None,
    ca: bool = False,
    names: tuple[str, ...] = (),
    begins: datetime = NOW - DAY,
    ends: datetime = NOW + 90 * DAY,
    issuer_name: str | None = None,
) -> Signed:
    """Sign a certificate; without an issuer it signs itself."""
    own = key or ec.generate_private_key(ec.SECP256R1())
    by = issuer.certificate.subject if issuer else named(subject if issuer_name is None else issuer_name)
    builder = (
        x509.CertificateBuilder()
        .subject_name(named(subject))
        .issuer_name(by)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if names:
        sans = x509.SubjectAlternativeName([_san(name) for name in names])
        builder = builder.add_extension(sans, critical=not subject)
    return Signed(builder.sign(issuer.key if issuer else own, hashes.SHA256()), own)


def _san(name: str) -> x509.GeneralName:
    address = read_address(name)
    return x509.DNSName(name) if address is None else x509.IPAddress(address)


@cache
def root() -> Signed:
    return sign("Root", ca=True, ends=NOW + 3650 * DAY)


@cache
def middle() -> Signed:
    return sign("Middle", root(), ca=True)


@cache
def lower() -> Signed:
    return sign("Lower", middle(), ca=True)


def leaf(key_type: KeyType = KeyType.ECDSA_P256) -> Signed:
    return _leaf(key_type)


@cache
def _leaf(key_type: KeyType) -> Signed:
    return sign("www.example.com", lower(), key=key_of(key_type), names=("www.example.com", "*.example.com"))


def key_pem(
    key: PrivateKey | dsa.DSAPrivateKey,
    shape: PrivateFormat = PrivateFormat.PKCS8,
    encryption: KeySerializationEncryption | None = None,
) -> str:
    return key.private_bytes(Encoding.PEM, shape, encryption or NoEncryption()).decode()


def locked_key_pem(key: PrivateKey, shape: PrivateFormat = PrivateFormat.PKCS8) -> str:
    return key_pem(key, shape, BestAvailableEncryption(b"secret"))
