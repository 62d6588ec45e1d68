"""DNS zones that we may write proofs into: what kinds there are, and what each needs to know.

Settings and credentials have one model per kind; what an API takes, SQL keeps and an adapter opens is the same value.
"""

import base64
import binascii
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import AfterValidator, Field, SecretStr, StringConstraints

from certloom.domain.model import Model, Utc
from certloom.domain.target import Address, Port

MOST_ZONES: Final = 100  # per account
PROOF_LABELS: Final = ("_acme-challenge", "_certloom-challenge")
TEST_LABEL: Final = "_certloom-test"
DELEGATED: Final = "delegation"
"""What stands in the place of a zone's id for records in the operator's own zone."""

_Z = TypeVar("_Z", bound="DnsZone")


class ZoneKind(StrEnum):
    """Who writes into a zone; each but the first has one adapter in certloom/dns/."""

    MANUAL = "manual"  # the customer publishes every record
    RFC2136 = "rfc2136"  # dynamic updates signed with a TSIG key
    LEXICON = "lexicon"  # a vendor's API, by the dns-lexicon package


class TsigAlgorithm(StrEnum):
    """How an update is signed (RFC 8945 section 6); what is broken or private is left out."""

    SHA256 = "hmac-sha256"
    SHA384 = "hmac-sha384"
    SHA512 = "hmac-sha512"


class Vendor(StrEnum):
    """DNS vendors whose API has one public address that nobody can change by an option."""

    ALIYUN = "aliyun"
    CLOUDFLARE = "cloudflare"
    DESEC = "desec"
    DIGITALOCEAN = "digitalocean"
    DNSIMPLE = "dnsimple"
    DNSPOD = "dnspod"
    GODADDY = "godaddy"
    HETZNER = "hetzner"
    INFOMANIAK = "infomaniak"
    IONOS = "ionos"
    LINODE = "linode"
    LUADNS = "luadns"
    NETCUP = "netcup"
    NSONE = "nsone"
    PORKBUN = "porkbun"
    RCODEZERO = "rcodezero"
    SCALEWAY = "scaleway"
    VULTR = "vultr"


class VendorOptions(Model):
    """The options that a vendor's API is driven with; every value counts as a secret."""

    needed: tuple[str, ...]
    optional: tuple[str, ...] = ()


_TOKEN: Final = VendorOptions(needed=("auth_token",))
_USER_TOKEN: Final = VendorOptions(needed=("auth_username", "auth_token"))
_KEY_SECRET: Final = VendorOptions(needed=("auth_key", "auth_secret"))

VENDOR_OPTIONS: Final[Mapping[Vendor, VendorOptions]] = {
    Vendor.ALIYUN: VendorOptions(needed=("auth_key_id", "auth_secret")),
    Vendor.CLOUDFLARE: VendorOptions(needed=("auth_token",), optional=("auth_username", "zone_id")),
    Vendor.DESEC: _TOKEN,
    Vendor.DIGITALOCEAN: _TOKEN,
    Vendor.DNSIMPLE: _TOKEN,
    Vendor.DNSPOD: _USER_TOKEN,
    Vendor.GODADDY: _KEY_SECRET,
    Vendor.HETZNER: _TOKEN,
    Vendor.INFOMANIAK: _TOKEN,
    Vendor.IONOS: VendorOptions(needed=("api_key",)),
    Vendor.LINODE: _TOKEN,
    Vendor.LUADNS: _USER_TOKEN,
    Vendor.NETCUP: VendorOptions(needed=("auth_customer_id", "auth_api_key", "auth_api_password")),
    Vendor.NSONE: _TOKEN,
    Vendor.PORKBUN: _KEY_SECRET,
    Vendor.RCODEZERO: _TOKEN,
    Vendor.SCALEWAY: VendorOptions(needed=("auth_secret_key",)),
    Vendor.VULTR: _TOKEN,
}
"""All that may be given. What names an address, a file or a program is not among it: it would lead round our guard."""


def _secret(value: SecretStr) -> SecretStr:
    try:
        long_enough = len(base64.b64decode(value.get_secret_value(), validate=True)) >= 16
    except (binascii.Error, ValueError):
        long_enough = False
    if not long_enough:
        raise ValueError("write the key's secret in base64, 16 bytes or more, as tsig-keygen prints it")
    return value


