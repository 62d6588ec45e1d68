"""Uploading to the real reader, for the tests of uploads."""

from typing import Any

import pytest

from certloom.domain.errors import FieldFault, InvalidInput
from certloom.keys.credentials import PemCredentials
from certloom.keys.interface import UploadedCertificate
from tests.keys.authority import NOW, leaf, lower, middle

READER = PemCredentials()
CHAIN = lower().pem + middle().pem


def read(certificate: str, chain: str | None = None, key: str | None = None, **more: Any) -> UploadedCertificate:
    return read_with_key(certificate, chain, key, **more)[0]


def read_with_key(
    certificate: str, chain: str | None = None, key: str | None = None, **more: Any
) -> tuple[UploadedCertificate, bytes]:
    pem = leaf().key_pem if key is None else key
    return READER.read_upload(certificate=certificate, chain=chain, private_key=pem, now=more.get("now", NOW))


def refusals(certificate: str, chain: str | None = None, key: str | None = None, **more: Any) -> list[FieldFault]:
    with pytest.raises(InvalidInput) as caught:
        read_with_key(certificate, chain, key, **more)
    return list(caught.value.faults)


def refusal(certificate: str, chain: str | None = None, key: str | None = None, **more: Any) -> FieldFault:
    (fault,) = refusals(certificate, chain, key, **more)
    return fault
