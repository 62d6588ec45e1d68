"""A customer's certificate signing request (RFC 2986): what it asks for, once its own signature has been checked."""

from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.x509.oid import NameOID

from certloom.domain.address import is_address
from certloom.domain.errors import InvalidInput
from certloom.domain.key import KeyType
from certloom.keys.faults import invalid, shorten, unreadable_as
from certloom.keys.generation import ACCEPTED, key_type_of, public_der, spki_sha256
from certloom.keys.interface import SigningRequest
from certloom.keys.pem import Block, BrokenPem, read_blocks

LARGEST_CSR: Final = 16 * 1024  # characters of PEM; room for two hundred names of fifty bytes

_LABELS: Final = {"CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"}
_BROKEN_HASHES: Final = {"md5", "sha1"}  # SHA-1 is refused everywhere since 2026-09-15 (BR 7.1.3.2)
_UNREADABLE: Final = "The CSR cannot be read; make a new one, for example with `openssl req -new`."


def read_csr(pem: str) -> SigningRequest:
    """Return what a CSR asks for; extensions other than its names are left unread.

    Raises InvalidInput, pointer /csr, for anything else. Its names are as written, and still have to be judged.
    """
    csr = _load(_only_block(pem))
    with unreadable_as("/csr", "csr_unreadable", _UNREADABLE):
        public_key, key_type = _sound_key(csr)
        return SigningRequest(names=_names(csr), key_type=key_type, spki_sha256=spki_sha256(public_key))


def csr_public_key(pem: str) -> bytes:
    """Return the SubjectPublicKeyInfo DER of a CSR; checks and raises as read_csr does, but for the names."""
    csr = _load(_only_block(pem))
    with unreadable_as("/csr", "csr_unreadable", _UNREADABLE):
        return public_der(_sound_key(csr)[0])


def _sound_key(csr: x509.CertificateSigningRequest) -> tuple[PublicKeyTypes, KeyType]:
    public_key = csr.public_key()
    key_type = key_type_of(public_key)
    if key_type is None:  # judged before the signature, which a huge key would make slow to check
        raise _refused("key_not_accepted", f"The CSR's key is of a kind we do not certify; we accept {ACCEPTED}.")
    _check_signature(csr)
    return public_key, key_type


def _refused(code: str, detail: str) -> InvalidInput:
    return invalid("/csr", code, detail)


def _only_block(pem: str) -> Block:
    if len(pem) > LARGEST_CSR:
        raise _refused("csr_too_large", f"The CSR has {len(pem)} characters; at most {LARGEST_CSR} are read.")
    try:
        blocks = read_blocks(pem)
    except BrokenPem as broken:
        raise _refused("csr_unreadable", str(broken)) from None
    if any(block.label.endswith("PRIVATE KEY") for block in blocks):
        detail = "A private key was pasted with the CSR. It must not leave your server: make a new key and a new CSR."
        raise _refused("csr_with_private_key", detail)
    requests = [block for block in blocks if block.label in _LABELS]
    if len(requests) != 1:
        found = f"{len(requests)} were found" if requests else "none was found"
        raise _refused("csr_missing", f"Give one block that begins with BEGIN CERTIFICATE REQUEST; {found}.")
    return requests[0]


def _load(block: Block) -> x509.CertificateSigningRequest:
    with unreadable_as("/csr", "csr_unreadable", _UNREADABLE):
        if block.der is None:
            raise ValueError(block.label)
        return x509.load_der_x509_csr(block.der)


def _check_signature(csr: x509.CertificateSigningRequest) -> None:
    algorithm = csr.signature_hash_algorithm
    if algorithm is not None and algorithm.name in _BROKEN_HASHES:
        detail = f"The CSR is signed with {algorithm.name.upper()}, which is broken; sign it with SHA-256."
        raise _refused("csr_weak_signature", detail)
    if not csr.is_signature_valid:
        detail = "The CSR's signature does not fit its key: it was changed after it was made. Make a new one."
        raise _refused("csr_bad_signature", detail)


def _names(csr: x509.CertificateSigningRequest) -> tuple[str, ...]:
    names = _sans(csr)
    common = csr.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    first = str(common[0].value) if common else ""
    if is_address(first):  # CAs take a common name for a DNS name, and refuse it at the very end
        detail = f"The CSR has the address {first} as its common name; name it in subjectAltName only, as IP:{first}."
        raise _refused("csr_address_misplaced", detail)
    if first and first.lower() not in {name.lower() for name in names}:
        names = (first, *names)
    return names


def _sans(csr: x509.CertificateSigningRequest) -> tuple[str, ...]:
    try:
        sans = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(_name(san) for san in sans)


def _name(san: x509.GeneralName) -> str:
    text = str(san.value)
    if isinstance(san, x509.IPAddress) and is_address(text):  # eight octets would be a network
        return text
    if not isinstance(san, x509.DNSName):
        what = f"the e-mail address {shorten(text)}" if isinstance(san, x509.RFC822Name) else "a name of another kind"
        detail = f"The CSR asks for {what}; only DNS names and IP addresses are certified, so make it without."
        raise _refused("csr_other_name", detail)
    if is_address(text):
        detail = f"The CSR has the address {text} as a DNS name; write it in subjectAltName as IP:{text}."
        raise _refused("csr_address_misplaced", detail)
    return text
