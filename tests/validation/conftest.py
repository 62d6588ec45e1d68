"""A validator that looks into the lab."""

from collections.abc import AsyncIterator

import pytest

from certloom.net.addresses import read_networks
from certloom.net.dialer import GuardedDialer
from certloom.net.http import GuardedHttp
from certloom.net.nameservers import read_nameservers
from certloom.net.redirects import Ports
from certloom.net.resolver import DnsResolver
from certloom.validation.validator import NetworkValidator
from lab.world import LabWorld


def validator_in(lab: LabWorld, *, allow: str = "127.0.0.0/8") -> NetworkValidator:
    resolver = DnsResolver(read_nameservers([lab.dns_server]), query_lifetime=2.0, server_timeout=0.5)
    dialer = GuardedDialer(resolver, allow_networks=read_networks([allow]))
    http = GuardedHttp(dialer, ports=Ports(http=lab.http_port), deadline=1.0)
    return NetworkValidator(resolver, http)


@pytest.fixture
async def lab() -> AsyncIterator[LabWorld]:
    async with LabWorld() as world:
        yield world


@pytest.fixture
def validator(lab: LabWorld) -> NetworkValidator:
    return validator_in(lab)
