"""What Temporal stores of us: payloads compressed, sealed under the payload key, and JSON of what was set only.

Layout of a sealed payload's data: kind (1 byte), key id (4), nonce (12), ciphertext and tag (16): 33 bytes more.
"""

import os
import zlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import PydanticPayloadConverter, ToJsonOptions, pydantic_data_converter
from temporalio.converter import DataConverter, DefaultFailureConverterWithEncodedAttributes, PayloadCodec

from certloom.keys.keyring import Keyring

ENCODING: Final = b"binary/certloom-sealed"
COMPRESS_ABOVE: Final = 200  # bytes; below, zlib's own frame eats what it saves
LARGEST_INFLATED: Final = 8 * 1024 * 1024  # bytes; four times what Temporal lets a payload have

LONGEST_SUMMARY: Final = 100  # bytes

_DETAILS: Final = b"temporal.api.sdk.v1.WorkflowMetadata"
_PLAIN: Final = b"\x01"
_DEFLATED: Final = b"\x02"
_KEY_ID_BYTES: Final = 4  # enough to tell a handful of keys apart, and half the price of a seal at rest
_HEADER_BYTES: Final = 1 + _KEY_ID_BYTES
_NONCE_BYTES: Final = 12  # random; a key is good for 2**32 payloads (NIST SP 800-38D 8.3), then add a new one
_PURPOSE: Final = b"certloom payload\x00"


class SealedPayloadCodec(PayloadCodec):
    """zlib above 200 bytes, then AES-256-GCM; whole payloads, metadata included, but for what operators must read.

    Safe to share.
    """

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._key_id = keyring.newest[0][:_KEY_ID_BYTES]
        self._cipher = AESGCM(keyring.newest[1])

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Seal each payload under the newest key; every call gives other bytes, since nonces are random."""
        return [self._seal(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Open what this codec sealed, and hand on everything else as it came.

        Never raises. A codec that raises fails the workflow *task*, and Temporal repeats that for ever: one tampered
        or foreign signal would wedge a certificate that no code can then reach. A payload that does not open is handed
        on still sealed, so the payload converter refuses its encoding inside our handler's own try, where the refusal
        is recorded and nothing stops.
        """
        return [self._open(payload) for payload in payloads]

    def _seal(self, payload: Payload) -> Payload:
        if _is_for_operators(payload):
            return payload
        kind, content = _shrink(payload.SerializeToString())
        header = kind + self._key_id
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, content, _PURPOSE + header)
        return Payload(metadata={"encoding": ENCODING}, data=header + nonce + sealed)

    def _open(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCODING:
            return payload
        header, rest = payload.data[:_HEADER_BYTES], payload.data[_HEADER_BYTES:]
        content = self._decrypt(header, rest[:_NONCE_BYTES], rest[_NONCE_BYTES:])
        opened = None if content is None else _parse(header[:1], content)
        return payload if opened is None else opened

    def _decrypt(self, header: bytes, nonce: bytes, sealed: bytes) -> bytes | None:
        for key in self._keyring.find(header[1:]):
            try:
                return AESGCM(key).decrypt(nonce, sealed, _PURPOSE + header)
            except (InvalidTag, ValueError):  # ValueError: a nonce cut short
                continue
        return None


class SetFieldsPayloadConverter(PydanticPayloadConverter):
    """Pydantic's converter, leaving out fields that were never set: their defaults come back on reading.

    A class without arguments, because the SDK makes its own instances of it.
    """

    def __init__(self) -> None:
        super().__init__(ToJsonOptions(exclude_unset=True))


def make_data_converter(codec: PayloadCodec) -> DataConverter:
    """Return the one data converter of clients and workers; error texts and stack traces are sealed as well."""
    return replace(
        pydantic_data_converter,
        payload_converter_class=SetFieldsPayloadConverter,
        payload_codec=codec,
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )


def _is_for_operators(payload: Payload) -> bool:
    """Whether the Temporal UI must be able to show it: what a workflow waits for, and the summaries of its steps.

    These hold ids, statuses, dates and A-labels only (DESIGN 5). A bare short string is never anything else of ours:
    arguments, results and errors are JSON objects.
    """
    if payload.metadata.get("messageType") == _DETAILS:
        return True
    is_json = payload.metadata.get("encoding") == b"json/plain"
    return is_json and payload.data[:1] == b'"' and len(payload.data) <= LONGEST_SUMMARY


def _shrink(content: bytes) -> tuple[bytes, bytes]:
    if COMPRESS_ABOVE < len(content) <= LARGEST_INFLATED:
        deflated = zlib.compress(content)
        if len(deflated) < len(content):
            return _DEFLATED, deflated
    return _PLAIN, content


def _parse(kind: bytes, content: bytes) -> Payload | None:
    try:
        whole = _inflate(content) if kind == _DEFLATED else content
        return Payload.FromString(whole)
    except (zlib.error, DecodeError, ValueError):
        return None


def _inflate(content: bytes) -> bytes:
    """Inflate up to the limit; a small payload that would fill the memory is not ours, even when well sealed."""
    stream = zlib.decompressobj()
    whole = stream.decompress(content, LARGEST_INFLATED)
    if not stream.eof:
        raise ValueError("cut short, or over the limit")
    return whole
