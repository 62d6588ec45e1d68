"""The three fields of an upload, each read for itself: certificates and one private key out of pasted text."""

from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_der_private_key

from certloom.domain.errors import InvalidInput
from certloom.domain.key import KeyType
from certloom.keys.faults import invalid, shorten, unreadable_as
from certloom.keys.generation import ACCEPTED, PrivateKey, key_type_of
from certloom.keys.pem import Block, BrokenPem, read_blocks

LARGEST_FIELD: Final = 64 * 1024  # characters
LONGEST_CHAIN: Final = 10  # certificates beside the leaf

# RSA with 4096 bits takes 2,400 bytes. A larger key is refused unread, since testing its primes takes minutes.
_LARGEST_KEY: Final = 3072
_LABELS: Final = {"CERTIFICATE", "X509 CERTIFICATE"}
_TITLES: Final = {"/certificate": "certificate", "/chain": "chain", "/private_key": "private key"}


class Found(NamedTuple):
    """A certificate, and the field it was pasted into."""

    certificate: x509.Certificate
    pointer: str

    @property
    def title(self) -> str:
        """What it calls itself, for a sentence."""
        return shorten(self.certificate.subject.rfc4514_string() or f"serial {self.certificate.serial_number:x}")


class FoundKey(NamedTuple):
    """A private key of a type that we serve."""

    key: PrivateKey
    key_type: KeyType


def read_certificates(text: str, pointer: str) -> list[Found]:
    """Return the certificates in the order given; raises InvalidInput at *pointer*."""
    blocks = _blocks(text, pointer)
    if any(block.label.endswith("PRIVATE KEY") for block in blocks):
        detail = f"A private key was pasted into the {_TITLES[pointer]}; put it into private_key, where it is sealed."
        raise invalid(pointer, "private_key_misplaced", detail)
    wrong = next((block for block in blocks if block.label not in _LABELS), None)
    if wrong or not blocks:
        raise invalid(pointer, "not_a_certificate", _wrong_kind(wrong, _TITLES[pointer]))
    if len(blocks) > LONGEST_CHAIN + 1:
        detail = f"The {_TITLES[pointer]} holds {len(blocks)} certificates; at most {LONGEST_CHAIN} go with a leaf."
        raise invalid(pointer, "chain_too_long", detail)
    return [_certificate(block, place, pointer) for place, block in enumerate(blocks, start=1)]


def read_private_key(text: str) -> FoundKey:
    """Return the one private key in the text, whatever stands around it; raises InvalidInput at /private_key."""
    blocks = [block for block in _blocks(text, "/private_key") if block.label.endswith("PRIVATE KEY")]
    if len(blocks) != 1:
        found = f"{len(blocks)} were found" if blocks else "none was found"
        raise _bad_key("private_key_missing", f"Give one block that begins with BEGIN PRIVATE KEY; {found}.")
    block = blocks[0]
    if block.encrypted:
        detail = "The private key is protected by a password; take it off, for example with `openssl pkey`."
        raise _bad_key("private_key_encrypted", detail)
    return _private_key(block)


def _private_key(block: Block) -> FoundKey:
    unreadable = f"The private key cannot be read as an RSA or EC key in PEM form; we accept {ACCEPTED}."
    refused = _bad_key("key_not_accepted", f"The private key is of a kind we do not serve; we accept {ACCEPTED}.")
    if block.der is not None and len(block.der) > _LARGEST_KEY:
        raise refused
    with unreadable_as("/private_key", "private_key_unreadable", unreadable):
        if block.der is None:
            raise ValueError(block.label)
        key = load_der_private_key(block.der, password=None)
    if not isinstance(key, PrivateKey) or (key_type := key_type_of(key.public_key())) is None:
        raise refused
    return FoundKey(key, key_type)


def _blocks(text: str, pointer: str) -> list[Block]:
    if len(text) > LARGEST_FIELD:
        detail = f"The {_TITLES[pointer]} has {len(text)} characters; at most {LARGEST_FIELD} are read."
        raise invalid(pointer, "field_too_large", detail)
    try:
        return read_blocks(text)
    except BrokenPem as broken:
        raise invalid(pointer, "broken_pem", str(broken)) from None


def _certificate(block: Block, place: int, pointer: str) -> Found:
    unreadable = f"Certificate {place} of the {_TITLES[pointer]} cannot be read; paste it again, whole."
    with unreadable_as(pointer, "certificate_unreadable", unreadable):
        if block.der is None:
            raise ValueError(block.label)
        found = Found(x509.load_der_x509_certificate(block.der), pointer)
        # The parser is lazy: what is asked for later is asked for here once, so that it cannot fail there.
        _ = found.title, found.certificate.extensions, found.certificate.issuer.rfc4514_string()
        _ = found.certificate.not_valid_before_utc, found.certificate.not_valid_after_utc
        if found.certificate.serial_number <= 0:  # RFC 5280 4.1.2.2
            raise ValueError(place)
        return found


def _wrong_kind(wrong: Block | None, title: str) -> str:
    if wrong is None:
        return f"There is no PEM certificate in the {title}; paste text that begins with BEGIN CERTIFICATE."
    if "PKCS" in wrong.label:
        return f"The {title} is a PKCS#7 file; turn it into PEM with `openssl pkcs7 -print_certs`."
    if wrong.label == "TRUSTED CERTIFICATE":
        return f"The {title} is in OpenSSL's trusted form; turn it into plain PEM with `openssl x509`."
    return f"The {title} holds a {wrong.label} block; paste certificates only."


def _bad_key(code: str, detail: str) -> InvalidInput:
    return invalid("/private_key", code, detail)
