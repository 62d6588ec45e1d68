"""The delegation file: the operator's own zone, into which customers lead their proofs by an alias.

Written by whoever runs the service. Nothing that arrives over HTTP can widen it, so its server may be an inside one.
"""

import tomllib
from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, Field, SecretStr, ValidationError

from certloom.dns.interface import DelegationZone, DnsRefused
from certloom.dns.rfc2136 import Rfc2136Provider
from certloom.domain.model import Model
from certloom.domain.target import Address, Port, ServerName
from certloom.domain.zone import KeyName, Rfc2136Credentials, Rfc2136Settings, TsigAlgorithm
from certloom.net.interface import Dialer

LONGEST_ZONE: Final = 253 - 27  # a label of 26 letters and a dot must fit before it


def _fitting(zone: str) -> str:
    name = zone.rstrip(".")
    if len(name) > LONGEST_ZONE:
        raise ValueError(f"write a zone of at most {LONGEST_ZONE} characters")
    return name


class Delegation(Model):
    """A whole delegation file. `secret` is the TSIG key's, in base64; or `secret_file` names the file that holds it."""

    zone: Annotated[ServerName, AfterValidator(_fitting)]
    server: Address
    port: Port = 53
    key_name: KeyName
    algorithm: TsigAlgorithm = TsigAlgorithm.SHA256
    secret: Annotated[SecretStr | None, Field(max_length=1000)] = None
    secret_file: Path | None = None


def read_delegation(path: Path) -> Delegation:
    """Read a delegation file; raises DnsRefused with a sentence that names what is wrong in it."""
    try:
        return Delegation.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise DnsRefused(f"The delegation file {path} cannot be read: {_reason(error)}.") from error
    except tomllib.TOMLDecodeError as error:
        raise DnsRefused(f"The delegation file {path} is not TOML: {error}.") from error
    except ValidationError as error:
        raise DnsRefused(f"The delegation file {path} is not right: {_places(error)}.") from None


def open_delegation(path: Path, dialer: Dialer) -> DelegationZone:
    """Read the file and return the zone with who writes into it; raises DnsRefused.

    *dialer* may reach every network: the server is the operator's own choice.
    """
    given = read_delegation(path)
    settings = Rfc2136Settings(server=given.server, port=given.port, key_name=given.key_name, algorithm=given.algorithm)
    try:
        credentials = Rfc2136Credentials(secret=_secret(given, path))
    except ValidationError as error:
        raise DnsRefused(f"The delegation file {path} is not right: {_places(error)}.") from None
    return DelegationZone(given.zone, Rfc2136Provider(given.zone, settings, credentials, dialer))


def _secret(given: Delegation, path: Path) -> SecretStr:
    if (given.secret is None) == (given.secret_file is None):
        raise DnsRefused(f"The delegation file {path} needs either secret or secret_file.")
    if given.secret_file is None:
        return given.secret or SecretStr("")
    try:
        return SecretStr(given.secret_file.read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError) as error:
        raise DnsRefused(f"The file {given.secret_file} with the secret cannot be read: {_reason(error)}.") from error


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return (error.strerror or "unknown") if isinstance(error, OSError) else "it is not text"


def _places(error: ValidationError) -> str:
    faults = error.errors(include_input=False, include_url=False, include_context=False)
    return "; ".join(
        f"{'.'.join(map(str, fault['loc']))}: {fault['msg'].removeprefix('Value error, ')}" for fault in faults
    )
