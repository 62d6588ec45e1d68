"""DNS records in memory, and what an authoritative server would answer from them (RFC 1034 section 4.3.2, RFC 4592)."""

from dataclasses import dataclass, field
from enum import StrEnum

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.CNAME
import dns.rrset
from dns.rdatatype import RdataType

TTL = 5
_MAX_ALIASES = 10
_WILDCARD = dns.name.from_text("*", origin=None)


class Trouble(StrEnum):
    """What may be wrong with a name server."""

    SERVFAIL = "servfail"
    REFUSED = "refused"
    DROP = "drop"
    TRUNCATE = "truncate"  # over UDP only: the client has to come again over TCP
    TRUNCATE_ALWAYS = "truncate_always"  # over TCP, too, where nothing may be cut
    SHORT_CHAIN = "short_chain"  # answers with the first alias only


@dataclass
class Zone:
    """Everything this server knows; it takes itself for authoritative for the whole of DNS.

    Host names at and under `suffix` have the address `address` unless records say otherwise; names with a label that
    starts with an underscore are no host names and exist only when they have records.
    """

    suffix: str = "lab.test"
    address: str = "127.0.0.1"
    records: dict[dns.name.Name, dict[RdataType, list[dns.rdata.Rdata]]] = field(default_factory=dict)
    troubles: dict[dns.name.Name, Trouble] = field(default_factory=dict)
    delays: dict[dns.name.Name, float] = field(default_factory=dict)

    def add(self, name: str, rdtype: str, value: str) -> None:
        """Add one record in presentation format; adding it again changes nothing."""
        rdata = _rdata(rdtype, value)
        values = self.records.setdefault(dns.name.from_text(name), {}).setdefault(rdata.rdtype, [])
        if rdata not in values:
            values.append(rdata)

    def remove(self, name: str, rdtype: str, value: str) -> None:
        """Remove exactly this record; a record that is not there is no error."""
        owner, rdata = dns.name.from_text(name), _rdata(rdtype, value)
        by_type = self.records.get(owner, {})
        if rdata in by_type.get(rdata.rdtype, []):
            by_type[rdata.rdtype].remove(rdata)
            if not by_type[rdata.rdtype]:
                del by_type[rdata.rdtype]
        if not by_type:
            self.records.pop(owner, None)

    def trouble(self, name: str, trouble: Trouble | None) -> None:
        """Make every answer about this name go wrong, or right again with None."""
        if trouble is None:
            self.troubles.pop(dns.name.from_text(name), None)
        else:
            self.troubles[dns.name.from_text(name)] = trouble

    def delay(self, name: str, seconds: float) -> None:
        """Answer about this name only after some seconds."""
        self.delays[dns.name.from_text(name)] = seconds

    def answer(self, query: dns.message.Message, *, udp: bool) -> dns.message.Message | None:
        """Return the response to a query of one question, None when there shall be none."""
        response = dns.message.make_response(query, recursion_available=True)
        question = query.question[0]
        trouble = self.troubles.get(question.name)
        if trouble is Trouble.DROP:
            return None
        if trouble in {Trouble.SERVFAIL, Trouble.REFUSED}:
            response.set_rcode(dns.rcode.from_text(trouble.value))
        elif trouble is Trouble.TRUNCATE_ALWAYS or (trouble is Trouble.TRUNCATE and udp):
            response.flags |= dns.flags.TC
        else:
            response.flags |= dns.flags.AA
            hops = 1 if trouble is Trouble.SHORT_CHAIN else _MAX_ALIASES
            self._fill(response, question.name, question.rdtype, hops)
        return response

    def _fill(self, response: dns.message.Message, name: dns.name.Name, rdtype: RdataType, hops: int) -> None:
        by_type = self._node(name)
        if by_type is None:
            response.set_rcode(dns.rcode.NXDOMAIN)
            return
        aliases = by_type.get(RdataType.CNAME, [])
        if not aliases or rdtype == RdataType.CNAME:
            _append(response, name, by_type.get(rdtype, []))
            return
        _append(response, name, aliases[:1])
        alias = aliases[0]
        if hops > 1 and isinstance(alias, dns.rdtypes.ANY.CNAME.CNAME):
            self._fill(response, alias.target, rdtype, hops - 1)

    def _node(self, name: dns.name.Name) -> dict[RdataType, list[dns.rdata.Rdata]] | None:
        """The records at a name, from a wildcard or the default when it has none of its own; None when no such name."""
        own = self.records.get(name)
        has_children = self._has_children(name)
        if own is None and not has_children:
            own = self._from_wildcard(name)
        default = self._default(name)
        if own is None and default is None:
            return {} if has_children else None
        found = dict(own or {})
        if default and not found.keys() & {RdataType.A, RdataType.AAAA, RdataType.CNAME}:
            found |= default
        return found

    def _from_wildcard(self, name: dns.name.Name) -> dict[RdataType, list[dns.rdata.Rdata]] | None:
        """RFC 4592 section 3.3.1: only the wildcard directly below the closest existing ancestor counts."""
        while name != dns.name.root:
            name = name.parent()
            if name in self.records or self._has_children(name):
                return self.records.get(_WILDCARD + name)
        return None

    def _default(self, name: dns.name.Name) -> dict[RdataType, list[dns.rdata.Rdata]] | None:
        hidden = any(label.startswith(b"_") for label in name.labels)
        if hidden or not name.is_subdomain(dns.name.from_text(self.suffix)):
            return None
        found = {RdataType.A: [_rdata("A", self.address)]}
        if name == dns.name.from_text(self.suffix):
            found[RdataType.NS] = [
                _rdata("NS", f"ns.{self.suffix}.")
            ]  # this server, under a host's name like any other
        return found

    def _has_children(self, name: dns.name.Name) -> bool:
        return any(owner.is_subdomain(name) and owner != name for owner in self.records)


def txt(value: str) -> str:
    """Return the presentation format of a TXT record of any length: strings of at most 255 bytes."""
    parts = [value[start : start + 255] for start in range(0, len(value), 255)] or [""]
    return " ".join('"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"' for part in parts)


def _append(response: dns.message.Message, name: dns.name.Name, values: list[dns.rdata.Rdata]) -> None:
    if values and not any(rrset.name == name and rrset.rdtype == values[0].rdtype for rrset in response.answer):
        response.answer.append(dns.rrset.from_rdata_list(name, TTL, values))


def _rdata(rdtype: str, value: str) -> dns.rdata.Rdata:
    return dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.from_text(rdtype), value, relativize=False)
