"""What an ACME CA answers: objects of RFC 8555 section 7.1 as far as we read them, and when to come again.

Read leniently: unknown fields, statuses and challenge types are no faults, for CAs add to them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final, Self, TypeVar

import requests
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from certloom.domain.address import is_address, read_address
from certloom.domain.errors import Outage

LONGEST_PAUSE: Final = timedelta(days=31)
SHORTEST_PAUSE: Final = 1.0  # seconds
TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{1,200}")  # RFC 8555 section 8.1: base64url
LONGEST_SHOWN: Final = 300  # characters of a CA's text

M = TypeVar("M", bound="Wire")


class Wire(BaseModel):
    """An object that a CA sent."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, value: Any) -> Any:
        """Some servers write null for what they have not."""
        return {key: item for key, item in value.items() if item is not None} if isinstance(value, dict) else value


class Identifier(Wire):
    """What is certified: `dns` or `ip`, and its text."""

    type: str = "dns"
    value: str = ""

    @classmethod
    def of(cls, name: str) -> Self:
        """Return a name of ours as it is ordered (RFC 8555 section 9.7.7, RFC 8738 section 3)."""
        return cls(type="ip" if is_address(name) else "dns", value=name)

    @property
    def name(self) -> str:
        """The name as we write it; what is neither, such as an address as a DNS name, is told with its type."""
        address = read_address(self.value)
        if self.type == "ip" and address:
            return str(address)
        if self.type == "dns" and address is None:
            return self.value.lower()
        return f"{self.type} {self.value}"


class Problem(Wire):
    """A problem document (RFC 7807, RFC 8555 section 6.7)."""

    typ: str = Field(default="about:blank", alias="type")
    detail: str = ""
    identifier: Identifier | None = None
    subproblems: tuple[Self, ...] = ()

    @property
    def code(self) -> str:
        """The last part of a type of ACME's own, such as rejectedIdentifier; else `other`."""
        found = re.fullmatch(r"urn:ietf:params:acme:error:([A-Za-z]{1,40})", self.typ)
        return found[1] if found else "other"


class AcmeChallenge(Wire):
    """One way to prove an identifier; what a type unknown to us needs is not read."""

    type: str
    url: str = ""
    status: str = "pending"
    token: str = ""
    error: Problem | None = None


class Authorization(Wire):
    """One identifier to be proven, by any of its challenges."""

    identifier: Identifier
    status: str
    challenges: tuple[AcmeChallenge, ...] = ()
    wildcard: bool = False
    expires: AwareDatetime | None = None

    @property
    def name(self) -> str:
        """The identifier as it was ordered; a wildcard's comes back without its star."""
        name = self.identifier.name
        return f"*.{name}" if self.wildcard and not name.startswith("*.") else name

    def challenge(self, method: str) -> AcmeChallenge | None:
        """Return the challenge of that type, if the CA offers one."""
        return next((item for item in self.challenges if item.type == method), None)


class AcmeOrderBody(Wire):
    """An order as the CA has it."""

    status: str
    identifiers: tuple[Identifier, ...] = ()
    authorizations: tuple[str, ...] = ()
    finalize: str = ""
    certificate: str | None = None
    expires: AwareDatetime | None = None
    profile: str | None = None
    error: Problem | None = None


class Meta(Wire):
    """What a directory says about its CA."""

    terms: str | None = Field(default=None, alias="termsOfService")
    caa_identities: tuple[str, ...] = Field(default=(), alias="caaIdentities")
    binding_required: bool = Field(default=False, alias="externalAccountRequired")
    profiles: Mapping[str, Any] | None = None

    @field_validator("caa_identities")
    @classmethod
    def _are_domains(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        """What is none is dropped: customers are shown these as what to write into DNS."""
        return tuple(name.lower() for name in given[:20] if re.fullmatch(r"[A-Za-z0-9.-]{1,253}", name))


class Directory(Wire):
    """Where a CA's resources are (RFC 8555 section 7.1.1)."""

    new_nonce: str = Field(alias="newNonce")
    new_account: str = Field(alias="newAccount")
    new_order: str = Field(alias="newOrder")
    revoke_cert: str = Field(default="", alias="revokeCert")
    renewal_info: str | None = Field(default=None, alias="renewalInfo")
    meta: Meta = Meta()


@dataclass(frozen=True)
class Reply:
    """One answer, with all that its headers say."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def of(cls, response: requests.Response) -> Self:
        """Take over what was read."""
        return cls(response.url or "", response.status_code, response.headers, response.content)

    @property
    def ok(self) -> bool:
        """Whether the CA did what was asked."""
        return 200 <= self.status < 300

    @property
    def location(self) -> str | None:
        """Where the object is that was made."""
        return self.headers.get("Location")

    def read(self, kind: type[M]) -> M:
        """Return the body as an object; raises Outage when it is none."""
        try:
            return kind.model_validate_json(self.body)
        except ValidationError as error:
            raise Outage(f"The CA answered {self.status} with something that is no {kind.__name__}.") from error

    def problem(self) -> Problem | None:
        """Return the problem document in it, if it is one."""
        try:
            return Problem.model_validate_json(self.body)
        except ValidationError:
            return None

    def come_again(self, now: datetime) -> datetime | None:
        """Return when the CA wants to be asked again (RFC 9110 section 10.2.3), in UTC; None when it does not say.

        A date is counted from the CA's own, so that a clock that differs from ours makes no difference.
        """
        text = self.headers.get("Retry-After", "").strip()
        if re.fullmatch(r"[0-9]{1,9}", text):
            return now + min(timedelta(seconds=int(text)), LONGEST_PAUSE)
        until = read_date(text)
        if until is None:
            return None
        pause = until - (read_date(self.headers.get("Date", "")) or now)
        return now + max(timedelta(0), min(pause, LONGEST_PAUSE))

    def pause(self, now: datetime, *, default: float) -> float:
        """Return the same in seconds, and never less than one."""
        until = self.come_again(now)
        return default if until is None else max(SHORTEST_PAUSE, (until - now).total_seconds())


def read_date(text: str) -> datetime | None:
    """Read an HTTP-date as an aware moment in UTC; None when it is none."""
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def shown(text: str) -> str:
    """Return a CA's text for people: one line, bounded, without control, format and direction characters."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text[: 4 * LONGEST_SHOWN]).split())
    return line if len(line) <= LONGEST_SHOWN else line[: LONGEST_SHOWN - 1] + "…"
