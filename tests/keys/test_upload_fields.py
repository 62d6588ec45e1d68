"""The fields of an upload, as people and machines may fill them."""

import base64
import dataclasses
from warnings import simplefilter

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from certloom.domain.errors import InvalidInput
from tests.keys.authority import leaf, lower, sign
from tests.keys.uploading import CHAIN, read, refusal, refusals


def test_all_faults_at_once() -> None:
    """Faults in several fields are told together."""
    assert [fault.pointer for fault in refusals("x", "y", "z")] == ["/certificate", "/chain", "/private_key"]


def test_private_key_in_the_certificate() -> None:
    """A private key pasted into the certificate field is refused, because that field is not kept secret."""
    assert refusal(leaf().pem + leaf().key_pem).code == "private_key_misplaced"


@pytest.mark.parametrize(
    ("certificate", "code"),
    [
        ("", "not_a_certificate"),
        ("x" * 70_000, "field_too_large"),
        (leaf().pem[:-30], "broken_pem"),
        (leaf().pem.replace("M", "%", 1), "certificate_unreadable"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "certificate_unreadable"),
        ("-----BEGIN PKCS7-----\nAAAA\n-----END PKCS7-----", "not_a_certificate"),
        (leaf().pem.replace("CERTIFICATE", "TRUSTED CERTIFICATE"), "not_a_certificate"),
        (leaf().pem * 12, "chain_too_long"),
    ],
    ids=["empty", "large", "cut", "not base64", "not x509", "pkcs7", "trusted", "many"],
)
def test_unreadable_certificate(certificate: str, code: str) -> None:
    """What is not a PEM certificate is refused with the reason."""
    fault = refusal(certificate)
    assert (fault.pointer, fault.code) == ("/certificate", code)


def test_long_chain() -> None:
    """More than ten certificates beside the leaf are refused before their signatures are checked."""
    many = [sign(f"CA {n}", ca=True).pem for n in range(11)]
    assert refusal(leaf().pem + many[0], "".join(many[1:])).code == "chain_too_long"


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("", "private_key_missing"),
        (leaf().key_pem * 2, "private_key_missing"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "private_key_unreadable"),
        ("-----BEGIN PRIVATE KEY-----\n%\n-----END PRIVATE KEY-----", "private_key_unreadable"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----", "private_key_unreadable"),
    ],
    ids=["none", "two", "not a key", "not base64", "ssh"],
)
def test_unreadable_key(key: str, code: str) -> None:
    """What is not one plain private key is refused with the reason."""
    fault = refusal(leaf().pem, CHAIN, key)
    assert (fault.pointer, fault.code) == ("/private_key", code)


@pytest.mark.parametrize("warnings", ["ignore", "error"])
def test_negative_serial(warnings: str, recwarn: pytest.WarningsRecorder) -> None:
    """A negative serial number, which the parser still lets pass with a warning, is refused as unreadable."""
    simplefilter(warnings)  # type: ignore[arg-type]
    serial = leaf().certificate.serial_number.to_bytes(20).lstrip(b"\0")
    der = leaf().certificate.public_bytes(Encoding.DER)
    negative = der.replace(serial, bytes([serial[0] | 0x80]) + serial[1:])
    pem = f"-----BEGIN CERTIFICATE-----\n{base64.b64encode(negative).decode()}\n-----END CERTIFICATE-----"
    assert refusal(pem).code == "certificate_unreadable"


@dataclasses.dataclass(frozen=True)
class Mutation:
    place: int
    value: int

    def of(self, pem: str) -> str:
        lines = pem.strip().splitlines()
        der = bytearray(base64.b64decode("".join(lines[1:-1])))
        der[self.place % len(der)] = self.value
        return "\n".join([lines[0], base64.b64encode(bytes(der)).decode(), lines[-1]])


MUTATIONS = st.builds(Mutation, st.integers(0, 3000), st.integers(0, 255))
TEXTS = st.one_of(st.text(max_size=200), st.just(leaf().pem), MUTATIONS.map(lambda change: change.of(leaf().pem)))
CHAINS = st.one_of(st.none(), TEXTS, st.just(CHAIN), MUTATIONS.map(lambda change: change.of(lower().pem)))
KEYS = st.one_of(
    st.text(max_size=200), st.just(leaf().key_pem), MUTATIONS.map(lambda change: change.of(leaf().key_pem))
)


@settings(max_examples=500, deadline=None)
@given(TEXTS, CHAINS, KEYS)
def test_anything(certificate: str, chain: str | None, key: str) -> None:
    """Whatever is pasted is read or refused with printable sentences, and never fails in another way."""
    try:
        told = read(certificate, chain, key)
    except InvalidInput as error:
        assert all(fault.detail.isprintable() for fault in error.faults)  # noqa: PT017
    else:
        assert x509.load_pem_x509_certificate(told.leaf_pem.encode())
