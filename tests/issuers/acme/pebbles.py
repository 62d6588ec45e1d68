"""Real Pebbles for tests, started when the first test wants them: Debian's and the current one, as hostile as asked."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Protocol

import pytest

from certloom.issuers.acme import AcmeIssuer
from certloom.issuers.acme_config import AcmeConfig
from certloom.net.dialer import GuardedDialer
from certloom.net.interface import Dialer
from certloom.net.resolver import DnsResolver
from certloom.storage.interface import Storage
from lab.pebble import VERSION, Hostility, LabPebble, Programs, current, installed
from tests.issuers.ready import SEALER

HOSTILE = Hostility(bad_nonces=15, reused_authorizations=50, always_valid=True)
LOOPBACK = (ip_network("127.0.0.0/8"),)
OLD = "acme"
NEW = "acme-new"


class AcmeServer(Protocol):
    """Where a CA serves, and whom to trust there."""

    trusted_root_file: Path

    @property
    def directory_url(self) -> str: ...


class Pebbles:
    """Both Pebbles of a test module; each is started once, and all end together."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, LabPebble] = {}
        self._stack = AsyncExitStack()

    async def get(self, kind: str, *, hostility: Hostility = HOSTILE, **settings: Any) -> LabPebble:
        """Return one; skips the test where its programs are missing."""
        name = f"{kind}-{len(self._running)}" if settings or hostility is not HOSTILE else kind
        if name not in self._running:
            program = (await programs(kind)).pebble
            pebble = LabPebble(program, self._folder / name, hostility=hostility, **settings)
            self._running[name] = await self._stack.enter_async_context(pebble)
        return self._running[name]

    async def close(self) -> None:
        await self._stack.aclose()


async def programs(kind: str) -> Programs:
    """Return where a kind of Pebble is; skips by name."""
    if kind == OLD:
        found, how = installed(), "no Pebble here: apt-get install pebble"
    else:
        found, how = await current(), f"no Pebble {VERSION} here: it needs Go 1.24, or CERTLOOM_PEBBLE names its folder"
    if found is None:
        pytest.skip(how)
    return found


@asynccontextmanager
async def pebbles_in(folder: Path) -> AsyncIterator[Pebbles]:
    """Yield the Pebbles, and stop them."""
    found = Pebbles(folder)
    try:
        yield found
    finally:
        await found.close()


def guard() -> Dialer:
    """Return the dialer of a lab, which permits loopback."""
    return GuardedDialer(DnsResolver(), allow_networks=LOOPBACK)


def config_for(server: AcmeServer, **changes: Any) -> AcmeConfig:
    """Return what an operator would write for it."""
    fields = {
        "name": "pebble",
        "directory": server.directory_url,
        "terms_agreed": True,
        "trusted_root_file": server.trusted_root_file,
    }
    return AcmeConfig.model_validate(fields | changes)


@contextmanager
def issuer_at(server: AcmeServer, storage: Storage, **changes: Any) -> Iterator[AcmeIssuer]:
    """Yield an issuer that orders there, and close it."""
    issuer = AcmeIssuer(storage, SEALER, config_for(server, **changes), guard())
    try:
        yield issuer
    finally:
        issuer.close()
