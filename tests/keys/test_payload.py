"""Payloads as Temporal stores them."""

import json
import os
import zlib
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.exceptions import ApplicationError

from certloom.domain.model import Model
from certloom.keys.keyring import Keyring, key_id
from certloom.keys.payload import ENCODING, LARGEST_INFLATED, SealedPayloadCodec, make_data_converter

OLD, NEW = b"o" * 32, b"n" * 32
CODEC = SealedPayloadCodec(Keyring([NEW, OLD]))
CONVERTER = make_data_converter(CODEC)
WORD = "planted-word"


class Order(Model):
    name: str
    note: str = "a default that is not worth storing"


def plain(data: bytes) -> Payload:
    return Payload(metadata={"encoding": b"json/plain"}, data=data)


async def sealed(data: bytes) -> Payload:
    return (await CODEC.encode([plain(data)]))[0]


async def opened(payload: Payload) -> Payload:
    return (await CODEC.decode([payload]))[0]


def seal_by_hand(kind: bytes, content: bytes) -> Payload:
    header = kind + key_id(NEW)[:4]
    nonce = os.urandom(12)
    data = header + nonce + AESGCM(NEW).encrypt(nonce, content, b"certloom payload\x00" + header)
    return Payload(metadata={"encoding": ENCODING}, data=data)


@pytest.mark.parametrize("size", [0, 1, 199, 200, 201, 5000, 300_000])
async def test_round_trip(size: int) -> None:
    """Payloads of any size come back with data and metadata."""
    data = os.urandom(size // 2) + b"x" * (size - size // 2)
    assert await opened(await sealed(data)) == plain(data)


async def test_more_than_can_be_inflated() -> None:
    """A payload over the inflation limit is not compressed, so that it can be read again."""
    data = b"x" * (LARGEST_INFLATED + 1)
    assert (await opened(await sealed(data))).data == data


async def test_nothing_readable_remains() -> None:
    """Neither short nor long payloads show a word of what they carry, nor how it was encoded."""
    for repeats in (1, 100):
        stored = (await sealed(json.dumps([WORD] * repeats).encode())).SerializeToString()
        assert WORD.encode() not in stored
        assert b"json/plain" not in stored


async def test_never_the_same_twice() -> None:
    """Equal payloads do not look equal in a history."""
    assert (await sealed(b"x")).data != (await sealed(b"x")).data


async def test_old_key_still_opens() -> None:
    """Histories written before a rotation can be read after it."""
    old = SealedPayloadCodec(Keyring([OLD]))
    assert (await opened((await old.encode([plain(b"x")]))[0])).data == b"x"


async def test_every_changed_byte_is_handed_on_sealed() -> None:
    """A tampered payload comes back as it was, and decoding does not raise, whichever byte was changed."""
    payload = await sealed(b"x" * 300)
    for place in range(len(payload.data)):
        data = payload.data[:place] + bytes([payload.data[place] ^ 1]) + payload.data[place + 1 :]
        changed = Payload(metadata={"encoding": ENCODING}, data=data)
        assert await opened(changed) == changed


@settings(deadline=None)
@given(st.binary(max_size=80), st.sampled_from([ENCODING, b"json/plain", b"", b"binary/other"]))
async def test_any_payload(data: bytes, encoding: bytes) -> None:
    """Whatever somebody puts into a signal is handed on unchanged."""
    foreign = Payload(metadata={"encoding": encoding}, data=data)
    assert await opened(foreign) == foreign


async def test_payload_without_metadata() -> None:
    """A payload that names no encoding is handed on."""
    assert await opened(Payload(data=b"x")) == Payload(data=b"x")


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (b"\x02", zlib.compress(b"x" * (LARGEST_INFLATED + 1))),
        (b"\x02", b"not zlib"),
        (b"\x02", zlib.compress(os.urandom(500))[:-9]),
        (b"\x01", b"\xff\xff\xff"),
    ],
    ids=["bomb", "not zlib", "cut short", "not protobuf"],
)
async def test_well_sealed_nonsense(kind: bytes, content: bytes) -> None:
    """Even under the right key, a bomb or nonsense is handed on sealed instead of raising or filling the memory."""
    payload = seal_by_hand(kind, content)
    assert await opened(payload) == payload


async def test_sealed_by_hand_opens() -> None:
    """The layout is the documented one: kind, key id, nonce, ciphertext."""
    inner = plain(b"x")
    assert await opened(seal_by_hand(b"\x01", inner.SerializeToString())) == inner


async def test_overhead_of_a_kilobyte() -> None:
    """A kilobyte that does not compress costs at most 100 bytes more, and an ordinary view half of itself."""
    noise = plain(os.urandom(1024))
    assert (await CODEC.encode([noise]))[0].ByteSize() - noise.ByteSize() <= 100
    certificates = [{"id": f"cert_{n}", "status": "pending_verification", "phase": "proving"} for n in range(15)]
    view = plain(json.dumps(certificates).encode())
    assert (await CODEC.encode([view]))[0].ByteSize() < view.ByteSize() / 2


async def test_models_round_trip_without_defaults() -> None:
    """A model comes back equal, although fields that were never set are not stored."""
    payloads = await CONVERTER.encode([Order(name=WORD)])
    assert (await opened(payloads[0])).data == b'{"name":"planted-word"}'
    assert await CONVERTER.decode(payloads, [Order]) == [Order(name=WORD)]


async def test_tampered_payload_fails_in_the_converter() -> None:
    """What did not open is refused where a handler can catch it, not in the codec."""
    payload = (await CONVERTER.encode([Order(name="x")]))[0]
    broken = Payload(metadata=payload.metadata, data=payload.data[:-1])
    handed_on = await opened(broken)
    with pytest.raises(KeyError):
        CONVERTER.payload_converter.from_payloads([handed_on], [Order])


async def test_failures_are_sealed() -> None:
    """Error texts and stack traces are sealed like everything else and come back for our own eyes."""
    failure = Failure()
    await CONVERTER.encode_failure(ApplicationError(f"{WORD} in a message"), failure)
    assert WORD.encode() not in failure.SerializeToString()
    back: Any = await CONVERTER.decode_failure(failure)
    assert WORD in str(back)


@pytest.mark.parametrize(
    ("data", "stays"), [(b'"renewal"', True), (b'"' + b"x" * 200 + b'"', False), (b'{"a":1}', False)]
)
async def test_only_summaries_stay_readable(data: bytes, stays: bool) -> None:  # noqa: FBT001
    """A step's short summary is for the Temporal UI; everything longer and every object is sealed."""
    assert ((await sealed(data)).data == data) is stays
