"""Asks every authoritative server for a record, as a CA does that believes no cache.

Who is authoritative, the recursive resolver tells: by NS records of the name above, or by the zone that says there are
none. For the record itself it is never asked, or it would remember for minutes that the record was missing.
"""

import asyncio
from collections.abc import Iterable
from typing import Final, NamedTuple

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.CNAME
import dns.rdtypes.ANY.NS
import dns.rdtypes.ANY.TXT
from dns.rdatatype import RdataType

from certloom.dns.exchange import exchange
from certloom.dns.interface import Checked, DnsOutage, ServerAnswer, Survey
from certloom.domain.errors import CertloomError, Outage
from certloom.net.interface import Answer, Dialer, ZoneResolver

DEADLINE: Final = 25.0
"""Seconds for one check; less than Survey promises."""

SERVER_DEADLINE: Final = 5.0
"""Seconds for one server's answer."""

MOST_SERVERS: Final = 13  # as many as the root has; nobody can make us ask a thousand
MOST_STEPS: Final = 10  # aliases and referrals


class _Reply(NamedTuple):
    """What one server said: values, or an alias, or (a referral) whose zone it is, or what is wrong with it."""

    server: str
    values: tuple[str, ...] = ()
    alias: str | None = None
    below: "_Cut | None" = None
    error: str | None = None

    def told(self) -> ServerAnswer:
        return ServerAnswer(server=self.server, values=self.values, error=self.error)


class _Cut(NamedTuple):
    """A zone, and the servers that are named for it."""

    zone: str
    hosts: tuple[str, ...]


class NetworkAuthorities:
    """Implements Authorities. Servers are reached through the dialer; `port` is 53 outside of labs."""

    def __init__(self, resolver: ZoneResolver, dialer: Dialer, *, port: int = 53) -> None:
        self._resolver = resolver
        self._dialer = dialer
        self._port = port

    def survey(self) -> Survey:
        """See Authorities."""
        return _Survey(self._resolver, self._dialer, self._port)


class _Survey:
    """Implements Survey; who is authoritative for a name is asked once."""

    def __init__(self, resolver: ZoneResolver, dialer: Dialer, port: int) -> None:
        self._resolver = resolver
        self._dialer = dialer
        self._port = port
        self._known: dict[str, Answer[str]] = {}

    async def check(self, record_name: str, value: str) -> Checked:
        """See Survey."""
        try:
            async with asyncio.timeout(DEADLINE):
                return await self._walk(record_name.lower().rstrip("."), value)
        except TimeoutError:
            raise DnsOutage(
                f"The servers of {record_name} did not say within {DEADLINE:g} s what stands there."
            ) from None
        except Outage:
            raise
        except CertloomError as error:
            raise DnsOutage(error.detail) from error

    async def _walk(self, name: str, value: str) -> Checked:
        """Follow referrals and aliases; servers that do not know of an alias yet count as lacking the value."""
        cut, behind = await self._above(name), list[ServerAnswer]()
        for _ in range(MOST_STEPS):
            replies = await asyncio.gather(*(self._ask(host, name, cut.zone) for host in cut.hosts))
            alias = next((reply.alias for reply in replies if reply.alias), None)
            below = _deepest(reply.below for reply in replies if reply.below)
            if alias:
                behind += [reply.told() for reply in replies if reply.alias != alias and not reply.error]
                name, cut = alias, await self._above(alias)
            elif below:
                cut = below
            else:
                return Checked(
                    canonical_name=name, value=value, servers=(*behind, *(reply.told() for reply in replies))
                )
        raise DnsOutage(f"The aliases of {name} do not end: more than {MOST_STEPS} steps, or a loop.")

    async def _above(self, name: str) -> _Cut:
        """Return the closest zone above a name."""
        zone = _parent(name)
        while zone:
            answer = await self._name_servers(zone)
            if answer.canonical_name.lower() != zone:  # what stands behind an alias is another zone's
                zone = _parent(zone)
            elif answer.records:
                return _Cut(zone, tuple(sorted(set(answer.records))[:MOST_SERVERS]))
            else:
                zone = _further(zone, answer.zone)
        raise DnsOutage(f"No name server is known to be authoritative for {name}.")

    async def _name_servers(self, zone: str) -> Answer[str]:
        if zone not in self._known:
            self._known[zone] = await self._resolver.name_servers(zone)
        return self._known[zone]

    async def _ask(self, host: str, name: str, zone: str) -> _Reply:
        query = dns.message.make_query(dns.name.from_text(name), RdataType.TXT)
        query.flags &= ~dns.flags.RD
        try:
            answer = await exchange(self._dialer, host, self._port, query, deadline=SERVER_DEADLINE)
        except CertloomError as error:
            return _Reply(host, error=error.detail)
        return _read(host, name, zone, answer)


def _parent(name: str) -> str:
    return name.partition(".")[2]


def _further(name: str, told: str | None) -> str:
    """Return where to look next: the zone in which *name* was told to lie, or one label up where nobody said."""
    above = _parent(name)
    return told if told and f".{above}".endswith(f".{told}") else above


def _deepest(cuts: Iterable[_Cut]) -> _Cut | None:
    """Return the zone closest to the name, with all servers that anybody names for it."""
    found = list(cuts)
    zone = max((cut.zone for cut in found), key=len, default=None)
    if zone is None:
        return None
    hosts = {host for cut in found if cut.zone == zone for host in cut.hosts}
    return _Cut(zone, tuple(sorted(hosts)[:MOST_SERVERS]))


def _read(host: str, name: str, zone: str, answer: dns.message.Message) -> _Reply:
    if answer.rcode() not in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}:
        return _Reply(host, error=f"The name server {host} answered {dns.rcode.to_text(answer.rcode())}.")
    if not answer.flags & dns.flags.AA:
        return _referral(host, name, zone, answer)
    owner = dns.name.from_text(name)
    alias = answer.get_rrset(answer.answer, owner, dns.rdataclass.IN, RdataType.CNAME)
    if alias and isinstance(alias[0], dns.rdtypes.ANY.CNAME.CNAME):
        return _Reply(host, alias=_shown(alias[0].target))
    found = answer.get_rrset(answer.answer, owner, dns.rdataclass.IN, RdataType.TXT) or ()
    values = (b"".join(one.strings).decode("latin-1") for one in found if isinstance(one, dns.rdtypes.ANY.TXT.TXT))
    return _Reply(host, values=tuple(sorted(values)))


def _referral(host: str, name: str, zone: str, answer: dns.message.Message) -> _Reply:
    """Read whose it is instead: a zone that holds the name and lies below the one that was asked.

    A server that leads to that very zone, or upwards, was named for it and does not have it (a lame delegation): what
    is wrong is this server, and the others' word counts.
    """
    owner, asked = dns.name.from_text(name), dns.name.from_text(zone)
    for rrset in answer.authority:
        lower = rrset.name.is_subdomain(asked) and rrset.name != asked
        if rrset.rdtype == RdataType.NS and lower and owner.is_subdomain(rrset.name):
            hosts = {_shown(one.target) for one in rrset if isinstance(one, dns.rdtypes.ANY.NS.NS)}
            return _Reply(host, below=_Cut(_shown(rrset.name), tuple(sorted(hosts))))
    return _Reply(host, error=f"The name server {host} is not authoritative for {name}.")


def _shown(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower()
