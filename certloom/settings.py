"""Every setting of the service, as an environment variable CERTLOOM_<NAME> with its unit and its reason.

Read once per process, at its start; a bad value ends the process with one sentence that names the variable.
"""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from certloom.domain.errors import Refusal

PREFIX: Final = "CERTLOOM_"
DRIVERS: Final = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
}
LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


class BadSetting(Refusal):
    """The environment does not describe a service that can start; the sentence names the variables."""

    code = "bad_setting"


def _split(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _networks(value: object) -> object:
    parts = _split(value)
    return tuple(ip_network(part) for part in parts) if isinstance(parts, tuple) else parts


def _suffixes(value: object) -> object:
    parts = _split(value)
    return tuple(part.strip(".").lower() for part in parts) if isinstance(parts, tuple) else parts


Texts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Suffixes = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_suffixes)]
Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode, BeforeValidator(_networks)]
Port = Annotated[int, Field(ge=0, le=65535)]


def _setting(default: Any, description: str, **more: Any) -> Any:
    return Field(default=default, description=description, **more)


class Settings(BaseSettings):
    """The service's settings; everything has a default that is safe on one machine, except the keys."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", env_ignore_empty=True)

    # Where things are kept.
    home: Path = _setting(Path("var"), "Folder of the database, Temporal's file, the keys and the logs of `make run`.")
    database_url: SecretStr | None = _setting(None, "sqlite:///file or postgresql://...; default: a file in HOME.")
    database_url_file: Path | None = _setting(None, "File that holds DATABASE_URL, because it holds a password.")
    catalogue_file: Path | None = _setting(None, "JSON file of products that replaces the catalogue we ship.")

    # Keys: each is the content of a key file, or the file's name. There is no default, so none can be forgotten.
    customer_key: SecretStr | None = _setting(None, "Key file's content that seals customers' secrets; API, workers.")
    customer_key_file: Path | None = _setting(None, "File of the key that seals customers' secrets; API and workers.")
    issuer_key: SecretStr | None = _setting(None, "Key file's content that seals the CA's keys; workers only.")
    issuer_key_file: Path | None = _setting(None, "File of the key that seals the CA's keys; workers only.")
    payload_key: SecretStr | None = _setting(None, "Key file's content that encrypts Temporal payloads; API, workers.")
    payload_key_file: Path | None = _setting(None, "File of the key that encrypts Temporal payloads; API and workers.")

    # The API.
    api_host: str = _setting("127.0.0.1", "Address to listen on; loopback until a proxy with TLS stands in front.")
    api_port: Port = _setting(8080, "TCP port of API and console; 0 (under `make run`) picks a free one.")
    public_url: str | None = _setting(None, "What CRL and issuer addresses in certificates start with, for years.")
    allowed_hosts: Texts = _setting((), "Further Host headers to answer; others are refused, against DNS rebinding.")
    codec_origin: str | None = _setting(None, "Origin of the Temporal UI that may decode payloads; off by default.")

    # Temporal.
    temporal_address: str | None = _setting(None, "host:port of Temporal's frontend; default: TEMPORAL_PORT here.")
    temporal_namespace: str = _setting("default", "Namespace of all our workflows.", min_length=1)
    temporal_port: Port = _setting(7233, "TCP port of the Temporal server that `make run` starts; 0 picks one.")
    temporal_ui_port: Port = _setting(8233, "TCP port of the Temporal UI that `make run` starts; 0 picks one.")
    temporal_ui_url: str | None = _setting(None, "Where operators reach the Temporal UI; shown to operators only.")
    temporal_cli: Path | None = _setting(None, "Temporal CLI that `make run` starts instead of the wheel's.")
    retention_days: int = _setting(30, "Days that Temporal keeps closed runs; a refund dispute takes as long.", ge=1)

    # Proof of control.
    dns_servers: Texts = _setting((), "host:port,... that the validator asks; default: this system's own.")
    authority_port: Port = _setting(53, "TCP port of authoritative name servers; another one for labs only.")
    http01_port: Port = _setting(80, "TCP port of proofs by file (RFC 8555 section 8.3 says 80); else for labs only.")
    internal_suffixes: Suffixes = _setting((), "Suffixes outside the public list that the private CA may sign.")
    allow_networks: Networks = _setting((), "CIDRs to reach, and to certify, though on the deny list; for intranets.")
    caa_identities: Texts = _setting((), "CAA issuer domains that name us; default: PUBLIC_URL's host.")
    check_interval: float = _setting(5.0, "Seconds from the first look to the second; it doubles after.", gt=0, le=900)

    # Issuers from outside, and what helps customers to prove names to them.
    issuers_file: Path | None = _setting(None, "TOML file of the ACME CAs that products may name (docs/issuers.md).")
    delegation_file: Path | None = _setting(None, "TOML file of the zone that customers delegate proofs into.")
    renewal_interval: float = _setting(300.0, "Seconds between two looks whom to ask when to renew.", ge=5)
    sweep_interval: float = _setting(10.0, "Seconds between two clean-ups of published DNS records.", gt=0)

    # Targets.
    targets_file: Path | None = _setting(None, "TOML file of what the targets worker of this machine may touch.")
    watch_interval: float = _setting(900.0, "Seconds between two looks at what all endpoints serve.", ge=10)
    members_add_haproxy_tcp: bool = _setting(
        default=False, description="Whether members, too, add haproxy_tcp targets: no password there."
    )
    alibaba_cdn_endpoint: str | None = _setting(None, "Address of Alibaba's CDN API instead of the vendor's own.")
    alibaba_slb_endpoint: str | None = _setting(None, "Address of Alibaba's SLB API instead of the vendor's own.")
    alibaba_cas_endpoint: str | None = _setting(None, "Address of Alibaba's certificate store API, likewise.")

    # Workers.
    cached_workflows: int = _setting(1000, "Workflows that one worker keeps in memory; about 0.3 MB each.", ge=10)
    heartbeat_interval: float = _setting(3.0, "Seconds between signs of life of a running activity.", gt=0, le=60)
    reconcile_interval: float = _setting(60.0, "Seconds between two passes that restart lost workflows.", gt=0)
    crl_interval: float = _setting(600.0, "Seconds between two looks whether a CRL is due.", gt=0)
    purge_interval: float = _setting(3600.0, "Seconds between two clean-ups of remembered answers.", gt=0)
    log_level: Literal["debug", "info", "warning", "error"] = _setting("info", "What processes write to their log.")

    # Set by `make run` alone.
    lab_control_url: str | None = _setting(None, "Where the lab zone takes proofs; `/v1/lab` exists only with it.")

    @field_validator(
        "public_url",
        "codec_origin",
        "temporal_ui_url",
        "lab_control_url",
        "alibaba_cdn_endpoint",
        "alibaba_slb_endpoint",
        "alibaba_cas_endpoint",
    )
    @classmethod
    def _is_web_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("write an address such as https://certs.example.com")
        return value.rstrip("/")

    @property
    def base_url(self) -> str:
        """PUBLIC_URL, or this machine's own address."""
        return self.public_url or f"http://127.0.0.1:{self.api_port}"

    @property
    def hosts(self) -> tuple[str, ...]:
        """Every Host header that the API answers, without ports."""
        public = urlsplit(self.base_url).hostname or ""
        return tuple(dict.fromkeys((public, *LOOPBACK, *self.allowed_hosts)))

    @property
    def issuer_domains(self) -> tuple[str, ...]:
        """The domains by which CAA records name us."""
        return self.caa_identities or (urlsplit(self.base_url).hostname or "",)

    @property
    def temporal(self) -> str:
        """host:port of the Temporal frontend."""
        return self.temporal_address or f"127.0.0.1:{self.temporal_port}"

    def database(self) -> str:
        """Return the database's address with its driver; raises BadSetting for a kind that we do not know."""
        given = _secret("DATABASE_URL", self.database_url, self.database_url_file)
        kind, _, rest = (given or f"sqlite:///{(self.home / 'certloom.db').absolute()}").partition("://")
        if kind not in DRIVERS:
            raise BadSetting(
                f"{PREFIX}DATABASE_URL begins with {kind!r}: write sqlite:///<file> or "
                f"postgresql://<user>:<password>@<host>/<database>."
            )
        return f"{DRIVERS[kind]}://{rest}"


def read_settings(**given: Any) -> Settings:
    """Read the environment, with *given* on top; raises BadSetting with a sentence per bad variable."""
    try:
        return Settings(**given)
    except ValidationError as error:
        raise BadSetting(" ".join(_sentences(error))) from None


def _sentences(error: ValidationError) -> Iterable[str]:
    for fault in error.errors(include_input=False, include_url=False, include_context=False):
        place = str(fault["loc"][0]) if fault["loc"] else ""
        words = fault["msg"].removeprefix("Value error, ").removeprefix("Input ").rstrip(".")
        yield f"{PREFIX}{place.upper()}: {words}."


def _secret(name: str, value: SecretStr | None, path: Path | None) -> str:
    if value is not None and path is not None:
        raise BadSetting(f"{PREFIX}{name} and {PREFIX}{name}_FILE are both set: keep one.")
    if value is not None:
        return value.get_secret_value().strip()
    if path is None:
        return ""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise BadSetting(f"{PREFIX}{name}_FILE={path} cannot be read: {why}.") from error
