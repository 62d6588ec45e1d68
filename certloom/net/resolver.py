"""The resolver of our own: explicit name servers, no search domains, TCP when an answer is cut.

It tells "there is no such record" from "nobody could say", because only the first is a fact to act on. It asks each
time; what may be remembered, and how long, is in memory.py.
"""

import asyncio
from collections.abc import Sequence
from ipaddress import ip_address
from typing import TypeGuard, TypeVar

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdatatype
import dns.rdtypes.ANY.CAA
import dns.rdtypes.ANY.NS
import dns.rdtypes.ANY.TXT
import dns.ttl
from dns.rdatatype import RdataType

from certloom.domain.errors import FieldFault, InvalidInput, Outage
from certloom.net.interface import Answer, CaaRecord, IPAddress, Missing
from certloom.net.nameservers import NameServer, system_nameservers

QUERY_LIFETIME = 5.0
"""Seconds for one question over all servers and repetitions; two aliases still fit into one look of 10 s."""

SERVER_TIMEOUT = 1.5
"""Seconds for one try at one server, so that three tries fit into QUERY_LIFETIME."""

MAX_ALIASES = 8
"""Aliases we ask for one by one, when a server does not answer with the whole chain."""

R = TypeVar("R")

_UDP_PAYLOAD = 1232  # what passes everywhere without fragments (DNS flag day 2020)
_PASSING = (dns.exception.DNSException, OSError, EOFError)


class DnsResolver:
    """Implements ZoneResolver over UDP and TCP.

    Servers are asked in order; those that time out are asked once more. Without servers the system's are used, read
    anew for each question, so that a changed network needs no restart.
    """

    def __init__(
        self,
        servers: Sequence[NameServer] = (),
        *,
        query_lifetime: float = QUERY_LIFETIME,
        server_timeout: float = SERVER_TIMEOUT,
    ) -> None:
        self._servers = tuple(servers)
        self._query_lifetime = query_lifetime
        self._server_timeout = server_timeout

    async def addresses(self, host: str) -> Answer[IPAddress]:
        """See Resolver; AAAA and A are asked at the same time."""
        results = await asyncio.gather(
            self._look_up(host, RdataType.AAAA), self._look_up(host, RdataType.A), return_exceptions=True
        )
        answers = [result for result in results if isinstance(result, Answer)]
        failures = [result for result in results if isinstance(result, BaseException)]
        found = [answer for answer in answers if answer.records]
        if failures and not found:
            raise failures[0]
        records = tuple(ip_address(rdata.to_text()) for answer in found for rdata in answer.records)
        first = found[0] if found else answers[0]
        ttl = 0 if failures else min(answer.ttl for answer in found or answers)
        return Answer(host, first.canonical_name, records, first.missing, first.zone, ttl)

    async def texts(self, name: str) -> Answer[str]:
        """See Resolver."""
        answer = await self._look_up(name, RdataType.TXT)
        values = tuple(_joined(rdata) for rdata in answer.records if isinstance(rdata, dns.rdtypes.ANY.TXT.TXT))
        return _with(values, answer)

    async def caa(self, name: str) -> Answer[CaaRecord]:
        """See Resolver."""
        answer = await self._look_up(name, RdataType.CAA)
        records = tuple(
            CaaRecord(rdata.flags, rdata.tag.decode("ascii"), rdata.value)
            for rdata in answer.records
            if isinstance(rdata, dns.rdtypes.ANY.CAA.CAA)
        )
        return _with(records, answer)

    async def name_servers(self, zone: str) -> Answer[str]:
        """See ZoneResolver."""
        answer = await self._look_up(zone, RdataType.NS)
        hosts = tuple(
            _shown(rdata.target).lower() for rdata in answer.records if isinstance(rdata, dns.rdtypes.ANY.NS.NS)
        )
        return _with(hosts, answer)

    async def _look_up(self, name: str, rdtype: RdataType) -> Answer[dns.rdata.Rdata]:
        asked, ttl = _read_name(name), dns.ttl.MAX_TTL
        for _ in range(MAX_ALIASES):
            response = await self._ask(asked, rdtype)
            chain = response.resolve_chaining()
            canonical, ttl = chain.canonical_name, min(ttl, chain.minimum_ttl)
            if chain.answer is not None:
                return Answer(name, _shown(canonical), tuple(chain.answer), ttl=ttl)
            gone = response.rcode() == dns.rcode.NXDOMAIN
            if gone or canonical == asked:
                missing, zone = Missing.NO_SUCH_NAME if gone else Missing.NO_DATA, _zone(response, canonical)
                return Answer(name, _shown(canonical), missing=missing, zone=zone, ttl=ttl if zone else 0)
            # Only a part of the chain came back, as authoritative servers do: go on from its end.
            asked = canonical
        raise Outage(f"The aliases of {name} do not end: more than {MAX_ALIASES} CNAME records, or a loop.")

    async def _ask(self, name: dns.name.Name, rdtype: RdataType) -> dns.message.QueryMessage:
        servers = list(self._servers or system_nameservers())
        faults: dict[NameServer, str] = {}
        try:
            async with asyncio.timeout(self._query_lifetime):
                for server in [*servers, *servers]:
                    if faults.get(server, _SILENT) != _SILENT:
                        continue
                    result = await self._ask_one(server, name, rdtype)
                    if not isinstance(result, str):
                        return result
                    faults[server] = result
        except TimeoutError:
            pass
        told = ", ".join(f"{server} {faults.get(server, _SILENT)}" for server in servers)
        raise Outage(f"No name server could answer for {_shown(name)} {rdtype.name}: {told}.")

    async def _ask_one(
        self, server: NameServer, name: dns.name.Name, rdtype: RdataType
    ) -> dns.message.QueryMessage | str:
        """Return the response, or what was wrong with this server in two or three words."""
        query = dns.message.make_query(name, rdtype, use_edns=0, payload=_UDP_PAYLOAD)
        try:
            # Garbage and forged packets are skipped, not believed: only the matching answer or the time ends this.
            response, _ = await dns.asyncquery.udp_with_fallback(
                query, server.address, self._server_timeout, server.port, ignore_unexpected=True, ignore_errors=True
            )
        except dns.exception.Timeout:
            return _SILENT
        except _PASSING as error:
            return f"failed with {type(error).__name__}"
        if response.rcode() not in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}:
            return f"answered {dns.rcode.to_text(response.rcode())}"
        if rdtype is not RdataType.NS and _is_referral(response):  # for NS it tells what was asked, of the zone itself
            return "answered with a referral; it does not look up names for us"
        return response if _is_usable(response) else "answered with a contradiction"


