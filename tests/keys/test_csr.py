"""CSRs as customers paste them."""

import base64
import hashlib
from collections.abc import Sequence
from ipaddress import ip_address, ip_network

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from certloom.domain.errors import FieldFault, InvalidInput
from certloom.domain.key import KeyType
from certloom.keys.credentials import PemCredentials
from certloom.keys.generation import build_csr, private_der
from tests.keys.authority import key_of, key_pem, named, small_rsa

READER = PemCredentials()


def request(
    names: Sequence[x509.GeneralName] = (),
    *,
    common_name: str = "",
    key: CertificateIssuerPrivateKeyTypes | None = None,
) -> str:
    builder = x509.CertificateSigningRequestBuilder(named(common_name))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    own = key or key_of()
    signing = None if isinstance(own, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(own, signing).public_bytes(Encoding.PEM).decode()


def dns(*names: str) -> list[x509.GeneralName]:
    return [x509.DNSName(name) for name in names]


def refusal(pem: str) -> FieldFault:
    with pytest.raises(InvalidInput) as caught:
        READER.read_csr(pem)
    (fault,) = caught.value.faults
    assert fault.pointer == "/csr"
    return fault


@pytest.mark.parametrize("key_type", KeyType)
def test_every_key_type(key_type: KeyType) -> None:
    """A CSR with any key type that we sell is read with its type and the hash of its public key."""
    key = key_of(key_type)
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    read = READER.read_csr(build_csr(private_der(key), ["example.com"]))
    assert read.key_type is key_type
    assert read.spki_sha256 == hashlib.sha256(spki).hexdigest()


def test_public_key() -> None:
    """The public key that is to be certified comes out as it is in the CSR."""
    spki = key_of().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert READER.csr_public_key(request(dns("a.com"))) == spki


def test_public_key_of_a_weak_request() -> None:
    """The public key of a CSR that would be refused does not come out."""
    with pytest.raises(InvalidInput):
        READER.csr_public_key(request(key=small_rsa()))


def test_names_in_order() -> None:
    """Names come as written and in order."""
    assert READER.read_csr(request(dns("b.example.com", "A.example.com"))).names == ("b.example.com", "A.example.com")


def test_common_name_comes_first() -> None:
    """A common name that is not among the SANs is put before them."""
    assert READER.read_csr(request(dns("b.com"), common_name="a.com")).names == ("a.com", "b.com")


def test_common_name_among_the_names() -> None:
    """A common name that is among the SANs, in whatever case, is not given twice."""
    assert READER.read_csr(request(dns("b.com", "a.com"), common_name="A.com")).names == ("b.com", "a.com")


def test_without_names() -> None:
    """A CSR that only carries a key is fine: the application says the names."""
    assert READER.read_csr(request()).names == ()


@pytest.mark.parametrize(
    "shape",
    [
        lambda pem: pem.replace("\n", "\r\n"),
        lambda pem: pem.replace("\n", "\n\n"),
        lambda pem: pem.replace("\n", " "),
        lambda pem: "\ufeffSubject: me\n" + pem + "\nthanks!",
        lambda pem: "\n".join(f"    {line}" for line in pem.splitlines()),
        lambda pem: pem.replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"),
        lambda pem: "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" + pem,
    ],
    ids=["CRLF", "blank lines", "one line", "text around", "indented", "old label", "other block"],
)
def test_pasted_shapes(shape) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """What mail programs and consoles do to a PEM block does not matter."""
    assert READER.read_csr(shape(request(dns("a.com")))).names == ("a.com",)


def test_changed_request() -> None:
    """A CSR that was changed after signing is refused: its sender does not hold the key."""
    der = base64.b64decode("".join(request(dns("aaaa.com")).splitlines()[1:-1]))
    changed = base64.b64encode(der.replace(b"aaaa.com", b"bbbb.com")).decode()
    pem = f"-----BEGIN CERTIFICATE REQUEST-----\n{changed}\n-----END CERTIFICATE REQUEST-----"
    assert refusal(pem).code == "csr_bad_signature"


def test_sha1() -> None:
    """A CSR signed with SHA-1 proves nothing and is refused."""
    pem = _openssl_like_sha1()
    assert refusal(pem).code == "csr_weak_signature"


def _openssl_like_sha1() -> str:
    """The builder refuses SHA-1, so the algorithm's last arc is rewritten; the type is judged before the signature."""
    der = base64.b64decode("".join(request(key=key_of(KeyType.RSA_2048)).splitlines()[1:-1]))
    sha256, sha1 = bytes.fromhex("2a864886f70d01010b"), bytes.fromhex("2a864886f70d010105")
    assert sha256 in der
    body = base64.b64encode(der.replace(sha256, sha1)).decode()
    return f"-----BEGIN CERTIFICATE REQUEST-----\n{body}\n-----END CERTIFICATE REQUEST-----"


@pytest.mark.parametrize(
    "key",
    [
        small_rsa(),
        ec.generate_private_key(ec.SECP521R1()),
        ed25519.Ed25519PrivateKey.generate(),
        dsa.generate_private_key(1024),
    ],
    ids=["rsa-1024", "p-521", "ed25519", "dsa"],
)
def test_other_keys(key: CertificateIssuerPrivateKeyTypes) -> None:
    """Keys that no public CA would certify are refused with the list of those we accept."""
    fault = refusal(request(dns("a.com"), key=key))
    assert fault.code == "key_not_accepted"
    assert "RSA with 2048, 3072 or 4096" in fault.detail


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (x509.RFC822Name("me@example.com"), "me@example.com"),
        (x509.UniformResourceIdentifier("https://example.com"), "of another kind"),
        (x509.IPAddress(ip_network("10.0.0.0/8")), "of another kind"),
    ],
    ids=["email", "uri", "network"],
)
def test_other_names(name: x509.GeneralName, shown: str) -> None:
    """Names that we cannot certify are refused and shown, instead of being dropped in silence."""
    fault = refusal(request([*dns("a.com"), name]))
    assert fault.code == "csr_other_name"
    assert shown in fault.detail


