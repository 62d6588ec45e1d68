"""Signing requests as customers bring them."""

from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from certloom.domain.address import is_address, read_address


@cache
def customers_key(which: int = 0) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def csr(*names: str, which: int = 0) -> str:
    """Ask for *names*, with one of the customer's keys."""
    subject = x509.Name([] if is_address(names[0]) else [x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    sans = x509.SubjectAlternativeName([_san(name) for name in names])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject).add_extension(sans, critical=False)
    return builder.sign(customers_key(which), hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def _san(name: str) -> x509.GeneralName:
    address = read_address(name)
    return x509.DNSName(name) if address is None else x509.IPAddress(address)


def spki_sha256(which: int = 0) -> str:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(customers_key(which).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    return digest.finalize().hex()
