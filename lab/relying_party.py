"""What a browser would do with a leaf, a chain and a CRL: trust one root and check everything below it (RFC 5280 6)."""

import io
import socket
import ssl
import zipfile
from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from certloom.domain.address import read_address
from lab.customer import DemoFailed

HANDSHAKE_WITHIN: Final = 5.0  # seconds


class Chain(NamedTuple):
    """A leaf, and the issuing certificates behind it up to but without the root."""

    leaf: x509.Certificate
    issuers: tuple[x509.Certificate, ...]


class CrlView(NamedTuple):
    """What a CRL says: its number, and since when which serials (in lower-case hexadecimal) are revoked."""

    number: int
    revoked: Mapping[str, datetime]


def unpack(bundle: bytes) -> Mapping[str, bytes]:
    """Return the files of a download."""
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def read_chain(pem: bytes) -> Chain:
    """Read leaf and chain from one PEM file."""
    leaf, *issuers = x509.load_pem_x509_certificates(pem)
    return Chain(leaf, tuple(issuers))


def require_trust(chain: Chain, root_der: bytes, *, name: str, now: datetime) -> None:
    """Raise DemoFailed unless a server at *name* or address could show this chain to whoever trusts the root."""
    store, address = Store([x509.load_der_x509_certificate(root_der)]), read_address(name)
    subject = x509.DNSName(name) if address is None else x509.IPAddress(address)
    verifier = PolicyBuilder().store(store).time(now).build_server_verifier(subject)
    try:
        verifier.verify(chain.leaf, list(chain.issuers))
    except VerificationError as error:
        raise DemoFailed(f"The chain does not lead to the root: {error}") from error


def require_fitting_key(leaf: x509.Certificate, key_pem: bytes) -> None:
    """Raise DemoFailed unless the private key belongs to the leaf."""
    key = load_pem_private_key(key_pem, password=None)
    shape = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*shape) != leaf.public_key().public_bytes(*shape):
        raise DemoFailed("The private key in the bundle does not fit the certificate.")


def crl_url(leaf: x509.Certificate) -> str:
    """Return where the leaf says its CRL is; raises DemoFailed when it does not."""
    points = leaf.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    for point in points:
        for place in point.full_name or ():
            return str(place.value)
    raise DemoFailed("The certificate does not say where its CRL is.")


def read_crl(der: bytes, chain: Chain) -> CrlView:
    """Read a CRL; raises DemoFailed unless the leaf's own issuer signed it."""
    crl = x509.load_der_x509_crl(der)
    issuer = chain.issuers[0].public_key()
    try:
        genuine = crl.is_signature_valid(issuer)  # type: ignore[arg-type] # a CA key is RSA or ECDSA
    except InvalidSignature:
        genuine = False
    if not genuine or crl.issuer != chain.leaf.issuer:
        raise DemoFailed("The CRL is not signed by the certificate's issuer.")
    number = crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    return CrlView(number, {f"{entry.serial_number:x}": entry.revocation_date_utc for entry in crl})


def shake_hands(port: int, *, name: str, root_der: bytes | None) -> x509.Certificate:
    """Return the leaf that a client of *name* gets on loopback, as one that trusts the root alone, for this name.

    Without a root anything is taken. Raises DemoFailed when no handshake comes about.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if root_der is None:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    else:
        context.load_verify_locations(cadata=root_der)
    try:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=HANDSHAKE_WITHIN) as plain,
            context.wrap_socket(plain, server_hostname=name) as secured,
        ):
            return x509.load_der_x509_certificate(secured.getpeercert(binary_form=True) or b"")
    except OSError as error:
        raise DemoFailed(f"A client of {name} fails at 127.0.0.1:{port}: {error}") from error
