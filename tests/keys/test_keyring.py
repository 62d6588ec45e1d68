"""Key files and key texts."""

import base64
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certloom.keys.interface import KeyringInvalid
from certloom.keys.keyring import (
    Keyring,
    add_key,
    create_key_file,
    key_id,
    new_key,
    parse_keyring,
    read_key_file,
    retire_old_keys,
)

OLD = base64.b64encode(b"o" * 32).decode()
NEW = base64.b64encode(b"n" * 32).decode()


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "customer.key"
    create_key_file(path)
    return path


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def newest(path: Path) -> bytes:
    return read_key_file(path).newest[1]


def test_new_file_is_private(key_file: Path) -> None:
    """A new key file can be read by its owner only and holds one key."""
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert len(read_key_file(key_file)) == 1


def test_existing_file_is_left_alone(key_file: Path) -> None:
    """Making a key file where one exists changes nothing, since every secret hangs on it."""
    before = key_file.read_bytes()
    assert create_key_file(key_file) is False
    assert key_file.read_bytes() == before


def test_many_makers_agree(tmp_path: Path) -> None:
    """Of many processes that start at once exactly one makes the file, and no draft is left behind."""
    path = tmp_path / "k"
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(create_key_file, [path] * 16))
    assert made.count(True) == 1
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620, 0o601])
def test_open_file_is_refused(tmp_path: Path, mode: int) -> None:
    """A file that others may touch is refused with the command that mends it."""
    path = write(tmp_path / "k", NEW, mode)
    with pytest.raises(KeyringInvalid, match=r"k: others may .* chmod 600"):
        read_key_file(path)


def test_comments_and_blank_lines(tmp_path: Path) -> None:
    """Comments, blank lines and CRLF are skipped, and the first key is the newest."""
    path = write(tmp_path / "k", f"# kept by Ann\r\n\r\n{NEW}  # 2026\r\n{OLD}\r\n")
    assert newest(path) == b"n" * 32
    assert len(read_key_file(path)) == 2


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "no sealing key"),
        ("# nothing yet\n", "no sealing key"),
        ("c2hvcnQ=", "key 1 has 5 bytes"),
        (f"{NEW}\nc2hvcnQ=", "key 2 has 5 bytes"),
        ("not base64!", "key 1 is not base64"),
        ("käse", "not text"),
    ],
)
def test_bad_content(tmp_path: Path, text: str, sentence: str) -> None:
    """A file without usable keys is refused with a sentence that says which line is at fault."""
    path = write(tmp_path / "k", text)
    with pytest.raises(KeyringInvalid, match=sentence):
        read_key_file(path)


def test_missing_file(tmp_path: Path) -> None:
    """A missing file is named."""
    with pytest.raises(KeyringInvalid, match=r"nowhere\.key: it cannot be read"):
        read_key_file(tmp_path / "nowhere.key")


def test_adding_keeps_the_old_key(key_file: Path) -> None:
    """Rotation's first step puts a new key in front, and the old one still opens."""
    old = newest(key_file)
    added = add_key(key_file)
    keyring = read_key_file(key_file)
    assert keyring.newest[0] == added
    assert keyring.find(key_id(old)) == [old]
    assert key_file.stat().st_mode & 0o777 == 0o600


def test_adding_keeps_comments(tmp_path: Path) -> None:
    """What an operator wrote into the file survives a rotation's first step."""
    path = write(tmp_path / "k", f"# kept by Ann\n{OLD}\n")
    add_key(path)
    assert "# kept by Ann" in path.read_text()


def test_retiring_keeps_the_newest(key_file: Path) -> None:
    """Rotation's last step leaves the newest key only, and doing it again drops nothing."""
    add_key(key_file)
    kept = newest(key_file)
    assert retire_old_keys(key_file) == 1
    assert retire_old_keys(key_file) == 0
    assert newest(key_file) == kept


def test_rotation_through_a_link(key_file: Path, tmp_path: Path) -> None:
    """A symbolic link still points at the file after a rotation."""
    link = tmp_path / "link"
    link.symlink_to(key_file)
    add_key(link)
    assert link.is_symlink()
    assert len(read_key_file(key_file)) == 2


def test_failed_rotation_changes_nothing(tmp_path: Path) -> None:
    """A file that cannot be read is not rotated."""
    path = write(tmp_path / "k", "broken")
    with pytest.raises(KeyringInvalid):
        add_key(path)
    assert path.read_text() == "broken"


def test_text_from_the_environment() -> None:
    """An environment variable holds keys separated by commas."""
    assert parse_keyring(f"{NEW}, {OLD}").newest == (key_id(b"n" * 32), b"n" * 32)


def test_repr_hides_keys() -> None:
    """What may reach a log shows ids and no key."""
    keyring = parse_keyring(NEW)
    assert repr(keyring) == f"Keyring({key_id(b'n' * 32).hex()})"


def test_short_id_finds_every_key_it_fits() -> None:
    """A shortened id finds its key among others."""
    keyring = Keyring([b"n" * 32, b"o" * 32])
    assert keyring.find(key_id(b"o" * 32)[:4]) == [b"o" * 32]


def test_new_keys_differ() -> None:
    """Every new key is 32 fresh bytes."""
    assert len(base64.b64decode(new_key())) == 32
    assert new_key() != new_key()


@given(st.one_of(st.text(), st.binary(max_size=80).map(lambda raw: base64.b64encode(raw).decode())))
def test_any_text(text: str) -> None:
    """Any text is a keyring or is refused with a sentence that does not quote it."""
    try:
        assert len(parse_keyring(text)) >= 1
    except KeyringInvalid as error:
        assert len(text) < 20 or text not in error.detail  # noqa: PT017


@pytest.mark.skipif(os.getuid() != 0, reason="only root may give files away")
def test_root_leaves_the_owner_as_it_was(key_file: Path) -> None:
    """After root rotated, the service's user still owns the file."""
    os.chown(key_file, 65534, 65534)
    add_key(key_file)
    assert key_file.stat().st_uid == 65534
