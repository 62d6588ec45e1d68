"""The delegation file: read, or refused with a sentence about what is wrong in it."""

from pathlib import Path

import pytest

from certloom.dns.delegation import open_delegation, read_delegation
from certloom.dns.interface import DnsRefused
from certloom.net.dialer import GuardedDialer
from certloom.net.resolver import DnsResolver
from tests.dns.bind import SECRET

GOOD = f'zone = "Proofs.example.net."\nserver = "10.0.0.5"\nkey_name = "certloom"\nsecret = "{SECRET}"\n'
DIALER = GuardedDialer(DnsResolver())


def write(folder: Path, text: str) -> Path:
    path = folder / "delegation.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_good_file_is_opened(tmp_path: Path) -> None:
    """The zone is in lower case and without a last dot, whatever stands in the file."""
    path = write(tmp_path, GOOD.replace(".net.", ".net"))
    assert (read_delegation(path).port, read_delegation(path).algorithm) == (53, "hmac-sha256")
    assert open_delegation(path, DIALER).zone == "proofs.example.net"


def test_the_secret_may_stand_in_a_file_of_its_own(tmp_path: Path) -> None:
    """A secret that a platform mounts is named by its file."""
    (tmp_path / "key").write_text(f"{SECRET}\n", encoding="ascii")
    text = GOOD.replace(".net.", ".net").replace(f'secret = "{SECRET}"', f'secret_file = "{tmp_path}/key"')

    assert open_delegation(write(tmp_path, text), DIALER).zone == "proofs.example.net"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("zone", "is not TOML"),
        ("", "zone: Field required"),
        (GOOD + "colour = 1\n", "colour"),
        (GOOD.replace("Proofs.example.net.", "no zone"), "zone: write a DNS name"),
        (GOOD.replace("Proofs.example.net.", "a" * 60 + ".b" * 90), "zone"),
        (GOOD.replace(".net.", ".net").replace(SECRET, "short"), "secret: write the key's secret in base64"),
        (GOOD.replace(".net.", ".net").replace(f'secret = "{SECRET}"', ""), "either secret or secret_file"),
        (GOOD.replace(".net.", ".net") + 'secret_file = "/x"\n', "either secret or secret_file"),
        (GOOD.replace(".net.", ".net") + "port = 0\n", "port"),
    ],
)
def test_a_bad_file_is_refused_with_a_sentence(tmp_path: Path, text: str, words: str) -> None:
    """The operator reads which file, which line of it, and what to write; never the secret."""
    path = write(tmp_path, text)
    with pytest.raises(DnsRefused) as refused:
        open_delegation(path, DIALER)

    assert words in refused.value.detail
    assert str(path) in refused.value.detail
    assert SECRET not in refused.value.detail


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """So is a secret's file."""
    with pytest.raises(DnsRefused, match="cannot be read: No such file"):
        open_delegation(tmp_path / "none.toml", DIALER)
    text = GOOD.replace(".net.", ".net").replace(f'secret = "{SECRET}"', 'secret_file = "/no/such/file"')
    with pytest.raises(DnsRefused, match="with the secret cannot be read"):
        open_delegation(write(tmp_path, text), DIALER)
