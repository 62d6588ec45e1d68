"""Signed dynamic updates to the lab's zone (RFC 2136, RFC 8945): TXT records alone, as a careful policy has it."""

from pathlib import Path
from typing import Final, NamedTuple

import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.tsig
import dns.tsigkeyring
import dns.update
from dns.rdatatype import RdataType

from lab.zone import Zone

ALGORITHM: Final = dns.tsig.HMAC_SHA256


class UpdateKey(NamedTuple):
    """Who may update: a name, and a secret in base64."""

    name: str
    secret: str

    def keyring(self) -> dict[dns.name.Name, dns.tsig.Key]:
        """Return it as dnspython wants it."""
        return {dns.name.from_text(self.name): dns.tsig.Key(self.name, self.secret, ALGORITHM)}


def read_update_key(file: Path) -> UpdateKey:
    """Read `name secret` from a file; raises ValueError for anything else."""
    parts = file.read_text(encoding="ascii").split()
    if len(parts) != 2:
        raise ValueError(f"{file} must hold the name of a key and its secret")
    key = UpdateKey(*parts)
    key.keyring()
    return key


def answer_update(zone: Zone, message: dns.update.UpdateMessage) -> dns.message.Message:
    """Carry a whole update out, or nothing of it, and return the answer."""
    response = dns.message.make_response(message)
    response.set_rcode(_judge(zone, message))
    if response.rcode() == dns.rcode.NOERROR:
        for rrset in message.update:
            _apply(zone, rrset)
    return response


def _judge(zone: Zone, message: dns.update.UpdateMessage) -> dns.rcode.Rcode:
    if not message.had_tsig:
        return dns.rcode.REFUSED
    top = dns.name.from_text(zone.suffix)
    if [rrset.name for rrset in message.zone] != [top]:
        return dns.rcode.NOTAUTH
    if not all(rrset.name.is_subdomain(top) for rrset in message.update):
        return dns.rcode.NOTZONE
    only_texts = all(rrset.rdtype == RdataType.TXT for rrset in message.update)
    return dns.rcode.NOERROR if only_texts and not message.prerequisite else dns.rcode.REFUSED


def _apply(zone: Zone, rrset: dns.rrset.RRset) -> None:
    name = rrset.name.to_text()
    change = zone.add if rrset.deleting is None else zone.remove
    for rdata in rrset:
        change(name, "TXT", rdata.to_text())
    if rrset.deleting is not None and not len(rrset):
        for known in [*zone.records.get(rrset.name, {}).get(RdataType.TXT, [])]:
            zone.remove(name, "TXT", known.to_text())
