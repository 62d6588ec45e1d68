"""Secrets sealed at rest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certloom.keys.interface import SealBroken
from certloom.keys.keyring import Keyring
from certloom.keys.sealing import AesGcmSealer

OLD, NEW = b"o" * 32, b"n" * 32
OLD_SEALER = AesGcmSealer(Keyring([OLD]))
SEALER = AesGcmSealer(Keyring([NEW, OLD]))
ROW = "customer_key/cert_1/1"


@given(st.binary(), st.text(st.characters(codec="utf-8")))
def test_round_trip(secret: bytes, identity: str) -> None:
    """Whatever was sealed for a row opens for that row."""
    assert SEALER.unseal(SEALER.seal(secret, identity=identity), identity=identity) == secret


def test_never_the_same_twice() -> None:
    """Two seals of one secret differ, so equal secrets cannot be told."""
    assert SEALER.seal(b"secret", identity=ROW) != SEALER.seal(b"secret", identity=ROW)


def test_another_row() -> None:
    """A sealed value copied into another row does not open there."""
    sealed = SEALER.seal(b"secret", identity=ROW)
    with pytest.raises(SealBroken, match="another row"):
        SEALER.unseal(sealed, identity="customer_key/cert_2/1")


def test_every_byte_counts() -> None:
    """A change of any single byte, in version, key id, nonce, content or tag, is noticed."""
    sealed = SEALER.seal(b"secret", identity=ROW)
    for place in range(len(sealed)):
        changed = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        with pytest.raises(SealBroken):
            SEALER.unseal(changed, identity=ROW)


@given(st.one_of(st.binary(max_size=60), st.binary(max_size=60).map(lambda rest: b"\x01" + rest)))
def test_any_bytes(sealed: bytes) -> None:
    """Bytes that were never sealed raise SealBroken and nothing else."""
    with pytest.raises(SealBroken):
        SEALER.unseal(sealed, identity=ROW)


def test_cut_short() -> None:
    """A value cut anywhere raises SealBroken."""
    sealed = SEALER.seal(b"secret", identity=ROW)
    for length in range(len(sealed)):
        with pytest.raises(SealBroken):
            SEALER.unseal(sealed[:length], identity=ROW)


def test_old_key_still_opens() -> None:
    """After a rotation's first step the old key opens, and the value is known to be due for re-sealing."""
    sealed = OLD_SEALER.seal(b"secret", identity=ROW)
    assert SEALER.unseal(sealed, identity=ROW) == b"secret"
    assert not SEALER.is_current(sealed)


def test_newest_key_is_current() -> None:
    """What the newest key sealed is left alone by a rotation."""
    assert SEALER.is_current(SEALER.seal(b"secret", identity=ROW))


def test_unknown_key_is_named() -> None:
    """A value from a key that is gone says which key an operator has to bring back."""
    sealed = SEALER.seal(b"secret", identity=ROW)
    with pytest.raises(SealBroken, match=sealed[1:9].hex()):
        OLD_SEALER.unseal(sealed, identity=ROW)
