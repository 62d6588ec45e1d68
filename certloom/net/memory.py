"""A resolver that remembers for a minute what many orders ask alike: who serves a zone, at which address, no CAA above.

It gives back what DNS said, no longer than DNS lets anybody keep it. Who dials checks every address each time.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

from certloom.net.interface import Answer, CaaRecord, IPAddress, ZoneResolver

LONGEST: Final = 60.0
"""Seconds after which an answer is forgotten, though its TTL may be days: zones move, and owners add CAA records."""

MOST_ANSWERS: Final = 1000
"""Answers of one type; then the oldest goes. Customers choose what is asked, so they choose what fills this."""

MOST_RECORDS: Final = 32
"""A larger answer is not remembered: a zone may hold thousands of records under one name."""

R = TypeVar("R")


class RememberingResolver:
    """Implements ZoneResolver over another one; only for finding name servers, and for CAA *above* a name.

    Remembered, under exactly the name that was asked: addresses and name servers that are there, and that there are no
    CAA records. TXT and CAA records, failures, and what has no TTL are asked for each time. `clock` counts seconds.
    """

    def __init__(self, resolver: ZoneResolver, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._resolver = resolver
        self._addresses = _Memory[IPAddress](resolver.addresses, clock)
        self._name_servers = _Memory[str](resolver.name_servers, clock)
        self._no_caa = _Memory[CaaRecord](resolver.caa, clock, missing=True)

    async def addresses(self, host: str) -> Answer[IPAddress]:
        """See Resolver."""
        return await self._addresses.ask(host)

    async def texts(self, name: str) -> Answer[str]:
        """See Resolver."""
        return await self._resolver.texts(name)

    async def caa(self, name: str) -> Answer[CaaRecord]:
        """See Resolver."""
        return await self._no_caa.ask(name)

    async def name_servers(self, zone: str) -> Answer[str]:
        """See ZoneResolver."""
        return await self._name_servers.ask(zone)


class _Memory(Generic[R]):
    """Answers of one type and until when each may be given; either those with records, or those that say *missing*."""

    def __init__(
        self, ask: Callable[[str], Awaitable[Answer[R]]], clock: Callable[[], float], *, missing: bool = False
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._missing = missing
        self._known: dict[str, tuple[float, Answer[R]]] = {}

    async def ask(self, name: str) -> Answer[R]:
        now = self._clock()
        until, known = self._known.get(name, (now, None))
        if known is not None and now < until:
            return known
        answer = await self._ask(name)
        if answer.ttl > 0 and self._is_worth(answer):
            self._keep(name, answer, now + min(answer.ttl, LONGEST))
        return answer

    def _is_worth(self, answer: Answer[R]) -> bool:
        if self._missing:
            return answer.missing is not None
        return 0 < len(answer.records) <= MOST_RECORDS

    def _keep(self, name: str, answer: Answer[R], until: float) -> None:
        self._known.pop(name, None)
        if len(self._known) >= MOST_ANSWERS:
            del self._known[next(iter(self._known))]
        self._known[name] = until, answer
