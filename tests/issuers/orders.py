"""What issuers are asked for in tests: keys of every type, orders, and a leaf to revoke."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from certloom.domain.application import Organization, ValidationMethod
from certloom.domain.issuance import RevocationReason
from certloom.domain.key import KeyType
from certloom.domain.product import Level
from certloom.issuers.interface import Issuer, LeafToRevoke, OrderRequest, Pending, SignedLeaf
from certloom.keys.generation import build_csr

NOW = datetime(2026, 11, 23, 12, 0, 0, 250_000, tzinfo=UTC)
END = datetime(2027, 5, 1, 12, 0, 0, tzinfo=UTC)  # under the cap of 200 days

PUBLIC_URL = "https://pki.certloom-example.com"
ORGANIZATION = Organization(
    name="Möller & Söhne GmbH",
    country="DE",
    locality="Köln",
    registration_number="HRB 12345",
    jurisdiction_country="DE",
    business_category="Private Organization",
)


@cache
def private_key(key_type: KeyType) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    """Return a key of the type, always the same one: making RSA keys takes time."""
    if key_type is KeyType.ECDSA_P256:
        return ec.generate_private_key(ec.SECP256R1())
    if key_type is KeyType.ECDSA_P384:
        return ec.generate_private_key(ec.SECP384R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=int(key_type.value.removeprefix("rsa-")))


def spki(key_type: KeyType) -> bytes:
    """Return its public key."""
    return private_key(key_type).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def csr(key_type: KeyType, names: Sequence[str]) -> str:
    """Return a signing request with that key, signed anew each time."""
    key = private_key(key_type).private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return build_csr(key, names)


def order(*names: str, key: str = "cert_1/application/1/order/1", **changes: Any) -> OrderRequest:
    """Return a DV order with a P-256 key and DNS validation, but for what is changed."""
    key_type = changes.pop("key_type", KeyType.ECDSA_P256)
    fields = {
        "key": key,
        "account_id": "acct_1",
        "names": names or ("www.example.com",),
        "level": Level.DV,
        "validation": ValidationMethod.DNS_01,
        "key_type": key_type,
        "spki": spki(key_type),
        "csr_pem": csr(key_type, names or ("www.example.com",)),
    }
    return OrderRequest.model_validate(fields | changes)


async def signed(
    issuer: Issuer, request: OrderRequest, *, now: datetime = NOW, not_after: datetime = END
) -> SignedLeaf:
    """Take an order all the way."""
    opened = await issuer.begin(request, now=now)
    return await finished(issuer, opened.order_ref, now=now, not_after=not_after)


async def finished(issuer: Issuer, order_ref: str, *, now: datetime = NOW, not_after: datetime = END) -> SignedLeaf:
    """Ask again and again until the leaf is there, without the pauses that an issuer would like."""
    async with asyncio.timeout(30):
        while isinstance(leaf := await issuer.advance(order_ref, now=now, not_after=not_after), Pending):
            await asyncio.sleep(0.02)
    return leaf


def to_revoke(
    leaf: SignedLeaf,
    reason: RevocationReason = RevocationReason.SUPERSEDED,
    *,
    revoked_at: datetime = NOW + timedelta(hours=1),
) -> LeafToRevoke:
    """Return the wish to revoke a leaf."""
    return LeafToRevoke(
        key=f"cert_1/revoke/{leaf.serial}",
        issuer=leaf.issuer,
        serial=leaf.serial,
        not_after=leaf.not_after,
        leaf_pem=leaf.leaf_pem,
        reason=reason,
        revoked_at=revoked_at,
    )


def read(leaf: SignedLeaf) -> x509.Certificate:
    """Return the certificate in it."""
    return x509.load_pem_x509_certificate(leaf.leaf_pem.encode())