def test_addresses() -> None:
    """Addresses come beside names as applications have them, from our own requests as well."""
    sans = [x509.IPAddress(ip_address("2606:4700:0::1111")), *dns("a.com"), x509.IPAddress(ip_address("1.1.1.1"))]
    names = ("2606:4700::1111", "a.com", "1.1.1.1")
    assert READER.read_csr(request(sans)).names == names
    assert READER.read_csr(build_csr(private_der(key_of()), names)).names == names


@pytest.mark.parametrize("text", ["1.1.1.1", "2606:4700::1111", "2606:4700:0::ABC"])
def test_misplaced_address(text: str) -> None:
    """An address as a DNS name or common name, which CAs refuse when everything is proven, is told with its place."""
    own = x509.IPAddress(ip_address(text))
    for pem in (request(dns(text)), request([own], common_name=text)):
        fault = refusal(pem)
        assert fault.code == "csr_address_misplaced"
        assert f"IP:{text}" in fault.detail


def test_private_key_beside_the_request() -> None:
    """A private key pasted along is refused with the advice to give it up."""
    assert refusal(request() + key_pem(key_of())).code == "csr_with_private_key"


def test_two_requests() -> None:
    """Two CSRs are refused, since which one is meant cannot be known."""
    assert refusal(request() + request()).code == "csr_missing"


@pytest.mark.parametrize(
    ("pem", "code"),
    [
        ("", "csr_missing"),
        ("hello", "csr_missing"),
        ("-----BEGIN CERTIFICATE REQUEST-----\nAAAA", "csr_unreadable"),
        ("AAAA\n-----END CERTIFICATE REQUEST-----", "csr_unreadable"),
        ("-----BEGIN CERTIFICATE REQUEST-----\n%%%\n-----END CERTIFICATE REQUEST-----", "csr_unreadable"),
        ("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----", "csr_unreadable"),
        ("x" * 20_000, "csr_too_large"),
        ("-----BEGIN CERTIFICATE REQUEST-----" * 400, "csr_unreadable"),
    ],
    ids=["empty", "text", "no end", "no begin", "not base64", "not a CSR", "large", "begins only"],
)
def test_unreadable(pem: str, code: str) -> None:
    """What is not one whole CSR is refused with the reason."""
    assert refusal(pem).code == code


def as_pem(der: bytes) -> str:
    body = base64.b64encode(der).decode()
    return f"-----BEGIN CERTIFICATE REQUEST-----\n{body}\n-----END CERTIFICATE REQUEST-----\n"


GOOD = base64.b64decode("".join(request(dns("a.com", "b.com"), common_name="c.com").splitlines()[1:-1]))


def mutated(place: int, value: int, cut: int) -> bytes:
    der = bytearray(GOOD)
    der[place % len(der)] = value
    return bytes(der[: len(der) - cut])


@settings(max_examples=400, deadline=None)
@given(
    st.one_of(
        st.text(max_size=300),
        st.binary(max_size=300).map(as_pem),
        st.builds(mutated, st.integers(0, 2000), st.integers(0, 255), st.sampled_from([0, 0, 0, 1, 9])).map(as_pem),
    )
)
def test_any_text(pem: str) -> None:
    """Whatever is pasted is read or refused, and never fails in another way."""
    try:
        READER.read_csr(pem)
    except InvalidInput as error:
        assert error.faults[0].detail.endswith(".")  # noqa: PT017
