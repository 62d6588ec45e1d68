"""What is in each download."""

import io
import zipfile
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from certloom.domain.errors import FieldFault, InvalidInput
from certloom.domain.key import KeyType
from certloom.keys.bundle import KEYSTORES, ZipBundler
from certloom.keys.generation import private_der
from certloom.keys.interface import Bundle, BundleFormat
from tests.keys.authority import NOW, key_of, leaf, sign
from tests.keys.uploading import CHAIN

PLAIN = sorted(set(BundleFormat) - KEYSTORES)
KEY = private_der(key_of())

# format: files with a key, and which of them are private
FILES = {
    BundleFormat.NGINX: ({"x.pem"}, {"x.key"}),
    BundleFormat.APACHE: ({"x_public.crt", "x_chain.crt"}, {"x.key"}),
    BundleFormat.IIS: (set(), {"x.pfx", "x-password.txt"}),
    BundleFormat.TOMCAT: (set(), {"x.pfx", "x-password.txt"}),
    BundleFormat.JKS: (set(), {"x.jks", "x-password.txt"}),
    BundleFormat.HAPROXY: (set(), {"x.pem"}),
    BundleFormat.PEM: ({"x.pem"}, {"x.key"}),
    BundleFormat.PKCS8: ({"x.pem"}, {"x.key"}),
}


def pack(bundle_format: BundleFormat, **changes: Any) -> Bundle:
    arguments: dict[str, Any] = {
        "name": "x",
        "leaf_pem": leaf().pem,
        "chain_pem": CHAIN,
        "private_key": KEY,
        "password": None,
        "now": NOW,
    }
    return ZipBundler().pack(bundle_format, **(arguments | changes))


def unpack(bundle: Bundle) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(bundle.content)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def files(bundle_format: BundleFormat, **changes: Any) -> dict[str, bytes]:
    return unpack(pack(bundle_format, **changes))


def entries(bundle: Bundle) -> list[zipfile.ZipInfo]:
    with zipfile.ZipFile(io.BytesIO(bundle.content)) as archive:
        return archive.infolist()


def refusal(bundle_format: BundleFormat, **changes: Any) -> FieldFault:
    with pytest.raises(InvalidInput) as caught:
        pack(bundle_format, **changes)
    (fault,) = caught.value.faults
    return fault


def certificates(pem: bytes) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(pem)


@pytest.mark.parametrize("bundle_format", BundleFormat)
def test_files_and_modes(bundle_format: BundleFormat) -> None:
    """Each format has its files; whatever holds a key or a password is 0600 when unpacked, the rest 0644."""
    if bundle_format is BundleFormat.JKS:
        pytest.importorskip("jks", reason="the extra `jks` is not installed")
    public, private = FILES[bundle_format]
    modes = {entry.filename: entry.external_attr >> 16 & 0o777 for entry in entries(pack(bundle_format))}
    assert modes == dict.fromkeys(public | {"README.txt"}, 0o644) | dict.fromkeys(private, 0o600)


@pytest.mark.parametrize("bundle_format", [BundleFormat.NGINX, BundleFormat.PEM, BundleFormat.PKCS8])
def test_full_chain_and_key(bundle_format: BundleFormat) -> None:
    """The certificate file holds leaf and chain in order, and the key file the leaf's key."""
    unpacked = files(bundle_format)
    assert unpacked["x.pem"].decode() == leaf().pem + CHAIN
    assert load_pem_private_key(unpacked["x.key"], None).public_key() == leaf().certificate.public_key()


def test_apache() -> None:
    """Apache gets leaf and chain apart."""
    unpacked = files(BundleFormat.APACHE)
    assert unpacked["x_public.crt"].decode() == leaf().pem
    assert unpacked["x_chain.crt"].decode() == CHAIN


def test_haproxy_is_one_file() -> None:
    """HAProxy gets leaf, chain and key in one file in this order, with no blank line in it."""
    pem = files(BundleFormat.HAPROXY)["x.pem"].decode()
    assert pem.startswith(leaf().pem + CHAIN + "-----BEGIN EC PRIVATE KEY-----\n")
    assert "\n\n" not in pem
    assert load_pem_private_key(pem.encode(), None).public_key() == leaf().certificate.public_key()


@pytest.mark.parametrize(
    ("key_type", "old"),
    [(KeyType.ECDSA_P384, "BEGIN EC PRIVATE KEY"), (KeyType.RSA_2048, "BEGIN RSA PRIVATE KEY")],
)
def test_key_forms(key_type: KeyType, old: str) -> None:
    """Keys are PKCS#8 in the format of that name and in the older form, which all appliances read, elsewhere."""
    signed = leaf(key_type)
    given: dict[str, Any] = {"leaf_pem": signed.pem, "private_key": private_der(key_of(key_type))}
    assert old in files(BundleFormat.NGINX, **given)["x.key"].decode()
    assert "BEGIN PRIVATE KEY" in files(BundleFormat.PKCS8, **given)["x.key"].decode()


@pytest.mark.parametrize("bundle_format", PLAIN)
def test_pasted_line_ends(bundle_format: BundleFormat) -> None:
    """CRLF and blank lines in what is stored do not reach the files."""
    untidy = pack(bundle_format, leaf_pem=leaf().pem.replace("\n", "\r\n"), chain_pem=CHAIN.replace("\n", "\n\n"))
    assert unpack(untidy) == files(bundle_format)


