"""Certificates from elsewhere."""

import base64
import hashlib
import random
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat, load_der_private_key

from certloom.domain.errors import FieldFault
from certloom.domain.key import KeyType
from tests.keys.authority import (
    DAY,
    NOW,
    Signed,
    key_of,
    key_pem,
    leaf,
    locked_key_pem,
    lower,
    middle,
    root,
    sign,
    small_rsa,
)
from tests.keys.uploading import CHAIN, READER, read, read_with_key, refusal


def own(signed: Signed, chain: str | None = None, **more: Any) -> FieldFault:
    return refusal(signed.pem, chain, signed.key_pem, **more)


def test_what_the_leaf_says() -> None:
    """A good upload is told in our terms."""
    told = read(leaf().pem, CHAIN)
    der = leaf().certificate.public_bytes(Encoding.DER)
    assert told.names == ("www.example.com", "*.example.com")
    assert told.key_type is KeyType.ECDSA_P256
    assert told.serial == f"{leaf().certificate.serial_number:x}"
    assert told.fingerprint_sha256 == hashlib.sha256(der).hexdigest()
    assert told.issuer == "CN=Lower"
    assert (told.not_before, told.not_after) == (NOW - DAY, NOW + 90 * DAY)


def test_key_comes_back_as_pkcs8() -> None:
    """The key is returned as PKCS#8 DER and belongs to the leaf."""
    _, der = read_with_key(leaf().pem, CHAIN)
    key = load_der_private_key(der, None)
    assert key.public_key() == leaf().certificate.public_key()


def test_normalised() -> None:
    """Leaf and chain come back as plain PEM, whatever was pasted around them."""
    told = read(f"Bag Attributes\r\n{leaf().pem}\n\nmore", CHAIN.replace("\n", "\r\n\r\n"))
    assert told.leaf_pem == leaf().pem
    assert told.chain_pem == CHAIN


def test_chain_in_the_certificate() -> None:
    """A full-chain file in `certificate` is taken apart."""
    told = read(leaf().pem + CHAIN)
    assert (told.leaf_pem, told.chain_pem) == (leaf().pem, CHAIN)


def test_any_order() -> None:
    """Certificates in any order, and the leaf anywhere among them, are put right."""
    pieces = [leaf().pem, lower().pem, middle().pem, root().pem]
    for seed in range(8):
        random.Random(seed).shuffle(pieces)
        told = read("".join(pieces))
        assert (told.leaf_pem, told.chain_pem) == (leaf().pem, CHAIN)


def test_root_is_dropped() -> None:
    """The root at the end of the chain is left out, since clients have it or do not trust it."""
    assert read(leaf().pem, CHAIN + root().pem).chain_pem == CHAIN


def test_repeated_certificates() -> None:
    """The leaf or an intermediate given twice, as in two full-chain files, is kept once."""
    assert read(leaf().pem + CHAIN, leaf().pem + CHAIN).chain_pem == CHAIN


@pytest.mark.parametrize("chain", [None, "", "  \n"])
def test_without_chain(chain: str | None) -> None:
    """A leaf without its chain is accepted, with an empty chain."""
    assert read(leaf().pem, chain).chain_pem == ""


def test_self_signed() -> None:
    """A self-signed leaf is accepted alone."""
    alone = sign("a.test", names=("a.test",))
    assert read(alone.pem, None, alone.key_pem).chain_pem == ""


def test_cross_signed() -> None:
    """When an authority is signed by two others, both paths are kept and only roots are dropped."""
    other_root = sign("Other root", ca=True)
    crossed = sign("Root", other_root, key=root().key, ca=True)  # type: ignore[arg-type]
    told = read(leaf().pem, other_root.pem + crossed.pem + root().pem + CHAIN)
    assert told.chain_pem == CHAIN + crossed.pem


@pytest.mark.parametrize("key_type", KeyType)
@pytest.mark.parametrize("shape", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL], ids=["pkcs8", "old"])
def test_key_shapes(key_type: KeyType, shape: PrivateFormat) -> None:
    """PKCS#8, PKCS#1 and SEC1 keys of every type that we serve are read."""
    signed = leaf(key_type)
    assert read(signed.pem, CHAIN, key_pem(signed.key, shape)).key_type is key_type


def test_key_with_parameters() -> None:
    """The parameter block that `openssl ecparam -genkey` writes before a key is passed over."""
    parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    pem = parameters + key_pem(leaf().key, PrivateFormat.TraditionalOpenSSL)
    assert read(leaf().pem, CHAIN, pem).key_type is KeyType.ECDSA_P256


def test_combined_file_as_key() -> None:
    """A combined file given as the private key serves as one, its certificates passed over."""
    assert read(leaf().pem, CHAIN, leaf().pem + leaf().key_pem).chain_pem == CHAIN


@pytest.mark.parametrize("shape", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL], ids=["pkcs8", "old"])
def test_locked_key(shape: PrivateFormat) -> None:
    """A key under a password is refused with the way to take it off."""
    fault = refusal(leaf().pem, CHAIN, locked_key_pem(leaf().key, shape))  # type: ignore[arg-type]
    assert fault.code == "private_key_encrypted"
    assert "openssl pkey" in fault.detail


