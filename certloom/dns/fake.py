"""A DNS provider in memory; ships beside the real ones and passes the same contract suite."""

from collections import Counter, defaultdict
from collections.abc import Mapping

from certloom.dns.interface import Checked, DnsProvider, ServerAnswer, Survey
from certloom.dns.manual import ManualProvider
from certloom.domain.errors import CertloomError
from certloom.domain.zone import DnsZone, ManualSettings, ZoneCredentials


class FakeDns:
    """Implements DnsProvider, DnsProviders and Authorities over one board of records.

    `aliases` are CNAMEs by name; `servers` are the names of the authoritative servers, `late` those without the newest.
    """

    def __init__(self, *servers: str) -> None:
        self.records: dict[str, set[str]] = defaultdict(set)
        self.aliases: dict[str, str] = {}
        self.calls: Counter[tuple[str, str, str]] = Counter()
        self.opened: list[str] = []
        self.servers = servers or ("ns1.fake.test",)
        self.late: set[str] = set()
        self.broken: CertloomError | None = None

    @property
    def shown(self) -> Mapping[str, set[str]]:
        """What stands there, without names that have nothing."""
        return {name: values for name, values in self.records.items() if values}

    def open(self, zone: DnsZone, credentials: ZoneCredentials | None) -> DnsProvider:  # noqa: ARG002 - the seam's
        """See DnsProviders."""
        self.opened.append(zone.id)
        return ManualProvider() if isinstance(zone.settings, ManualSettings) else self

    async def present(self, record_name: str, value: str) -> None:
        """See DnsProvider."""
        self._count("present", record_name, value)
        self.records[record_name].add(value)

    async def clean_up(self, record_name: str, value: str) -> None:
        """See DnsProvider."""
        self._count("clean_up", record_name, value)
        self.records[record_name].discard(value)

    def survey(self) -> Survey:
        """See Authorities."""
        return self

    async def check(self, record_name: str, value: str) -> Checked:
        """See Survey."""
        self.calls["check", record_name, value] += 1
        place = self.aliases.get(record_name, record_name)
        there = tuple(sorted(self.records[place]))
        answers = [ServerAnswer(server=one, values=() if one in self.late else there) for one in self.servers]
        return Checked(canonical_name=place, value=value, servers=tuple(answers))

    def _count(self, what: str, record_name: str, value: str) -> None:
        self.calls[what, record_name, value] += 1
        if self.broken is not None:
            raise self.broken
