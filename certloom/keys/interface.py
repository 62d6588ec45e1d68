"""Private keys: made, sealed, opened for a download, and nowhere else seen."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol

from certloom.domain.errors import CertloomError
from certloom.domain.key import KeyType
from certloom.domain.model import Model, Utc


class SealBroken(CertloomError):
    """A sealed value does not open: wrong key, wrong row or changed content. Trying again does not help."""

    code = "seal_broken"


class KeyringInvalid(CertloomError):
    """A file or setting with sealing keys cannot be used; the sentence says what an operator has to change."""

    code = "keyring_invalid"


class Sealer(Protocol):
    """AES-256-GCM under one of the service's keys; `identity` is the row's, and binds the secret to its row."""

    def seal(self, secret: bytes, *, identity: str) -> bytes:
        """Return nonce, key id and ciphertext as one value; never the same twice."""
        ...

    def unseal(self, sealed: bytes, *, identity: str) -> bytes:
        """Return the secret; raises SealBroken when key, identity or content do not fit."""
        ...

    def is_current(self, sealed: bytes) -> bool:
        """Whether the newest key sealed it; rotation re-seals what is not."""
        ...


class KeyMaker(Protocol):
    """Makes private keys; returns PKCS#8 DER, and works in the caller's thread (4096-bit RSA takes 0.3 s)."""

    def make(self, key_type: KeyType) -> bytes:
        """Return a new private key; each call makes another."""
        ...

    def public_key(self, private_key: bytes) -> bytes:
        """Return the SubjectPublicKeyInfo DER of a private key."""
        ...

    def signing_request(self, private_key: bytes, names: Sequence[str]) -> str:
        """Return a CSR as PEM with an empty subject and *names* as its DNS SANs (RFC 8555 section 7.4)."""
        ...


class SigningRequest(Model):
    """What a customer's CSR says, after its own signature was checked."""

    names: tuple[str, ...]  # DNS SANs as written, in order; first the common name if not among them
    key_type: KeyType
    spki_sha256: str


class UploadedCertificate(Model):
    """A checked upload: the pieces normalised (64-column PEM, LF, no blank lines), and what the leaf says."""

    leaf_pem: str
    chain_pem: str  # intermediates in order, without the root; may be empty
    names: tuple[str, ...]
    key_type: KeyType
    serial: str  # lower-case hexadecimal
    fingerprint_sha256: str
    spki_sha256: str
    issuer: str  # RFC 4514 text of the leaf's issuer
    not_before: Utc
    not_after: Utc


class ChainLink(NamedTuple):
    """A certificate above a leaf, for people: what it calls itself, and what it is told apart by."""

    title: str
    fingerprint_sha256: str
    not_after: datetime


class Credentials(Protocol):
    """Reads what people hand in, and what was kept of it. All may be called any number of times."""

    def read_csr(self, pem: str) -> SigningRequest:
        """Check signature, key type and size; raises InvalidInput with pointer /csr."""
        ...

    def csr_public_key(self, pem: str) -> bytes:
        """Return the SubjectPublicKeyInfo DER of a CSR that read_csr accepted; raises InvalidInput."""
        ...

    def read_upload(
        self, *, certificate: str, chain: str | None, private_key: str, now: datetime
    ) -> tuple[UploadedCertificate, bytes]:
        """Check that key and leaf match, the chain builds, and it is not expired; return it and the PKCS#8 DER key.

        Accepts CRLF, blank lines, text between blocks, the chain in `certificate`, any order of intermediates, and
        PKCS#1, SEC1 and PKCS#8 keys. Raises InvalidInput with a sentence per fault (an encrypted key among them).
        """
        ...

    def read_chain(self, pem: str) -> tuple[ChainLink, ...]:
        """Tell of a chain that is kept beside a leaf, in its order; nothing for an empty text."""
        ...


class BundleFormat(StrEnum):
    """What a web server wants to be fed."""

    NGINX = "nginx"
    APACHE = "apache"
    IIS = "iis"
    TOMCAT = "tomcat"
    JKS = "jks"
    HAPROXY = "haproxy"
    PEM = "pem"
    PKCS8 = "pkcs8"


class Bundle(NamedTuple):
    """A zip for download: its suggested file name and its bytes."""

    file_name: str
    content: bytes


class Bundler(Protocol):
    """Packs leaf, chain and key for a web server."""

    def pack(
        self,
        bundle_format: BundleFormat,
        *,
        name: str,
        leaf_pem: str,
        chain_pem: str,
        private_key: bytes | None,
        password: str | None,
        now: datetime,
    ) -> Bundle:
        """Build the zip in memory; without a private key it holds certificates and says so.

        Raises InvalidInput for a format that needs the key when there is none, or a password that is too weak for it.
        """
        ...