def test_key_of_another() -> None:
    """A key that belongs to another certificate is refused."""
    fault = refusal(leaf().pem, CHAIN, key_pem(key_of(which=7)))
    assert (fault.pointer, fault.code) == ("/private_key", "key_mismatch")


@pytest.mark.parametrize(
    "key",
    [small_rsa(), ec.generate_private_key(ec.SECP521R1()), dsa.generate_private_key(1024)],
    ids=["1024", "p521", "dsa"],
)
def test_other_key_types(key: Any) -> None:
    """Keys of other kinds are refused with the list of those that are served."""
    fault = refusal(leaf().pem, CHAIN, key_pem(key))
    assert fault.code == "key_not_accepted"
    assert "ECDSA P-256" in fault.detail


def test_endless_key_is_not_tested() -> None:
    """A huge key is refused by its size, before any arithmetic is done with it."""
    body = base64.b64encode(b"\x30" * 40_000).decode()
    pem = f"-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----"
    assert refusal(leaf().pem, CHAIN, pem).code == "key_not_accepted"


def test_expired() -> None:
    """A certificate is accepted in its last second and refused after it."""
    end = leaf().certificate.not_valid_after_utc
    assert read(leaf().pem, now=end)
    assert refusal(leaf().pem, now=end + timedelta(seconds=1)).code == "certificate_expired"


def test_not_yet_valid() -> None:
    """A certificate that begins in the future is refused with its date."""
    fault = own(sign("a.com", names=("a.com",), begins=NOW + DAY))
    assert fault.code == "certificate_not_yet_valid"
    assert "2026-11-24 12:00 UTC" in fault.detail


def test_authority_as_leaf() -> None:
    """An authority's own certificate is refused: its key must not stand on a server."""
    assert own(sign("a.com", ca=True, names=("a.com",))).code == "certificate_is_authority"


def test_without_dns_names() -> None:
    """A certificate that only has a common name is refused, since browsers refuse it."""
    assert own(sign("a.com")).code == "certificate_without_names"


def test_addresses() -> None:
    """Addresses are told beside names, in the order of the certificate; one alone is enough."""
    both = sign("x", names=("2606:4700::1111", "a.com", "10.0.0.1"))
    assert read(both.pem, key=both.key_pem).names == ("2606:4700::1111", "a.com", "10.0.0.1")
    alone = sign("x", names=("1.1.1.1",))
    assert read(alone.pem, key=alone.key_pem).names == ("1.1.1.1",)


@pytest.mark.parametrize("name", ["fe80::1%\nSet-Cookie: x", "1.1.1.1%x"])
def test_hostile_address(name: str) -> None:
    """What begins like an address could not stand in a view or a header either."""
    assert own(sign("x", names=(name,))).code == "certificate_bad_name"


def test_hostile_name() -> None:
    """A name that could not stand in a view or a header is refused and shown harmlessly."""
    fault = own(sign("x", names=("a.com\nSet-Cookie: x",)))
    assert fault.code == "certificate_bad_name"
    assert fault.detail.isprintable()


def test_too_many_names() -> None:
    """More names than can be managed are refused."""
    assert own(sign("x", names=tuple(f"n{n}.com" for n in range(201)))).code == "too_many_names"


def test_unrelated_certificate() -> None:
    """A certificate that has nothing to do with the leaf is refused by name, in the field it stands in."""
    fault = refusal(leaf().pem, CHAIN + sign("Stranger", ca=True).pem)
    assert (fault.pointer, fault.code) == ("/chain", "chain_unrelated")
    assert "CN=Stranger" in fault.detail


def test_namesake_authority() -> None:
    """An authority of the right name with another key did not sign the leaf, and is refused."""
    assert refusal(leaf().pem, sign("Lower", middle(), ca=True).pem).code == "chain_unrelated"


def test_signer_that_is_no_authority() -> None:
    """A certificate that may not sign others does not become an authority by having done so."""
    signer = sign("Customer", lower(), names=("c.com",))
    victim = sign("victim.com", signer, names=("victim.com",))
    assert refusal(victim.pem, signer.pem, victim.key_pem).code == "chain_unrelated"


def test_gap_in_the_chain() -> None:
    """An intermediate above a missing one cannot be placed, and is refused by name."""
    assert "CN=Middle" in refusal(leaf().pem, middle().pem).detail


def test_expired_intermediate() -> None:
    """An intermediate that is no longer valid is refused by name, since clients would refuse the chain."""
    stale = sign("Stale", root(), ca=True, ends=NOW - timedelta(seconds=1), begins=NOW - 9 * DAY)
    fresh = sign("a.com", stale, names=("a.com",))
    fault = own(fresh, stale.pem)
    assert fault.code == "chain_not_valid"
    assert "CN=Stale" in fault.detail


def test_a_kept_chain_is_told() -> None:
    """Nearest to the leaf first, with what each calls itself; nothing of an empty one."""
    told = READER.read_chain(lower().pem + middle().pem)
    assert [link.title for link in told] == [one.certificate.subject.rfc4514_string() for one in (lower(), middle())]
    assert told[0].fingerprint_sha256 == lower().certificate.fingerprint(SHA256()).hex()
    assert told[0].not_after == lower().certificate.not_valid_after_utc
    assert READER.read_chain("") == ()