@pytest.mark.parametrize("bundle_format", PLAIN)
def test_without_key(bundle_format: BundleFormat) -> None:
    """With a customer's CSR there are certificates only, and the README says where the key is."""
    unpacked = files(bundle_format, private_key=None)
    assert b"PRIVATE KEY" not in b"".join(unpacked.values())
    assert "x.key" not in unpacked
    assert "where the CSR was made" in unpacked["README.txt"].decode()


def test_haproxy_without_key() -> None:
    """HAProxy finds a key beside the certificate, and the README says under which name."""
    assert "x.pem.key" in files(BundleFormat.HAPROXY, private_key=None)["README.txt"].decode()


@pytest.mark.parametrize("bundle_format", sorted(KEYSTORES))
def test_keystore_without_key(bundle_format: BundleFormat) -> None:
    """A keystore cannot be made without the key, and the refusal names a format that can."""
    fault = refusal(bundle_format, private_key=None)
    assert (fault.pointer, fault.code) == ("/format", "format_needs_key")
    assert "choose pem" in fault.detail


def test_without_chain() -> None:
    """Without a chain there is no chain file, and Apache is not told to read one."""
    unpacked = files(BundleFormat.APACHE, chain_pem="")
    assert set(unpacked) == {"README.txt", "x_public.crt", "x.key"}
    assert "chain" not in unpacked["README.txt"].decode().lower()


@pytest.mark.parametrize(
    ("bundle_format", "has_key"),
    [(bundle_format, True) for bundle_format in BundleFormat] + [(bundle_format, False) for bundle_format in PLAIN],
)
def test_readme(bundle_format: BundleFormat, has_key: bool) -> None:  # noqa: FBT001
    """The README has three lines, and every file that it calls this certificate's is in the zip."""
    if bundle_format is BundleFormat.JKS:
        pytest.importorskip("jks", reason="the extra `jks` is not installed")
    unpacked = files(bundle_format, name="www.example.com", private_key=KEY if has_key else None)
    text = unpacked.pop("README.txt").decode()
    assert len(text.splitlines()) == 3
    assert "{" not in text
    assert all(name in text for name in unpacked)


def test_wildcard_file_names() -> None:
    """The star is written as an underscore, in the zip's own name too."""
    bundle = pack(BundleFormat.NGINX, name="*.example.com")
    assert bundle.file_name == "_.example.com_nginx.zip"
    assert set(unpack(bundle)) == {"README.txt", "_.example.com.pem", "_.example.com.key"}


def test_address_file_names() -> None:
    """Colons, which some systems do not take in a name, are written as underscores."""
    assert pack(BundleFormat.NGINX, name="2606:4700::1111").file_name == "2606_4700__1111_nginx.zip"
    assert set(files(BundleFormat.TOMCAT, name="1.1.1.1")) == {"README.txt", "1.1.1.1.pfx", "1.1.1.1-password.txt"}


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..", "a\\b", "a\nb", "*." + "a." * 125 + "com"])
def test_hostile_names(name: str) -> None:
    """No name leads out of the folder in which a zip is unpacked, or makes a file name that no disk takes."""
    for entry in entries(pack(BundleFormat.NGINX, name=name)):
        assert entry.filename == "README.txt" or entry.filename[0] not in "./"
        assert not set(entry.filename) & set("/\\\n")
        assert len(entry.filename) < 256


def test_same_arguments_same_zip() -> None:
    """A plain bundle is the same bytes every time, dated by the time that was given."""
    assert pack(BundleFormat.NGINX) == pack(BundleFormat.NGINX)
    assert {entry.date_time for entry in entries(pack(BundleFormat.NGINX))} == {(2026, 11, 23, 12, 0, 0)}


def test_clock_before_zip() -> None:
    """A clock that was never set does not prevent a download, although zip knows no time before 1980."""
    assert pack(BundleFormat.NGINX, now=datetime(1970, 1, 1, tzinfo=UTC)).content


def test_key_of_another_certificate() -> None:
    """A key that does not fit is never packed beside a certificate."""
    assert refusal(BundleFormat.NGINX, private_key=private_der(key_of(which=7))).code == "key_mismatch"


def test_largest_certificate() -> None:
    """A certificate with 200 names of 253 characters can be downloaded."""
    names = tuple(f"{n:03}{'a' * 60}.{'b' * 63}.{'c' * 63}.{'d' * 57}.com" for n in range(200))
    assert {len(name) for name in names} == {253}
    large = sign("", key=key_of(), names=names, issuer_name="CA")
    assert files(BundleFormat.PEM, leaf_pem=large.pem, chain_pem="")["x.pem"].decode() == large.pem


@pytest.mark.parametrize("bundle_format", PLAIN)
def test_password_where_none_is_used(bundle_format: BundleFormat) -> None:
    """A password for files that it would not lock is refused, so that nobody believes the key protected."""
    assert refusal(bundle_format, password="correct horse").code == "password_not_used"


@pytest.mark.parametrize("bundle_format", sorted(KEYSTORES))
@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("", "password_length"),
        ("short", "password_length"),
        ("x" * 129, "password_length"),
        ("pass\nword", "password_characters"),
        ("pass\x00word", "password_characters"),
        ("pässwort", "password_characters"),
    ],
)
def test_weak_password(bundle_format: BundleFormat, password: str, code: str) -> None:
    """Passwords that are too short, or that Java and Windows would read differently, are refused."""
    fault = refusal(bundle_format, password=password)
    assert (fault.pointer, fault.code) == ("/password", code)