def _option(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("write it as the vendor shows it: visible ASCII characters, no blanks")
    return value


_LABEL: Final = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
KeyName = Annotated[str, StringConstraints(max_length=253, pattern=rf"^{_LABEL}(?:\.{_LABEL})*$")]
Option = Annotated[SecretStr, Field(max_length=500), AfterValidator(_option)]


class ManualSettings(Model):
    """Nothing is needed: the customer publishes the records, also where a zone above is written by us."""

    kind: Literal[ZoneKind.MANUAL] = ZoneKind.MANUAL


class Rfc2136Settings(Model):
    """The primary name server, reached over TCP, and the key that its update-policy permits."""

    kind: Literal[ZoneKind.RFC2136] = ZoneKind.RFC2136
    server: Address
    port: Port = 53
    key_name: KeyName
    algorithm: TsigAlgorithm = TsigAlgorithm.SHA256

    @property
    def where(self) -> str:
        """Name the server in sentences."""
        return self.server if self.port == 53 else f"{self.server}:{self.port}"


class Rfc2136Credentials(Model):
    """The TSIG key's secret in base64."""

    secret: Annotated[SecretStr, Field(max_length=1000), AfterValidator(_secret)]


class LexiconSettings(Model):
    """A vendor's API; which options it needs, VENDOR_OPTIONS says."""

    kind: Literal[ZoneKind.LEXICON] = ZoneKind.LEXICON
    provider: Vendor


class LexiconCredentials(Model):
    """The vendor's options by name."""

    options: dict[str, Option]


ZoneSettings = Annotated[ManualSettings | Rfc2136Settings | LexiconSettings, Field(discriminator="kind")]
ZoneCredentials = Rfc2136Credentials | LexiconCredentials

SETTINGS: Final[Mapping[ZoneKind, type[Model]]] = {
    ZoneKind.MANUAL: ManualSettings,
    ZoneKind.RFC2136: Rfc2136Settings,
    ZoneKind.LEXICON: LexiconSettings,
}
CREDENTIALS: Final[Mapping[ZoneKind, type[ZoneCredentials] | None]] = {
    ZoneKind.MANUAL: None,
    ZoneKind.RFC2136: Rfc2136Credentials,
    ZoneKind.LEXICON: LexiconCredentials,
}


class DnsZone(Model):
    """A zone of an account, as an A-label name without a last dot. Credentials are kept apart, sealed."""

    id: str
    account_id: str
    zone: str
    settings: ZoneSettings
    created_at: Utc
    deleted_at: Utc | None = None

    @property
    def kind(self) -> ZoneKind:
        """Who writes into it."""
        return self.settings.kind

    @property
    def is_written(self) -> bool:
        """Whether we write into it; the owner of a manual one does."""
        return self.kind is not ZoneKind.MANUAL

    @property
    def credentials_ref(self) -> str:
        """Where its sealed credentials are kept."""
        return f"{self.id}/credentials"


def lies_in(name: str, zone: str) -> bool:
    """Whether a name is the zone's own or below it; upper and lower case are the same (RFC 4343)."""
    return f".{name.lower()}".endswith(f".{zone.lower()}")


def closest(zones: Iterable[_Z], record_name: str) -> _Z | None:
    """Return the zone with the longest name that holds the record; None when there is none."""
    holding = [zone for zone in zones if lies_in(record_name, zone.zone)]
    return max(holding, key=lambda zone: len(zone.zone), default=None)


def proven_name(record_name: str) -> str | None:
    """Return the name that a proof's record speaks for; None when it has none of PROOF_LABELS in front."""
    label, _, base = record_name.lower().partition(".")
    return base if label in PROOF_LABELS else None


def revealed(credentials: ZoneCredentials) -> dict[str, Any]:
    """Return the credentials with their secrets in clear, for sealing and nothing else."""
    if isinstance(credentials, Rfc2136Credentials):
        return {"secret": credentials.secret.get_secret_value()}
    return {"options": {name: value.get_secret_value() for name, value in credentials.options.items()}}
