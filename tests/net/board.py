"""A resolver that answers from a board, and keeps what it was asked."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TypeVar

from certloom.domain.errors import Outage
from certloom.net.interface import Answer, CaaRecord, IPAddress, Missing

R = TypeVar("R")


@dataclass
class Board:
    """Implements ZoneResolver; every answer may be remembered for `ttl` seconds. `broken` makes each call an outage."""

    hosts: dict[str, Sequence[str]] = field(default_factory=dict)
    values: dict[str, Sequence[str]] = field(default_factory=dict)
    properties: dict[str, Sequence[CaaRecord]] = field(default_factory=dict)
    servers: dict[str, Sequence[str]] = field(default_factory=dict)
    ttl: int = 300
    broken: bool = False
    asked: list[str] = field(default_factory=list)

    async def addresses(self, host: str) -> Answer[IPAddress]:
        return self._answer(host, [ip_address(one) for one in self.hosts.get(host, ())])

    async def texts(self, name: str) -> Answer[str]:
        return self._answer(name, self.values.get(name, ()))

    async def caa(self, name: str) -> Answer[CaaRecord]:
        return self._answer(name, self.properties.get(name, ()))

    async def name_servers(self, zone: str) -> Answer[str]:
        return self._answer(zone, self.servers.get(zone, ()))

    def _answer(self, name: str, records: Sequence[R]) -> Answer[R]:
        self.asked.append(name)
        if self.broken:
            raise Outage("The name server is away.")
        return Answer(name, name, tuple(records), None if records else Missing.NO_DATA, ttl=self.ttl)