_SILENT = "did not answer in time"


def _is_referral(response: dns.message.Message) -> bool:
    """Whether a server that does not recurse names others instead of saying what there is, or that there is nothing."""
    told = {rrset.rdtype for rrset in response.authority}
    empty = not response.answer and not response.flags & dns.flags.AA
    return empty and RdataType.NS in told and RdataType.SOA not in told


def _is_usable(response: dns.message.Message) -> TypeGuard[dns.message.QueryMessage]:
    """Tell whether a response is complete and its aliases make sense."""
    if not isinstance(response, dns.message.QueryMessage) or response.flags & dns.flags.TC:
        return False
    try:
        response.resolve_chaining()
    except dns.exception.DNSException:
        return False
    return True


def _with(records: tuple[R, ...], answer: Answer[dns.rdata.Rdata]) -> Answer[R]:
    """Return the same answer with its records as we read them."""
    return Answer(answer.name, answer.canonical_name, records, answer.missing, answer.zone, answer.ttl)


def _zone(response: dns.message.Message, name: dns.name.Name) -> str | None:
    """Return which zone says that nothing is there: the owner of the SOA record, at the name or above it."""
    owners = (rrset.name for rrset in response.authority if rrset.rdtype == RdataType.SOA)
    return next((_shown(owner).lower() for owner in owners if name.is_subdomain(owner)), None)


def _read_name(name: str) -> dns.name.Name:
    try:
        # Only A-labels come here; a codec would quietly turn other text into some other name.
        return dns.name.from_text(name.encode("ascii"))
    except (dns.exception.DNSException, UnicodeError) as error:
        detail = f"{name!r} cannot be looked up in DNS: {error}"
        raise InvalidInput([FieldFault(pointer="/name", code="not_a_dns_name", detail=detail)]) from error


def _shown(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True)


def _joined(rdata: dns.rdtypes.ANY.TXT.TXT) -> str:
    return b"".join(rdata.strings).decode("latin-1")
