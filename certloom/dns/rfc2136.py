"""Dynamic updates (RFC 2136) over TCP, signed with a TSIG key (RFC 8945): BIND, Knot, PowerDNS, NSD with helpers."""

from typing import Final

import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.TXT
import dns.tsig
import dns.tsigkeyring
import dns.update
from dns.rcode import Rcode

from certloom.dns.exchange import exchange
from certloom.dns.interface import DnsOutage, DnsRefused
from certloom.domain.errors import InvalidInput
from certloom.domain.zone import Rfc2136Credentials, Rfc2136Settings, lies_in
from certloom.net.interface import AddressRefused, Dialer

DEADLINE: Final = 20.0
"""Seconds for one update; less than DnsProvider promises."""

TTL: Final = 60
"""Seconds that resolvers may keep a proof: it changes with every order."""

_PASSING: Final = frozenset({Rcode.SERVFAIL})


class Rfc2136Provider:
    """Implements DnsProvider for one zone; nothing is kept between two calls."""

    def __init__(self, zone: str, settings: Rfc2136Settings, credentials: Rfc2136Credentials, dialer: Dialer) -> None:
        self._zone = zone
        self._settings = settings
        self._dialer = dialer
        self._secret = credentials.secret

    async def present(self, record_name: str, value: str) -> None:
        """See DnsProvider; an added record that is there already changes nothing (RFC 2136 section 3.4.2.2)."""
        update = self._update(record_name)
        update.add(_absolute(record_name), TTL, _text(value))
        await self._send(update, record_name)

    async def clean_up(self, record_name: str, value: str) -> None:
        """See DnsProvider; a deletion by value leaves all others (RFC 2136 section 2.5.4)."""
        update = self._update(record_name)
        update.delete(_absolute(record_name), _text(value))
        await self._send(update, record_name)

    def _update(self, record_name: str) -> dns.update.UpdateMessage:
        if not lies_in(record_name, self._zone):
            raise DnsRefused(f"{record_name} does not lie in the zone {self._zone}.")
        _absolute(self._settings.key_name)  # or a name that is none would end what is meant for many
        key = {self._settings.key_name: self._secret.get_secret_value()}
        return dns.update.UpdateMessage(
            _absolute(self._zone),
            keyring=dns.tsigkeyring.from_text(key),
            keyalgorithm=dns.name.from_text(self._settings.algorithm),
        )

    async def _send(self, update: dns.update.UpdateMessage, record_name: str) -> None:
        settings = self._settings
        try:
            answer = await exchange(self._dialer, settings.server, settings.port, update, deadline=DEADLINE)
        except (AddressRefused, InvalidInput) as refusal:
            raise DnsRefused(f"The name server {settings.where} cannot be used: {refusal.detail}") from refusal
        except dns.tsig.PeerError as error:
            raise DnsRefused(self._key_trouble(error)) from error
        self._judge(answer, record_name)

    def _judge(self, answer: dns.message.Message, record_name: str) -> None:
        code, where = answer.rcode(), self._settings.where
        if code == Rcode.NOERROR and answer.had_tsig:
            return
        if code == Rcode.NOERROR:
            raise DnsOutage(f"The name server {where} answered without the signature of the key; it is not believed.")
        if code in _PASSING:
            raise DnsOutage(f"The name server {where} could not carry the update out ({Rcode(code).name}).")
        raise DnsRefused(self._why(Rcode(code), record_name))

    def _why(self, code: Rcode, record_name: str) -> str:
        where, key = self._settings.where, self._settings.key_name
        sentences = {
            Rcode.REFUSED: (
                f"The name server {where} refused the key {key}: its update-policy must permit TXT records at "
                f"{record_name}."
            ),
            Rcode.NOTAUTH: f"The name server {where} is not the primary of the zone {self._zone}; name the primary.",
            Rcode.NOTZONE: f"{record_name} does not lie in the zone {self._zone}, says the name server {where}.",
            Rcode.NOTIMP: f"The name server {where} takes no dynamic updates.",
        }
        return sentences.get(code, f"The name server {where} refused the update of {record_name} ({code.name}).")

    def _key_trouble(self, error: dns.tsig.PeerError) -> str:
        where, key, algorithm = self._settings.where, self._settings.key_name, self._settings.algorithm
        if isinstance(error, dns.tsig.PeerBadKey):
            return f"The name server {where} does not know the key {key} (BADKEY); check its name and {algorithm}."
        if isinstance(error, dns.tsig.PeerBadSignature):
            return f"The name server {where} refused the key {key}: the secret or the algorithm is another (BADSIG)."
        if isinstance(error, dns.tsig.PeerBadTime):
            return f"The name server {where} refused the key {key}: its clock and ours differ (BADTIME); set them."
        return f"The name server {where} refused the key {key}."


def _absolute(name: str) -> dns.name.Name:
    try:
        return dns.name.from_text(name.encode("ascii"))
    except (dns.exception.DNSException, UnicodeError) as error:
        raise DnsRefused(f"{name!r} cannot stand in DNS.") from error


def _text(value: str) -> dns.rdtypes.ANY.TXT.TXT:
    return dns.rdtypes.ANY.TXT.TXT(dns.rdataclass.IN, dns.rdatatype.TXT, [value.encode("ascii")])
