"""Certificates as the made-up cloud keeps them, and what the real one's documents demand of an upload."""

from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from tests.targets.alibaba.endpoint import Failure


@dataclass
class Stored:
    """A certificate in one of the stores."""

    id: str
    name: str
    chain: str
    has_key: bool = True
    products: tuple[str, ...] = ()

    @property
    def leaf(self) -> x509.Certificate:
        return x509.load_pem_x509_certificates(self.chain.encode())[0]

    @property
    def sha256(self) -> str:
        return self.leaf.fingerprint(hashes.SHA256()).hex()

    @property
    def sha1(self) -> str:
        return self.leaf.fingerprint(hashes.SHA1()).hex()

    @property
    def serial(self) -> str:
        return f"{self.leaf.serial_number:x}".zfill(48)  # the store pads with zeros


def common_name(stored: Stored) -> str:
    names = stored.leaf.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""


def require_pair(chain: str, key: str) -> None:
    """Refuse all that the real cloud's documents forbid."""
    lines = (chain + key).splitlines()
    if any(not line.strip() or len(line) > 64 for line in lines) or "\r" in chain + key:
        raise Failure("InvalidParameter", "The format of the certificate is wrong.")
    if not key.startswith(("-----BEGIN RSA PRIVATE KEY-----", "-----BEGIN EC PRIVATE KEY-----")):
        raise Failure("InvalidParameter", "The format of the private key is wrong.")
    leaf = x509.load_pem_x509_certificates(chain.encode())[0]
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    public = load_pem_private_key(key.encode(), None).public_key()
    if public.public_bytes(*form) != leaf.public_key().public_bytes(*form):
        raise Failure("CertificateNotMatchPrivateKey", "Certificate and key does not match.")
