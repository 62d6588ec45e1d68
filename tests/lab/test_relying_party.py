"""A client of the demo trusts one root, asks for one name, and is not talked into anything else."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from lab.customer import DemoFailed
from lab.edge import LabEdge
from lab.edge_memory import Held
from lab.relying_party import Chain, read_crl, shake_hands
from lab.self_signed import self_signed

NAME = "www.shop.lab.test"
NOW = datetime.now(UTC)
KEY = ec.generate_private_key(ec.SECP256R1())
ISSUER = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "A root")])


def authority() -> x509.Certificate:
    return (
        x509.CertificateBuilder(ISSUER, ISSUER, KEY.public_key(), x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=9))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(KEY.public_key()), critical=False)
        .sign(KEY, hashes.SHA256())
    )


AUTHORITY = authority()
ROOT = AUTHORITY.public_bytes(Encoding.DER)


def leaf(name: str) -> str:
    own = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder(ISSUER, subject, own.public_key(), x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=9))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(KEY.public_key()), critical=False)
        .sign(KEY, hashes.SHA256())
    )
    private = own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return made.public_bytes(Encoding.PEM).decode() + private


async def asked(pem: str, *, root_der: bytes | None = ROOT) -> x509.Certificate:
    """Serve a pair to whoever asks for NAME, whatever it is for, and shake hands."""
    async with LabEdge() as edge:
        edge.load("/held.pem", pem)
        edge.memory.certificates["/held.pem"] = Held(pem, self_signed(NAME).leaf)  # by which the edge chooses
        return await asyncio.to_thread(shake_hands, edge.tls_port, name=NAME, root_der=root_der)


async def test_what_the_root_signed_for_this_name_is_taken() -> None:
    """The leaf that comes back is the one that is served."""
    pem = leaf(NAME)

    assert await asked(pem) == x509.load_pem_x509_certificate(pem.encode())


async def test_a_certificate_of_another_origin_is_not_taken() -> None:
    """A self-signed one for the right name is no proof, and is seen only by who asks for no root."""
    with pytest.raises(DemoFailed, match=rf"A client of {NAME} fails at 127\.0\.0\.1:[0-9]+: .*self-signed"):
        await asked(self_signed(NAME).pem)

    assert await asked(self_signed(NAME).pem, root_der=None) == self_signed(NAME).leaf


async def test_a_certificate_for_another_name_is_not_taken() -> None:
    """That the root signed it is not enough."""
    with pytest.raises(DemoFailed, match="Hostname mismatch"):
        await asked(leaf("other.lab.test"))


def test_a_crl_tells_since_when_which_serials_are_revoked() -> None:
    """Serials come as the API writes them; a list that the issuer did not sign is not read."""
    at = NOW.replace(microsecond=0)
    entry = x509.RevokedCertificateBuilder().serial_number(0xAB).revocation_date(at).build()
    crl = (
        x509.CertificateRevocationListBuilder(ISSUER, at, at + timedelta(days=1))
        .add_revoked_certificate(entry)
        .add_extension(x509.CRLNumber(7), critical=False)
        .sign(KEY, hashes.SHA256())
        .public_bytes(Encoding.DER)
    )
    chain = Chain(x509.load_pem_x509_certificate(leaf(NAME).encode()), (AUTHORITY,))

    assert read_crl(crl, chain) == (7, {"ab": at})
    with pytest.raises(DemoFailed, match="not signed by the certificate's issuer"):
        read_crl(crl, Chain(chain.leaf, (self_signed(NAME).leaf,)))
