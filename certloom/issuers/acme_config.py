"""The issuers file: one TOML table for each ACME CA that products may name, written by an operator.

[letsencrypt]
directory = "https://acme-v02.api.letsencrypt.org/directory"
contact = ["mailto:pki@example.com"]
terms_agreed = true
limits = "letsencrypt"
"""

import base64
import binascii
import os
import re
import ssl
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretBytes,
    ValidationError,
    field_validator,
    model_validator,
)

from certloom.domain.budget import LETS_ENCRYPT, Limit, Limits, LimitScope
from certloom.domain.errors import Refusal
from certloom.domain.model import Model

KNOWN: Final[Mapping[str, Limits]] = {"letsencrypt": LETS_ENCRYPT, "none": Limits()}
RESERVED: Final = frozenset({"private"})  # the embedded CA
NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")

_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]+")  # the decoder skips whatever else it meets
_OTHERS: Final = 0o077
_SHORTEST_HMAC: Final = 16  # bytes
_LARGEST_FILE: Final = 64 * 1024  # bytes
_UNITS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


class IssuersInvalid(Refusal):
    """An issuers file cannot be used; the sentences name each fault and where it is."""

    code = "issuers_invalid"


def _https(url: str) -> str:
    parts = urlsplit(url)
    plain = re.fullmatch(r"https://[^/]+/[!-~]{0,2000}", url) and parts.hostname and parts.username is None
    if not plain or parts.query or parts.fragment:
        raise ValueError("write an address such as https://acme.example.com/directory; plain http is not accepted")
    if parts.port == 0:
        raise ValueError("port 0 is no port")
    return url


def _contact(url: str) -> str:
    if not re.fullmatch(r"mailto:[^@\s,?]{1,64}@[^@\s,?]{1,255}", url):
        raise ValueError("write a contact as mailto:pki@example.com")
    return url


def _origin(host: str) -> str:
    if not re.fullmatch(r"[a-z0-9.-]{1,253}(?::[0-9]{1,5})?", host):
        raise ValueError("write a host as acme.example.com or acme.example.com:8443")
    return host if ":" in host else f"{host}:443"


def _limits(value: object) -> object:
    if isinstance(value, str):
        if value not in KNOWN:
            raise ValueError(f"write one of {', '.join(map(repr, KNOWN))}, or a list of limits")
        return KNOWN[value]
    if isinstance(value, list):
        return Limits(items=tuple(_limit(item) for item in value))
    return value


def _limit(item: object) -> Limit:
    """Read `{scope = "orders", count = 300, period = "3h"}`."""
    if not isinstance(item, dict) or set(item) != {"scope", "count", "period"}:
        raise ValueError('write each limit as {scope = "orders", count = 300, period = "3h"}')
    period = re.fullmatch(r"([0-9]{1,6})([mhd])", str(item["period"]))
    if item["scope"] not in set(LimitScope) or not isinstance(item["count"], int) or item["count"] < 1 or not period:
        scopes = ", ".join(LimitScope)
        raise ValueError(f'a limit has a scope ({scopes}), a count from 1, and a period such as "30m", "3h" or "7d"')
    if int(period[1]) < 1:
        raise ValueError("a limit's period is longer than nothing")
    return Limit(scope=LimitScope(item["scope"]), count=item["count"], period=int(period[1]) * _UNITS[period[2]])


class AcmeConfig(Model):
    """One CA. `caa_identities` come from the CA's own directory when they are not given here."""

    name: str
    directory: Annotated[str, AfterValidator(_https)]
    contact: tuple[Annotated[str, AfterValidator(_contact)], ...] = ()
    terms_agreed: bool = False
    caa_identities: tuple[Annotated[str, Field(pattern=r"^[a-z0-9.-]{1,253}$")], ...] = ()
    profile: Annotated[str | None, Field(min_length=1, max_length=64)] = None
    eab_key_id: Annotated[str | None, Field(min_length=1, max_length=200)] = None
    eab_key_file: Path | None = None
    eab_key: SecretBytes | None = Field(default=None, exclude=True)  # read from the file
    limits: Annotated[Limits, BeforeValidator(_limits)] = Limits()
    trusted_root_file: Path | None = None
    further_hosts: tuple[Annotated[str, AfterValidator(_origin)], ...] = ()

    @field_validator("name")
    @classmethod
    def _may_be_named(cls, name: str) -> str:
        if fault := _why_not(name):
            raise ValueError(fault)
        return name

    @model_validator(mode="after")
    def _files_are_right(self) -> Self:
        if (self.eab_key_id is None) != (self.eab_key_file is None and self.eab_key is None):
            raise ValueError("eab_key_id and eab_key_file are set together or not at all")
        if self.trusted_root_file is not None:
            _check_roots(self.trusted_root_file)
        return self


