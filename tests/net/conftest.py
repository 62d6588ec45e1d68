"""The lab as the other side of our network code."""

from collections.abc import AsyncIterator

import pytest

from certloom.net.addresses import read_networks
from certloom.net.dialer import GuardedDialer
from certloom.net.nameservers import read_nameservers
from certloom.net.resolver import DnsResolver
from lab.world import LabWorld


@pytest.fixture
async def lab() -> AsyncIterator[LabWorld]:
    async with LabWorld() as world:
        yield world


@pytest.fixture
def resolver(lab: LabWorld) -> DnsResolver:
    return DnsResolver(read_nameservers([lab.dns_server]), query_lifetime=2.0, server_timeout=0.5)


@pytest.fixture
def dialer(resolver: DnsResolver) -> GuardedDialer:
    return GuardedDialer(resolver, allow_networks=read_networks(["127.0.0.0/8", "::1/128"]), connect_timeout=1.0)
