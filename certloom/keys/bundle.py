"""Downloads: leaf, chain and key in a zip, in the files and forms that a web server wants to be fed."""

import io
import re
import stat
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from certloom.domain.errors import InvalidInput
from certloom.keys.bundle_readme import readme
from certloom.keys.faults import invalid
from certloom.keys.generation import PrivateKey, load_private, public_der
from certloom.keys.interface import Bundle, BundleFormat
from certloom.keys.keystores import check_password, jks, old_pfx, pfx, random_password
from certloom.keys.pem import read_blocks

KEYSTORES: Final = frozenset({BundleFormat.IIS, BundleFormat.TOMCAT, BundleFormat.JKS})

_LONGEST_STEM: Final = 200  # file systems take names of 255 bytes, endings included
_OLDEST_ZIP_TIME: Final = datetime(1980, 1, 1, tzinfo=UTC)


class _File(NamedTuple):
    """One file of the zip; a private one gets mode 0600, any other 0644."""

    name: str
    content: bytes
    private: bool = False


class _Parts(NamedTuple):
    """What there is to pack."""

    name: str
    stem: str
    certificates: Sequence[x509.Certificate]  # the leaf, then its chain
    key: PrivateKey | None
    now: datetime


class ZipBundler:
    """The Bundler of the product. Holds nothing; the same arguments give the same zip, but for keystores' salts."""

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
        """Build the zip in memory; `*` in a name is written `_`. Without a private key the README says where it is.

        Raises InvalidInput for a keystore without a key, for a password that no keystore could take, and for one
        given where nothing is locked by it, so that nobody believes a plain key to be protected.
        """
        _check(bundle_format, has_key=private_key is not None, password=password)
        parts = _parts(name, leaf_pem, chain_pem, private_key, now)
        if bundle_format in KEYSTORES:
            files = _keystore_files(bundle_format, parts, password)
        else:
            files = _plain_files(bundle_format, parts)
        return Bundle(f"{parts.stem}_{bundle_format}.zip", _zip(files, now))


def _check(bundle_format: BundleFormat, *, has_key: bool, password: str | None) -> None:
    if bundle_format not in KEYSTORES:
        if password is not None:
            detail = f"A {bundle_format} bundle is not locked by a password; leave it out, or choose tomcat or iis."
            raise invalid("/password", "password_not_used", detail)
        return
    if password is not None:
        check_password(password)
    if not has_key:
        detail = (
            f"{bundle_format} needs the private key, which is where the CSR was made; choose pem and convert there."
        )
        raise invalid("/format", "format_needs_key", detail)


def _parts(name: str, leaf_pem: str, chain_pem: str, private_key: bytes | None, now: datetime) -> _Parts:
    # Parsed and written anew: a blank line in the middle would end what HAProxy's runtime API is fed.
    blocks = [*read_blocks(leaf_pem)[:1], *read_blocks(chain_pem)]
    certificates = [x509.load_der_x509_certificate(block.der) for block in blocks if block.der is not None]
    key = load_private(private_key) if private_key is not None else None
    if key and public_der(key.public_key()) != public_der(certificates[0].public_key()):
        raise _mismatch()
    return _Parts(name, _stem(name), certificates, key, now)


def _mismatch() -> InvalidInput:
    return invalid("/private_key", "key_mismatch", "The private key does not belong to the certificate.")


def _stem(name: str) -> str:
    stem = re.sub(r"[^A-Za-z0-9._-]", "_", name)[:_LONGEST_STEM].strip(".")
    return stem or "certificate"


def _keystore_files(bundle_format: BundleFormat, parts: _Parts, password: str | None) -> Iterable[_File]:
    secret = random_password() if password is None else password
    text = readme(
        bundle_format,
        stem=parts.stem,
        has_key=True,
        has_chain=len(parts.certificates) > 1,
        password_in_file=password is None,
    )
    yield _File("README.txt", text.encode())
    ending = "jks" if bundle_format is BundleFormat.JKS else "pfx"
    yield _File(f"{parts.stem}.{ending}", _keystore(bundle_format, parts, secret), private=True)
    if password is None:
        yield _File(f"{parts.stem}-password.txt", f"{secret}\n".encode(), private=True)


def _keystore(bundle_format: BundleFormat, parts: _Parts, secret: str) -> bytes:
    if parts.key is None:
        raise _mismatch()
    if bundle_format is BundleFormat.JKS:
        return jks(parts.name, parts.key, parts.certificates, secret, now=parts.now)
    store = old_pfx if bundle_format is BundleFormat.IIS else pfx
    return store(parts.name, parts.key, parts.certificates, secret)


def _plain_files(bundle_format: BundleFormat, parts: _Parts) -> Iterable[_File]:
    has_key, has_chain = parts.key is not None, len(parts.certificates) > 1
    text = readme(bundle_format, stem=parts.stem, has_key=has_key, has_chain=has_chain)
    yield _File("README.txt", text.encode())
    key = _key_pem(bundle_format, parts.key)
    if bundle_format is BundleFormat.HAPROXY:
        yield _File(f"{parts.stem}.pem", _pem(parts.certificates) + key, private=has_key)
        return
    if bundle_format is BundleFormat.APACHE:
        yield _File(f"{parts.stem}_public.crt", _pem(parts.certificates[:1]))
        if has_chain:
            yield _File(f"{parts.stem}_chain.crt", _pem(parts.certificates[1:]))
    else:
        yield _File(f"{parts.stem}.pem", _pem(parts.certificates))
    if has_key:
        yield _File(f"{parts.stem}.key", key, private=True)


# The oldest servers and appliances read PKCS#1 and SEC1 only; whatever needs PKCS#8 has a format of its own.
_KEY_SHAPES: Final[Mapping[BundleFormat, PrivateFormat]] = {
    **dict.fromkeys(BundleFormat, PrivateFormat.TraditionalOpenSSL),
    BundleFormat.PKCS8: PrivateFormat.PKCS8,
}


def _key_pem(bundle_format: BundleFormat, key: PrivateKey | None) -> bytes:
    return b"" if key is None else key.private_bytes(Encoding.PEM, _KEY_SHAPES[bundle_format], NoEncryption())


def _pem(certificates: Sequence[x509.Certificate]) -> bytes:
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


def _zip(files: Iterable[_File], now: datetime) -> bytes:
    moment = max(now, _OLDEST_ZIP_TIME)
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        for file in files:
            entry = zipfile.ZipInfo(file.name, date_time=moment.timetuple()[:6])
            entry.create_system = 3  # Unix, so that the mode is kept on unpacking
            entry.external_attr = (stat.S_IFREG | (0o600 if file.private else 0o644)) << 16
            archive.writestr(entry, file.content, zipfile.ZIP_DEFLATED)
    return memory.getvalue()
