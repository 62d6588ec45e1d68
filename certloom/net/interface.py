"""What asking DNS and dialling out promise to the rest: results, errors, and the two Protocols.

Every address that a tenant can name is reached through a Dialer, so that the deny list holds everywhere.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Generic, Protocol, TypeVar

from certloom.domain.errors import Outage, Refusal

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

R_co = TypeVar("R_co", covariant=True)


class AddressRefused(Refusal):
    """The address is on our deny list, or is spelled in a way we do not accept; nothing was sent to it."""

    code = "address_refused"

    def __init__(self, address: str, why: str) -> None:
        super().__init__(f"The address {address} is refused: {why}.")
        self.address = address
        self.why = why


class RedirectRefused(Refusal):
    """A web server points to where we do not follow; the place it points to was not contacted."""

    code = "redirect_refused"


class Unreachable(Outage):
    """No connection to host and port came about; `detail` says at which step, for a person who runs that host."""

    code = "unreachable"


class NoAddress(Unreachable):
    """The name has no address, so there is nothing to connect to."""

    code = "no_address"


class BrokenAnswer(Outage):
    """The peer accepted the connection and then did not speak its protocol to the end."""

    code = "broken_answer"


class Missing(StrEnum):
    """Why a lookup found nothing, when a name server did say so (RFC 2308 section 2)."""

    NO_SUCH_NAME = "no_such_name"
    NO_DATA = "no_data"


@dataclass(frozen=True, slots=True)
class Answer(Generic[R_co]):
    """What DNS says about a name: either records, or why there are none.

    `canonical_name` is where the aliases led to, without the last dot; it equals `name` when there are none. `zone` is
    the one that it lies in, where an answer without records says so (RFC 2308 section 3).

    `ttl` is for how many seconds DNS lets anybody remember this: the shortest time on the way, for what is missing as
    RFC 2308 section 5 has it. It is 0 when nobody says, or when only a part could be looked up.
    """

    name: str
    canonical_name: str
    records: tuple[R_co, ...] = ()
    missing: Missing | None = None
    zone: str | None = None
    ttl: int = 0


@dataclass(frozen=True, slots=True)
class CaaRecord:
    """One CAA property as it stands in DNS (RFC 8659 section 4.1). Bytes, because nothing forces it to be text."""

    flags: int
    tag: str
    value: bytes

    @property
    def critical(self) -> bool:
        """True when an issuer that does not know the tag must not issue."""
        return bool(self.flags & 0x80)


class Resolver(Protocol):
    """Asks recursive name servers, without search domains or hosts file.

    Each call asks anew, but for what RememberingResolver says that it remembers. Aliases are followed. Every method may
    be called any number of times, takes about 5 s per alias at the most, raises Outage when no server gave a usable
    answer, and InvalidInput when the name cannot stand in DNS.
    """

    async def addresses(self, host: str) -> Answer[IPAddress]:
        """AAAA before A. When only one of the two families can be looked up, that one is the answer."""
        ...

    async def texts(self, name: str) -> Answer[str]:
        """TXT values, the strings of each joined without a blank; each byte becomes one character."""
        ...

    async def caa(self, name: str) -> Answer[CaaRecord]:
        """The CAA records at exactly this name; climbing the tree is the caller's."""
        ...


class ZoneResolver(Resolver, Protocol):
    """A Resolver that also finds who is authoritative."""

    async def name_servers(self, zone: str) -> Answer[str]:
        """The hosts of the NS records at exactly this name, in lower case; none where no zone begins."""
        ...


@dataclass(frozen=True, slots=True)
class Tls:
    """How to wrap a connection in TLS 1.2 or newer.

    `server_name` is sent as SNI and verified; without it the dialled host is. `accept_any_certificate` verifies
    nothing at all: only for looking at what is served, or where nothing secret is sent or believed.
    """

    server_name: str | None = None
    accept_any_certificate: bool = False


@dataclass(frozen=True, slots=True)
class Connection:
    """An open stream to one checked address. `peer_certificate` is the leaf in DER, None without TLS."""

    host: str
    address: IPAddress
    port: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    peer_certificate: bytes | None = None

    async def close(self) -> None:
        """Drop the connection without a TLS goodbye, so that a peer cannot hold us; may be called twice."""
        self.writer.transport.abort()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


class Dialer(Protocol):
    """Opens streams to hosts that tenants name, never to an address on the deny list."""

    async def resolve(self, host: str) -> Sequence[IPAddress]:
        """The permitted addresses of a host or canonical IP literal, IPv6 first; never empty.

        For SDKs that dial by themselves: give them one of these addresses, not the host, or the check is void.
        Raises AddressRefused when all addresses are refused, NoAddress, Outage, InvalidInput.
        """
        ...

    async def dial(self, host: str, port: int, *, tls: Tls | None = None) -> Connection:
        """Connect to a freshly resolved, checked and pinned address; the caller closes the connection.

        Tries one IPv6 address and then, when the connection itself fails, one IPv4 address; never a third.
        Raises what `resolve` raises, and Unreachable.
        """
        ...


BODY_LIMIT = 128
"""Bytes of a body that we keep; a proof is shorter (RFC 8555 section 8.1: token, dot and thumbprint are 87)."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """The last answer. `body` holds at most BODY_LIMIT bytes; `truncated` says that there were more."""

    url: str
    address: IPAddress
    status: int
    body: bytes
    truncated: bool
    location: str | None = None


class ProofHttp(Protocol):
    """Gets small bodies from web servers that tenants name."""

    async def get(self, url: str) -> Fetched:
        """Fetch within 9.5 s, following at most ten redirects by the rules for http-01; any status is an answer.

        TLS certificates met on the way are not verified: what counts is the content, and a host that proves control
        for the first time has no certificate yet. May be called any number of times. Raises RedirectRefused,
        AddressRefused, InvalidInput; Unreachable, BrokenAnswer, or another Outage.
        """
        ...
