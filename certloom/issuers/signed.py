"""A leaf on its way out and back in: as it is handed to the caller, and as it is recognised to be revoked."""

from datetime import datetime
from hashlib import sha256

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from certloom.domain.errors import IssuerRefused
from certloom.issuers.interface import LeafToRevoke, SignedLeaf
from certloom.issuers.leaves import LeafPlan, Parent
from certloom.storage.records import Authority, RevokedLeaf


def signed_leaf(leaf: x509.Certificate, plan: LeafPlan, parent: Parent) -> SignedLeaf:
    """Return a leaf with its chain, which is its authority alone: the root is for clients to know."""
    return SignedLeaf(
        issuer=parent.id,
        serial=f"{plan.serial:x}",
        fingerprint_sha256=leaf.fingerprint(SHA256()).hex(),
        key_type=plan.key_type,
        spki_sha256=sha256(plan.spki).hexdigest(),
        not_before=plan.not_before,
        not_after=plan.not_after,
        leaf_pem=leaf.public_bytes(Encoding.PEM).decode("ascii"),
        chain_pem=parent.certificate.public_bytes(Encoding.PEM).decode("ascii"),
    )


def proven_ours(leaf: LeafToRevoke, authority: Authority | None, *, now: datetime) -> RevokedLeaf:
    """Return the CRL entry for a leaf whose signature shows that this authority made it; else raise IssuerRefused."""
    read = _read(leaf.leaf_pem)
    if authority is None or read is None or f"{read.serial_number:x}" != leaf.serial or not _made(authority, read):
        detail = f"The certificate {leaf.serial} was not signed by an authority {leaf.issuer} of this CA."
        raise IssuerRefused(detail, reason="unknown_leaf")
    return RevokedLeaf(
        authority_id=authority.id,
        serial=leaf.serial,
        not_after=read.not_valid_after_utc,
        revoked_at=min(leaf.revoked_at, now),
        reason=leaf.reason,
    )


def _read(leaf_pem: str) -> x509.Certificate | None:
    try:
        return x509.load_pem_x509_certificate(leaf_pem.encode())
    except ValueError:
        return None


def _made(authority: Authority, leaf: x509.Certificate) -> bool:
    try:
        leaf.verify_directly_issued_by(x509.load_der_x509_certificate(authority.certificate))
    except (InvalidSignature, TypeError, ValueError):  # signature, kind of key, name of the issuer
        return False
    return True
