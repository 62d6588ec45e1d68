"""The service's own 32-byte keys, from a file or the environment: one or more, newest first.

A key file has one base64 key a line and comments after `#`. Rotation prepends a key, re-seals, then drops the old ones.
"""

import base64
import binascii
import hashlib
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from certloom.keys.interface import KeyringInvalid

KEY_BYTES: Final = 32  # AES-256
KEY_ID_BYTES: Final = 8

_OTHERS: Final = 0o077
_LARGEST_FILE: Final = 64 * 1024  # bytes
_HEADER: Final = (
    "# Certloom sealing keys, newest first. Whoever has this file can open what is sealed; back it up apart.\n"
)


class Keyring:
    """Keys, newest first: the newest seals, all of them open. Its repr shows ids only."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys:
            raise KeyringInvalid("There is no sealing key; put one base64 line of 32 random bytes there.")
        for place, key in enumerate(keys, start=1):
            if len(key) != KEY_BYTES:
                raise KeyringInvalid(f"Sealing key {place} has {len(key)} bytes; a key has {KEY_BYTES}.")
        self._keys = tuple((key_id(key), key) for key in keys)

    @property
    def newest(self) -> tuple[bytes, bytes]:
        """The id and the key that seal from now on."""
        return self._keys[0]

    def find(self, wanted: bytes) -> Sequence[bytes]:
        """Return the keys whose id starts with *wanted*, newest first; a short id may, rarely, fit several."""
        return [key for identifier, key in self._keys if identifier.startswith(wanted)]

    def __len__(self) -> int:
        return len(self._keys)

    def __repr__(self) -> str:
        return f"Keyring({', '.join(identifier.hex() for identifier, _ in self._keys)})"


class FileKeyring(Keyring):
    """A key file that is read again when something was sealed under a key it did not have at the start.

    So a rotation reaches running processes: they open at once what the new key sealed, and seal with it themselves
    from their next start.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ring = read_key_file(path)

    @property
    def newest(self) -> tuple[bytes, bytes]:
        """The id and the key that seal."""
        return self._ring.newest

    def find(self, wanted: bytes) -> Sequence[bytes]:
        """Return the keys whose id starts with *wanted*."""
        return self._ring.find(wanted) or read_key_file(self._path).find(wanted)

    def __len__(self) -> int:
        return len(self._ring)

    def __repr__(self) -> str:
        return repr(self._ring)


def key_id(key: bytes) -> bytes:
    """Return the public id of a key: eight bytes of a hash that serves no other purpose."""
    return hashlib.sha256(b"certloom key id\x00" + key).digest()[:KEY_ID_BYTES]


def parse_keyring(text: str) -> Keyring:
    """Read base64 keys separated by commas or line ends, newest first, as from an environment variable.

    Raises KeyringInvalid, with a sentence that never quotes the text.
    """
    entries = [entry.strip() for line in text.splitlines() for entry in line.partition("#")[0].split(",")]
    return Keyring([_decode(entry, place) for place, entry in enumerate(filter(None, entries), start=1)])


def read_key_file(path: Path) -> Keyring:
    """Read a key file. Raises KeyringInvalid when it is missing, open to others, or holds anything but keys."""
    try:
        return parse_keyring(_read_private(path))
    except KeyringInvalid as error:
        raise KeyringInvalid(f"{path}: {error.detail}") from None


def create_key_file(path: Path) -> bool:
    """Make a key file with one new key and mode 0600, and say whether it was made; an existing one is left alone.

    May be called by several processes at once: one of them makes it, and none ever sees half of it.
    """
    draft = _write_draft(path, _HEADER + new_key() + "\n")
    try:
        # Unlike a rename, a link never replaces, and unlike an exclusive open it appears with its content.
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    _sync_folder(path.parent)
    return True


def add_key(path: Path) -> bytes:
    """Put a new key before the others and return its id; rotation's first step. Each call adds another.

    Raises KeyringInvalid as read_key_file does. Not meant for two operators at once.
    """
    read_key_file(path)
    added = new_key()
    _replace(path, f"{added}\n{_read_private(path)}")
    return key_id(base64.b64decode(added))


def retire_old_keys(path: Path) -> int:
    """Keep the newest key only and return how many were dropped; rotation's last step, once all is re-sealed.

    What an old key sealed cannot be opened afterwards. May be called again: then it drops none.
    """
    keyring = read_key_file(path)
    _replace(path, _HEADER + base64.b64encode(keyring.newest[1]).decode("ascii") + "\n")
    return len(keyring) - 1


def new_key() -> str:
    """Return a new random key as a key file writes it."""
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode("ascii")


def _decode(entry: str, place: int) -> bytes:
    try:
        return base64.b64decode(entry, validate=True)
    except (binascii.Error, ValueError):
        raise KeyringInvalid(f"Sealing key {place} is not base64; make one with `openssl rand -base64 32`.") from None


def _read_private(path: Path) -> str:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if mode & _OTHERS:
                raise KeyringInvalid(f"others may read or change it (mode {mode & 0o777:04o}); run chmod 600 on it.")
            return file.read(_LARGEST_FILE).decode("ascii")
    except OSError as error:
        raise KeyringInvalid(f"it cannot be read ({error.strerror}).") from None
    except UnicodeDecodeError:
        raise KeyringInvalid("it is not text; one base64 key a line is expected.") from None


def _replace(path: Path, text: str) -> None:
    real = path.resolve()  # a symbolic link keeps pointing at the file
    owner = real.stat()
    draft = _write_draft(real, text)
    if owner.st_uid != os.getuid():  # root rotates what the service must still be able to read
        os.chown(draft, owner.st_uid, owner.st_gid)
    draft.replace(real)
    _sync_folder(real.parent)


def _write_draft(path: Path, text: str) -> Path:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return draft


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
