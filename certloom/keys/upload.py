"""A certificate from elsewhere: leaf, key and chain are checked against each other and told in our terms."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from certloom.domain.address import is_address
from certloom.domain.errors import FieldFault, InvalidInput
from certloom.keys.chain import ancestors, is_authority, is_root
from certloom.keys.faults import invalid, shorten
from certloom.keys.generation import private_der, public_der, spki_sha256
from certloom.keys.interface import UploadedCertificate
from certloom.keys.upload_fields import LONGEST_CHAIN, Found, FoundKey, read_certificates, read_private_key

MOST_NAMES: Final = 200  # as many as a product of ours may hold

_LONGEST_ISSUER: Final = 300
# Looser than what we issue, since elsewhere underscores were allowed; still nothing that could break a line or a view.
_NAME: Final = re.compile(r"(?:\*\.)?[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")


def read_upload(
    *, certificate: str, chain: str | None, private_key: str, now: datetime
) -> tuple[UploadedCertificate, bytes]:
    """Return the upload, normalised, and its key as PKCS#8 DER; what is wrong in several places is told at once."""
    found, key = _read_fields(certificate, chain, private_key)
    leaf = _leaf_of(key, found)
    others = [one for one in found if one.certificate != leaf.certificate]
    if len(others) > LONGEST_CHAIN:
        detail = f"{len(others)} certificates came with the leaf; at most {LONGEST_CHAIN} may."
        raise invalid("/chain" if chain else "/certificate", "chain_too_long", detail)
    related = ancestors(leaf.certificate, others)
    faults = [*_leaf_faults(leaf, now), *_chain_faults(others, related, now)]
    if faults:
        raise InvalidInput(faults)
    return _told(leaf.certificate, related, key), private_der(key.key)


def _read_fields(certificate: str, chain: str | None, private_key: str) -> tuple[list[Found], FoundKey]:
    fields = [("/certificate", certificate)]
    if chain and chain.strip():
        fields.append(("/chain", chain))
    faults: list[FieldFault] = []
    found: list[Found] = []
    for pointer, text in fields:
        try:
            found += read_certificates(text, pointer)
        except InvalidInput as error:
            faults += error.faults
    try:
        key = read_private_key(private_key)
    except InvalidInput as error:
        raise InvalidInput([*faults, *error.faults]) from None
    if faults:
        raise InvalidInput(faults)
    return _each_once(found), key


def _each_once(found: Sequence[Found]) -> list[Found]:
    once: dict[x509.Certificate, Found] = {}
    for one in found:
        once.setdefault(one.certificate, one)
    return list(once.values())


def _leaf_of(key: FoundKey, found: Sequence[Found]) -> Found:
    """Find the leaf by its key, so that the order in which things were pasted does not matter."""
    wanted = public_der(key.key.public_key())
    for one in found:
        if _public_der(one.certificate) == wanted:
            return one
    detail = f"The private key does not belong to the certificate {found[0].title}; give the key made for it."
    raise invalid("/private_key", "key_mismatch", detail)


def _public_der(certificate: x509.Certificate) -> bytes | None:
    try:
        return public_der(certificate.public_key())
    except (ValueError, UnsupportedAlgorithm):  # an authority's key may be of a kind that we cannot even read
        return None


def _leaf_faults(leaf: Found, now: datetime) -> Iterable[FieldFault]:
    certificate = leaf.certificate
    if certificate.not_valid_after_utc < now:
        detail = f"The certificate {leaf.title} expired at {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC."
        yield FieldFault(pointer=leaf.pointer, code="certificate_expired", detail=detail)
    if certificate.not_valid_before_utc > now:
        begins = f"{certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
        detail = f"The certificate {leaf.title} is not valid before {begins}; upload it then."
        yield FieldFault(pointer=leaf.pointer, code="certificate_not_yet_valid", detail=detail)
    if is_authority(certificate):
        detail = f"{leaf.title} is the certificate of an authority (CA), which must not be put on a server."
        yield FieldFault(pointer=leaf.pointer, code="certificate_is_authority", detail=detail)
    yield from _name_faults(leaf)


def _name_faults(leaf: Found) -> Iterable[FieldFault]:
    names = _names(leaf.certificate)
    bad = next((name for name in names if not _is_good(name)), None)
    if not names:
        detail = f"The certificate {leaf.title} names no host in its subjectAltName, so no browser would accept it."
        yield FieldFault(pointer=leaf.pointer, code="certificate_without_names", detail=detail)
    if len(names) > MOST_NAMES:
        detail = f"The certificate {leaf.title} has {len(names)} names; at most {MOST_NAMES} can be managed."
        yield FieldFault(pointer=leaf.pointer, code="too_many_names", detail=detail)
    if bad is not None:
        detail = f"The certificate {leaf.title} names {shorten(bad)!r}, which is no host."
        yield FieldFault(pointer=leaf.pointer, code="certificate_bad_name", detail=detail)


def _is_good(name: str) -> bool:
    return is_address(name) or (len(name) <= 253 and _NAME.fullmatch(name) is not None)


def _chain_faults(others: Sequence[Found], related: Sequence[Found], now: datetime) -> Iterable[FieldFault]:
    for other in others:
        if other not in related:
            detail = f"{other.title} did not sign the leaf, nor anything that did; take it out of the chain."
            yield FieldFault(pointer=other.pointer, code="chain_unrelated", detail=detail)
        elif not other.certificate.not_valid_before_utc <= now <= other.certificate.not_valid_after_utc:
            end = f"{other.certificate.not_valid_after_utc:%Y-%m-%d}"
            detail = f"{other.title} in the chain is not valid now (its last day is {end}); get the current chain."
            yield FieldFault(pointer=other.pointer, code="chain_not_valid", detail=detail)


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        sans = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    hosts = (san for san in sans if isinstance(san, x509.DNSName | x509.IPAddress))
    return tuple(dict.fromkeys(str(san.value).lower() for san in hosts))


def _told(leaf: x509.Certificate, related: Sequence[Found], key: FoundKey) -> UploadedCertificate:
    return UploadedCertificate(
        leaf_pem=_pem(leaf),
        chain_pem="".join(_pem(one.certificate) for one in related if not is_root(one.certificate)),
        names=_names(leaf),
        key_type=key.key_type,
        serial=f"{leaf.serial_number:x}",
        fingerprint_sha256=leaf.fingerprint(SHA256()).hex(),
        spki_sha256=spki_sha256(key.key.public_key()),
        issuer=shorten(leaf.issuer.rfc4514_string(), _LONGEST_ISSUER),
        not_before=leaf.not_valid_before_utc,
        not_after=leaf.not_valid_after_utc,
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode("ascii")
