from pathlib import Path

import pytest

from certloom.settings import PREFIX, BadSetting, Settings, read_settings


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"{PREFIX}{name.upper()}", raising=False)


def test_every_setting_has_its_reason() -> None:
    """No setting is without a sentence that says its unit and what it is for."""
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_lists_are_written_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list in the environment is separated by commas; blanks and a trailing comma do no harm."""
    monkeypatch.setenv("CERTLOOM_DNS_SERVERS", "127.0.0.1:5301, 9.9.9.9,")
    monkeypatch.setenv("CERTLOOM_ALLOW_NETWORKS", "127.0.0.0/8,fd00::/8")
    monkeypatch.setenv("CERTLOOM_INTERNAL_SUFFIXES", ".Corp.Internal,lab.test")
    settings = read_settings()
    assert settings.dns_servers == ("127.0.0.1:5301", "9.9.9.9")
    assert [str(network) for network in settings.allow_networks] == ["127.0.0.0/8", "fd00::/8"]
    assert settings.internal_suffixes == ("corp.internal", "lab.test")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("API_PORT", "eighty"),
        ("API_PORT", "70000"),
        ("PUBLIC_URL", "certs.example.com"),
        ("ALLOW_NETWORKS", "everything"),
        ("CHECK_INTERVAL", "0"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_a_bad_value_is_told_by_its_variable(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that cannot be used ends with a sentence that names the variable to change."""
    monkeypatch.setenv(f"{PREFIX}{name}", value)
    with pytest.raises(BadSetting, match=f"^{PREFIX}{name}: .*[.]$"):
        read_settings()


def test_a_secret_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the settings' text nor an error about them contains a key or a database password."""
    monkeypatch.setenv("CERTLOOM_CUSTOMER_KEY", "open-sesame")
    monkeypatch.setenv("CERTLOOM_DATABASE_URL", "oracle://me:open-sesame@db/x")
    settings = read_settings()
    with pytest.raises(BadSetting) as refusal:
        settings.database()
    assert "open-sesame" not in repr(settings) + str(settings) + str(refusal.value)


def test_the_public_address_decides_what_depends_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Host names to answer and CAA identity follow PUBLIC_URL, and its last slash is not kept."""
    monkeypatch.setenv("CERTLOOM_PUBLIC_URL", "https://certs.example.com/")
    settings = read_settings(allowed_hosts=("inside.example.com",))
    assert settings.base_url == "https://certs.example.com"
    assert settings.hosts == ("certs.example.com", "localhost", "127.0.0.1", "::1", "inside.example.com")
    assert settings.issuer_domains == ("certs.example.com",)


def test_a_database_address_may_come_in_a_file(tmp_path: Path) -> None:
    """A password need not stand in the environment: the whole address may be in a file, and gets its driver."""
    secret = tmp_path / "database_url"
    secret.write_text("postgresql://me:pw@db/certloom\n", encoding="utf-8")
    assert read_settings(database_url_file=secret).database() == "postgresql+asyncpg://me:pw@db/certloom"


def test_a_missing_file_is_told_by_its_variable(tmp_path: Path) -> None:
    """A file that is not there ends with a sentence that names variable and path."""
    with pytest.raises(BadSetting, match=r"CERTLOOM_DATABASE_URL_FILE=.*missing cannot be read: No such file"):
        read_settings(database_url_file=tmp_path / "missing").database()


def test_without_a_database_a_file_in_home_is_used(tmp_path: Path) -> None:
    """HOME alone is enough to begin with."""
    assert read_settings(home=tmp_path).database() == f"sqlite+aiosqlite:///{tmp_path}/certloom.db"
