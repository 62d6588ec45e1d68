"""The issuers file: what an operator may write, and a sentence for each fault in it."""

from datetime import timedelta
from pathlib import Path

import pytest

from certloom.domain.budget import LETS_ENCRYPT, Limit, LimitScope
from certloom.issuers.acme_config import IssuersInvalid, read_issuers, read_names

GOOD = """
[letsencrypt]
directory = "https://acme-v02.api.letsencrypt.org/directory"
contact = ["mailto:pki@example.com"]
terms_agreed = true
caa_identities = ["letsencrypt.org"]
profile = "tlsserver"
limits = "letsencrypt"

[zerossl]
directory = "https://acme.zerossl.com/v2/DV90"
eab_key_id = "kid-1"
eab_key_file = "zerossl.key"
further_hosts = ["other.zerossl.com"]
limits = [{scope = "orders", count = 20, period = "30m"}]
"""
BARE = '[one]\ndirectory = "https://ca.example.net/directory"\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    key = tmp_path / "zerossl.key"
    key.write_text("YW4gaG1hYyBrZXkgb2YgMzIgYnl0ZXMgYW5kIG1vcmU\n")
    key.chmod(0o600)
    return tmp_path / "issuers.toml"


def faults(file: Path, text: str) -> str:
    file.write_text(text)
    with pytest.raises(IssuersInvalid) as refused:
        read_issuers(file)
    return refused.value.detail


def test_a_file_is_read_by_name(file: Path) -> None:
    """Each table is an issuer; relative files lie beside it."""
    file.write_text(GOOD)
    found = read_issuers(file)
    assert list(found) == ["letsencrypt", "zerossl"] == list(read_names(file))
    assert found["letsencrypt"].limits == LETS_ENCRYPT
    assert found["zerossl"].limits.items == (Limit(scope=LimitScope.ORDERS, count=20, period=timedelta(minutes=30)),)
    assert found["zerossl"].further_hosts == ("other.zerossl.com:443",)


def test_a_binding_key_is_read_and_not_shown(file: Path) -> None:
    """The key comes from its file, and stands in no text of the configuration."""
    file.write_text(GOOD)
    config = read_issuers(file)["zerossl"]
    assert config.eab_key is not None
    assert config.eab_key.get_secret_value() == b"an hmac key of 32 bytes and more"
    assert "hmac" not in f"{config!r} {config.model_dump()} {config.model_dump_json()}"


def test_a_bare_issuer_has_no_limits(file: Path) -> None:
    """Everything but the directory has a default."""
    file.write_text(BARE)
    config = read_issuers(file)["one"]
    assert (config.limits.items, config.terms_agreed, config.profile) == ((), False, None)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("limits = 'letsencrypt2'", "'letsencrypt', 'none'"),
        ("limits = [{scope = 'orders', count = 0, period = '3h'}]", "a count from 1"),
        ("limits = [{scope = 'orders', count = 1, period = '3 hours'}]", '"3h"'),
        ("limits = [{scope = 'moons', count = 1, period = '3h'}]", "name_set"),
        ("limits = [3]", "write each limit as"),
        ("contact = ['pki@example.com']", "mailto:pki@example.com"),
        ("eab_key_id = 'kid-1'", "set together"),
        ("eab_key_file = 'zerossl.key'", "set together"),
        ("eab_key_id = 'kid-1'\neab_key_file = 'missing.key'", "missing.key cannot be read"),
        ("eab_key = 'secret'", "eab_key_file"),
        ("trusted_root_file = 'zerossl.key'", "no PEM file"),
        ("trusted_root_file = 'missing.pem'", "no PEM file"),
        ("further_hosts = ['https://other.example.net']", "write a host as"),
        ("caa_identities = ['Not A Domain']", "caa_identities"),
        ("colour = 'red'", "colour"),
    ],
)
def test_a_fault_is_told(file: Path, line: str, told: str) -> None:
    """The sentence names file, issuer and setting, and what to write."""
    detail = faults(file, BARE + line)
    assert told in detail
    assert f"{file}, [one]" in detail


@pytest.mark.parametrize(
    "directory",
    [
        "http://ca.example.net/directory",
        "https:///directory",
        "https://user:password@ca.example.net/directory",
        "https://ca.example.net/directory?x=1",
        "https://ca.example.net/directory#x",
        "https://ca.example.net:0/directory",
        "https://ca.example.net:99999/directory",
        "ca.example.net",
    ],
)
def test_a_directory_is_plain_https(file: Path, directory: str) -> None:
    """Nothing but https is spoken to a CA, and a password has no place in an address."""
    assert "directory" in faults(file, f"[one]\ndirectory = '{directory}'\n")


@pytest.mark.parametrize("name", ["private", "Upper", "with space", "-x", "x" * 41, ""])
def test_a_name_may_not_be_anything(file: Path, name: str) -> None:
    """The name is what products say, and `private` is our own CA's."""
    text = f"['{name}']\ndirectory = 'https://ca.example.net/directory'\n"
    assert "name" in faults(file, text)
    with pytest.raises(IssuersInvalid):
        read_names(file)


def test_every_fault_is_told_at_once(file: Path) -> None:
    """Three faults in two issuers are three sentences."""
    detail = faults(file, BARE + "colour = 'red'\n[two]\ndirectory = 'http://x/'\ncontact = ['me']\n")
    assert detail.count(str(file)) == 3


def test_a_key_that_others_may_read_is_refused(file: Path, tmp_path: Path) -> None:
    """A binding key is a secret; the sentence says how to close it."""
    (tmp_path / "zerossl.key").chmod(0o644)
    assert "chmod 600" in faults(file, GOOD)


@pytest.mark.parametrize(
    "content", ["c2hvcnQ", "not base64!", "YW4gaG1hYyBrZXkgb2Yg+/IgYnl0ZXMgYW5kIG1vcmU", "Z9", "ü"]
)
def test_a_key_that_is_none_is_refused(file: Path, tmp_path: Path, content: str) -> None:
    """Too short, no base64url or no text: the sentence names the file, and not what is in it."""
    (tmp_path / "zerossl.key").write_text(content)
    detail = faults(file, GOOD)
    assert "zerossl.key" in detail
    assert content not in detail


@pytest.mark.parametrize("text", ["[one", "one = 1", "\xff"])
def test_what_is_no_table_is_refused(file: Path, text: str) -> None:
    """Broken TOML, and a value where an issuer should be."""
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(IssuersInvalid, match=r"issuers\.toml"):
        read_issuers(file)


def test_a_missing_file_is_refused(file: Path) -> None:
    """The sentence names it."""
    with pytest.raises(IssuersInvalid, match="No such file"):
        read_names(file)
