"""Keys of the embedded CA in use: unsealed for one signature, and how each family signs.

Signatures are deterministic, so that signing an order twice gives the same bytes, not two certificates of one serial.
"""

from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from certloom.domain.key import KeyFamily
from certloom.keys.interface import Sealer
from certloom.storage.records import Authority

AuthorityKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

RSA_AUTHORITY_BITS: Final = 3072  # the strength of a P-256 key or better, for as long as the authority lives
RSA_EXPONENT: Final = 65537


def key_identity(authority_id: str) -> str:
    """Return what an authority's sealed key is bound to; rotation needs the same words."""
    return f"authority/{authority_id}"


def account_identity(issuer: str, directory: str) -> str:
    """Return what binds the sealed key of our account at an ACME CA to its row."""
    return f"acme-account/{issuer}/{directory}"


def make_key(family: KeyFamily) -> AuthorityKey:
    """Return a new key for an authority: P-384, or RSA (which takes about 0.2 s)."""
    if family is KeyFamily.ECDSA:
        return ec.generate_private_key(ec.SECP384R1())
    return rsa.generate_private_key(public_exponent=RSA_EXPONENT, key_size=RSA_AUTHORITY_BITS)


def seal_key(sealer: Sealer, authority_id: str, key: AuthorityKey) -> bytes:
    """Return the key as PKCS#8 DER, sealed to its row."""
    plain = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return sealer.seal(plain, identity=key_identity(authority_id))


def unseal_key(sealer: Sealer, authority: Authority) -> AuthorityKey:
    """Return an authority's key; raises what the sealer raises when the row was tampered with.

    The RSA consistency check is left out: it costs more than the signature, and AES-GCM vouches for the bytes.
    """
    plain = sealer.unseal(authority.sealed_key, identity=key_identity(authority.id))
    key = serialization.load_der_private_key(plain, password=None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        message = f"the sealed key of authority {authority.id} is neither ECDSA nor RSA"
        raise TypeError(message)
    return key


def sign_certificate(builder: x509.CertificateBuilder, key: AuthorityKey) -> x509.Certificate:
    """Sign a certificate; the same builder and key give the same bytes (RFC 6979, or PKCS#1 v1.5)."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return builder.sign(key, hashes.SHA384(), ecdsa_deterministic=True)
    return builder.sign(key, hashes.SHA256())


def sign_crl(builder: x509.CertificateRevocationListBuilder, key: AuthorityKey) -> x509.CertificateRevocationList:
    """Sign a CRL."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return builder.sign(key, hashes.SHA384(), ecdsa_deterministic=True)
    return builder.sign(key, hashes.SHA256())
