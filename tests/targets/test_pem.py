"""PEM as targets take it: whatever came in, nothing goes out that could end a payload early."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from certloom.targets.interface import TargetRefused
from certloom.targets.pem import certificates_pem, one_file, one_file_of, private_key_pem, read_leaf
from tests.targets.pairs import pair

NAME = "www.example.com"
PARAMETERS = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"


def test_one_file_has_leaf_chain_and_key_without_a_blank_line() -> None:
    """The order is HAProxy's, lines have 64 columns and end in LF."""
    material = pair(NAME, 1)

    text = one_file(material)

    assert text == material.leaf_pem + material.key_pem
    assert "\n\n" not in text
    assert max(len(line) for line in text.splitlines()) == 64


def test_what_somebody_else_wrote_is_put_in_order() -> None:
    """Comments, parameters, blank lines, CRLF and the key in front are all undone."""
    one, more = pair(NAME, 1), pair(NAME, 2)
    written = f"# old\n\n{PARAMETERS}{one.key_pem}\n\n{one.leaf_pem}\n{more.leaf_pem}\n".replace("\n", "\r\n")

    assert one_file_of(written.encode()) == one.leaf_pem + more.leaf_pem + one.key_pem


def test_the_first_certificate_is_named_in_every_way() -> None:
    """SHA-256 for us, SHA-1 and serial for HAProxy; and nothing for what holds none."""
    material = pair(NAME, 1)

    leaf = read_leaf(one_file(material).encode())

    assert leaf
    assert (leaf.sha256, leaf.serial, len(leaf.sha1)) == (material.fingerprint_sha256, material.serial, 40)
    assert read_leaf(b"") is None
    assert read_leaf(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n") is None


def test_what_cannot_be_read_is_refused_without_its_text() -> None:
    """A sentence about a key says nothing of the key."""
    locked = (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
        .decode()
    )
    for read, text in (
        (private_key_pem, locked),
        (private_key_pem, "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n"),
        (private_key_pem, "c2VjcmV0"),
        (certificates_pem, "c2VjcmV0"),
    ):
        with pytest.raises(TargetRefused) as refused:
            read(text)
        assert not any(line in refused.value.detail for line in text.splitlines())
        assert refused.value.__cause__ is None
