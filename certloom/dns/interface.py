"""Publishing proofs of control in DNS: who writes a record, and what the authoritative servers say about it.

A record is one TXT value under one name; others may stand beside it and are never touched.
"""

from typing import NamedTuple, Protocol

from certloom.domain.errors import Outage, Refusal
from certloom.domain.model import Model
from certloom.domain.zone import DnsZone, ZoneCredentials


class DnsRefused(Refusal):
    """The DNS server or the vendor will not do it as asked: credentials, policy, or a zone that is not there."""

    code = "dns_refused"


class DnsOutage(Outage):
    """The DNS server or the vendor does not answer now; the same call may succeed later."""

    code = "dns_outage"


class DnsBusy(DnsOutage):
    """This process has too much under way there; it says nothing about the server or the vendor."""


class DnsProvider(Protocol):
    """Writes into one zone. Both calls take at most 30 s, may be made again after a crash at any moment.

    They raise DnsRefused, which only a person can change, or Outage. No secret is in any text.
    """

    async def present(self, record_name: str, value: str) -> None:
        """Let the TXT value stand under the name, beside what else stands there; nothing new when it does."""
        ...

    async def clean_up(self, record_name: str, value: str) -> None:
        """Take exactly this value away and leave all others; silent when it is not there."""
        ...


class DnsProviders(Protocol):
    """Opens what writes into zones; knows which adapter belongs to which kind."""

    def open(self, zone: DnsZone, credentials: ZoneCredentials | None) -> DnsProvider:
        """Return it; nothing is sent yet. Raises DnsRefused when credentials of another kind, or none, are given."""
        ...


class ServerAnswer(Model):
    """What one authoritative server says: the values that stand there, or why it said nothing of use."""

    server: str
    values: tuple[str, ...] = ()
    error: str | None = None


class Checked(Model):
    """What the authoritative servers of the zone that really holds a record say.

    `canonical_name` is where the aliases led to, in lower case and without the last dot.
    """

    canonical_name: str
    value: str
    servers: tuple[ServerAnswer, ...]

    @property
    def everywhere(self) -> bool:
        """Every server has the value."""
        return bool(self.servers) and all(self._has(server) for server in self.servers)

    @property
    def anywhere(self) -> bool:
        """At least one has it."""
        return any(self._has(server) for server in self.servers)

    @property
    def lacking(self) -> tuple[str, ...]:
        """The servers that answer without it."""
        return tuple(server.server for server in self.servers if not server.error and not self._has(server))

    @property
    def silent(self) -> tuple[ServerAnswer, ...]:
        """The servers that say nothing of use."""
        return tuple(server for server in self.servers if server.error)

    def _has(self, server: ServerAnswer) -> bool:
        return self.value in server.values


class Survey(Protocol):
    """One check of several records; what is learned about a zone is shared. What stands there is asked each time."""

    async def check(self, record_name: str, value: str) -> Checked:
        """Ask every authoritative server over TCP, within 30 s; aliases and delegations are followed.

        No recursive server is asked for the record itself, so that none remembers that it was missing. Raises Outage
        when the zone's servers cannot be found, and nothing else; a server that fails is told in the answer.
        """
        ...


class Authorities(Protocol):
    """Asks the servers that are authoritative for a record."""

    def survey(self) -> Survey:
        """Begin a check."""
        ...


class DelegationZone(NamedTuple):
    """The operator's own zone, into which customers delegate by an alias, and who writes into it."""

    zone: str
    provider: DnsProvider
