"""Keystores, read back by the programs that will read them."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12

from certloom.domain.key import KeyType
from certloom.keys.generation import private_der
from certloom.keys.interface import BundleFormat
from tests.keys.authority import NOW, key_of, leaf
from tests.keys.test_bundle import files, pack, refusal, unpack

PFX = [BundleFormat.IIS, BundleFormat.TOMCAT]
WORD = "correct horse"

with_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="the program openssl is not installed")
with_keytool = pytest.mark.skipif(shutil.which("keytool") is None, reason="Java's keytool is not installed")


def run(*command: str) -> str:
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr


def openssl_info(tmp_path: Path, store: bytes, *more: str) -> str:
    path = tmp_path / "x.pfx"
    path.write_bytes(store)
    return run("openssl", "pkcs12", "-info", "-noenc", "-in", str(path), "-passin", f"pass:{WORD}", *more)


@pytest.mark.parametrize("bundle_format", PFX)
@pytest.mark.parametrize("key_type", [KeyType.ECDSA_P256, KeyType.RSA_2048])
def test_what_a_pfx_holds(bundle_format: BundleFormat, key_type: KeyType) -> None:
    """A PFX holds the leaf under the certificate's name, its key, and the chain in order."""
    given = {"leaf_pem": leaf(key_type).pem, "private_key": private_der(key_of(key_type)), "name": "*.example.com"}
    store = load_pkcs12(files(bundle_format, **given, password=WORD)["_.example.com.pfx"], WORD.encode())
    assert store.cert is not None
    assert store.cert.friendly_name == b"*.example.com"
    assert store.cert.certificate == leaf(key_type).certificate
    assert store.key is not None
    assert store.key.public_key() == leaf(key_type).certificate.public_key()
    assert [one.certificate.subject.rfc4514_string() for one in store.additional_certs] == ["CN=Lower", "CN=Middle"]


@with_openssl
def test_iis_is_readable_by_old_windows(tmp_path: Path) -> None:
    """The store for IIS is in the old style, triple DES with a SHA-1 MAC, and OpenSSL's old mode reads it."""
    info = openssl_info(tmp_path, files(BundleFormat.IIS, password=WORD)["x.pfx"], "-legacy")
    assert "MAC: sha1" in info
    assert "pbeWithSHA1And3-KeyTripleDES-CBC" in info
    assert "AES" not in info
    assert "BEGIN PRIVATE KEY" in info


@with_openssl
def test_tomcat_is_modern(tmp_path: Path) -> None:
    """The store for Tomcat is in today's style, AES-256 with a SHA-256 MAC, and OpenSSL reads it as it is."""
    info = openssl_info(tmp_path, files(BundleFormat.TOMCAT, password=WORD)["x.pfx"])
    assert "MAC: sha256" in info
    assert "PBES2, PBKDF2, AES-256-CBC" in info
    assert info.count("BEGIN CERTIFICATE") == 3


@with_openssl
def test_wrong_password_opens_nothing(tmp_path: Path) -> None:
    """Another password does not open the store."""
    with pytest.raises(subprocess.CalledProcessError):
        openssl_info(tmp_path, files(BundleFormat.TOMCAT, password="another one")["x.pfx"])


def test_jks_holds_key_and_chain() -> None:
    """A Java keystore holds key and whole chain under the name, in lower case, dated by the time that was given."""
    jks = pytest.importorskip("jks", reason="the extra `jks` is not installed")
    store = jks.KeyStore.loads(
        files(BundleFormat.JKS, name="WWW.example.com", password=WORD)["WWW.example.com.jks"], WORD
    )
    entry = store.private_keys["www.example.com"]
    assert entry.pkey_pkcs8 == private_der(key_of())
    assert len(entry.cert_chain) == 3
    assert entry.timestamp == int(NOW.timestamp()) * 1000


@with_keytool
@pytest.mark.parametrize("bundle_format", [BundleFormat.TOMCAT, BundleFormat.JKS])
def test_java_reads_it(bundle_format: BundleFormat, tmp_path: Path) -> None:
    """Java's own tool lists the key and the chain of three."""
    if bundle_format is BundleFormat.JKS:
        pytest.importorskip("jks", reason="the extra `jks` is not installed")
    path = tmp_path / "store"
    unpacked = files(bundle_format, password=WORD)
    path.write_bytes(unpacked["x.pfx" if bundle_format is BundleFormat.TOMCAT else "x.jks"])
    listing = run("keytool", "-J-Duser.language=en", "-list", "-v", "-keystore", str(path), "-storepass", WORD)
    assert "Entry type: PrivateKeyEntry" in listing
    assert "Certificate chain length: 3" in listing


def test_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the optional extra a JKS download is refused with the format to choose instead."""
    monkeypatch.setitem(sys.modules, "jks", None)
    fault = refusal(BundleFormat.JKS)
    assert (fault.pointer, fault.code) == ("/format", "format_unavailable")
    assert "choose tomcat" in fault.detail


def test_random_password() -> None:
    """Unless one is given, each download gets its own random password, in a file beside the store that it opens."""
    first, second = files(BundleFormat.TOMCAT), files(BundleFormat.TOMCAT)
    password = first["x-password.txt"].decode().strip()
    assert len(password) == 16
    assert load_pkcs12(first["x.pfx"], password.encode()).key is not None
    assert first["x-password.txt"] != second["x-password.txt"]


def test_given_password_is_nowhere_in_the_zip() -> None:
    """A password that the customer chose is in no file of the zip."""
    unpacked = unpack(pack(BundleFormat.TOMCAT, password=WORD))
    assert set(unpacked) == {"README.txt", "x.pfx"}
    assert WORD.encode() not in b"".join(unpacked.values())
    assert "the one you chose" in unpacked["README.txt"].decode()
