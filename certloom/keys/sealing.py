"""Secrets at rest: AES-256-GCM under the newest key of a keyring, bound to the row that holds them.

Layout: version (1 byte), key id (8), nonce (12), ciphertext and tag (16); all but the nonce is authenticated with
the identity.
"""

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from certloom.keys.interface import SealBroken
from certloom.keys.keyring import KEY_ID_BYTES, Keyring

VERSION: Final = b"\x01"
NONCE_BYTES: Final = 12  # random; good for 2**32 secrets under one key (NIST SP 800-38D 8.3)

_HEADER_BYTES: Final = len(VERSION) + KEY_ID_BYTES


class AesGcmSealer:
    """The Sealer of the product; safe to share between threads and tasks."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._header = VERSION + keyring.newest[0]
        self._cipher = AESGCM(keyring.newest[1])

    def seal(self, secret: bytes, *, identity: str) -> bytes:
        """Seal under the newest key; every call gives another value, since the nonce is random."""
        nonce = os.urandom(NONCE_BYTES)
        return self._header + nonce + self._cipher.encrypt(nonce, secret, self._header + identity.encode())

    def unseal(self, sealed: bytes, *, identity: str) -> bytes:
        """Open with the key that sealed it; raises SealBroken, which tells neither content nor identity."""
        header, rest = sealed[:_HEADER_BYTES], sealed[_HEADER_BYTES:]
        if header[:1] != VERSION or len(rest) <= NONCE_BYTES:
            raise SealBroken("A sealed value is not in the form that this version writes.")
        nonce, content = rest[:NONCE_BYTES], rest[NONCE_BYTES:]
        keys = self._keyring.find(header[1:])
        if not keys:
            raise SealBroken(f"The key {header[1:].hex()} that sealed a value is not in the key file.")
        try:
            return AESGCM(keys[0]).decrypt(nonce, content, header + identity.encode())
        except InvalidTag:
            raise SealBroken("A sealed value was changed, or belongs to another row.") from None

    def is_current(self, sealed: bytes) -> bool:
        """Whether the newest key sealed it, in today's layout."""
        return sealed.startswith(self._header)