def read_names(path: Path) -> Sequence[str]:
    """Return the names that products may use, for processes that may not read the issuers' secrets.

    Raises IssuersInvalid for a file that is no TOML, and for names that cannot be used.
    """
    names = tuple(_tables(path))
    faults = [f"{path}, [{name}]: {fault}." for name in names if (fault := _why_not(name))]
    if faults:
        raise IssuersInvalid(" ".join(faults))
    return names


def read_issuers(path: Path) -> Mapping[str, AcmeConfig]:
    """Read an issuers file, by the name that products use; raises IssuersInvalid with a sentence per fault.

    Relative file names in it are looked for beside it.
    """
    found: dict[str, AcmeConfig] = {}
    faults: list[str] = []
    for name, table in _tables(path).items():
        try:
            found[name] = _read(name, table, path.parent)
        except ValidationError as error:
            faults.extend(f"{path}, [{name}]{sentence}" for sentence in _sentences(error))
        except ValueError as error:
            faults.append(f"{path}, [{name}]: {error}.")
    if faults:
        raise IssuersInvalid(" ".join(faults))
    return found


def _tables(path: Path) -> Mapping[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise IssuersInvalid(f"The issuers file {path} cannot be read: {_why(error)}.") from error
    except tomllib.TOMLDecodeError as error:
        raise IssuersInvalid(f"The issuers file {path} is not TOML: {error}.") from error


def _why_not(name: str) -> str | None:
    if name in RESERVED:
        return f"the name {name!r} is reserved for an issuer of our own; choose another"
    if not NAME.fullmatch(name):
        return "an issuer's name has lower-case letters, digits and hyphens, at most 40"
    return None


def _read(name: str, table: object, folder: Path) -> AcmeConfig:
    if not isinstance(table, dict):
        raise ValueError("an issuer is a table with at least `directory`")  # noqa: TRY004 - a fault of the file
    if "name" in table or "eab_key" in table:
        raise ValueError("the name is the table's own, and an EAB key stands in a file (eab_key_file)")
    fields: dict[str, Any] = {**table, "name": name}
    for key in ("eab_key_file", "trusted_root_file"):
        if isinstance(table.get(key), str):
            fields[key] = folder / table[key]
    if isinstance(fields.get("eab_key_file"), Path):
        fields["eab_key"] = SecretBytes(_read_hmac(fields["eab_key_file"]))
    return AcmeConfig.model_validate(fields)


def _read_hmac(path: Path) -> bytes:
    """Return an EAB key, which CAs hand out as base64url (RFC 8555 section 7.3.4)."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & _OTHERS:
                raise ValueError(f"others may read the key in {path}; run chmod 600 on it")
            text = file.read(_LARGEST_FILE).decode("latin-1").strip().rstrip("=")
        key = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)) if _BASE64URL.fullmatch(text) else b""
    except OSError as error:
        raise ValueError(f"eab_key_file {path} cannot be read: {_why(error)}") from error
    except binascii.Error:
        key = b""
    if not key:
        raise ValueError(f"{path} holds no base64url key, as a CA hands it out")
    if len(key) < _SHORTEST_HMAC:
        raise ValueError(f"the key in {path} has {len(key)} bytes; an EAB key has {_SHORTEST_HMAC} at least")
    return key


def _check_roots(path: Path) -> None:
    try:
        ssl.create_default_context(cafile=str(path))
    except OSError as error:  # an SSLError is one
        raise ValueError(f"trusted_root_file {path} is no PEM file of certificates that can be read") from error


def _sentences(error: ValidationError) -> Iterator[str]:
    for fault in error.errors(include_input=False, include_url=False, include_context=False):
        place = ".".join(str(part) for part in fault["loc"] if not isinstance(part, int))
        yield f"{f' {place}' if place else ''}: {fault['msg'].removeprefix('Value error, ').rstrip('.')}."


def _why(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else "it is not text"
