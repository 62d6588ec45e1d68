"""Proofs as a real CA looks for them: what we say has to be published is what it wants to find."""

from collections.abc import AsyncIterator
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography import x509

from certloom.domain.application import Challenge, ValidationMethod
from certloom.storage.interface import Storage
from lab.pebble import Hostility, LabChalltestsrv, LabPebble
from tests.issuers.acme.pebbles import NEW, OLD, issuer_at, programs
from tests.issuers.orders import NOW, finished, order, read


@pytest.fixture(params=[OLD, NEW])
async def server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[LabChalltestsrv]:
    async with LabChalltestsrv((await programs(request.param)).challenges, tmp_path / "challenges") as started:
        yield started


@pytest.fixture
async def strict(server: LabChalltestsrv, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[LabPebble]:
    """A Pebble that looks at every proof."""
    kind = request.node.callspec.params["server"]
    program, hostility = (await programs(kind)).pebble, Hostility(bad_nonces=15, reused_authorizations=0)
    pebble = LabPebble(
        program, tmp_path / "pebble", hostility=hostility, dns_server=server.dns_server, http_port=server.http_port
    )
    async with pebble as started:
        yield started


async def publish(server: LabChalltestsrv, challenges: tuple[Challenge, ...]) -> None:
    async with httpx.AsyncClient(trust_env=False, base_url=server.management_url) as http:
        for item in challenges:
            if item.type is ValidationMethod.DNS_01:
                body = {"host": f"{item.record_name}.", "value": item.record_value}
                answer = await http.post("/set-txt", json=body)
            else:
                answer = await http.post("/add-http01", json={"token": item.token, "content": item.content})
            assert answer.is_success


async def test_records_prove_a_name_its_wildcard_and_another(
    server: LabChalltestsrv, strict: LabPebble, storage: Storage
) -> None:
    """Three TXT values, two of them under one label, are what the CA wants to see."""
    with issuer_at(strict, storage) as issuer:
        opened = await issuer.begin(order("example.com", "*.example.com", "www.example.net"), now=NOW)
        await publish(server, opened.challenges)
        assert len({item.record_value for item in opened.challenges}) == 3
        assert await finished(issuer, opened.order_ref)


async def test_files_prove_addresses(server: LabChalltestsrv, strict: LabPebble, storage: Storage) -> None:
    """The CA asks the address itself, beside a name that leads to the same server."""
    with issuer_at(strict, storage) as issuer:
        request = order("example.com", "127.0.0.1", validation=ValidationMethod.HTTP_01)
        opened = await issuer.begin(request, now=NOW)
        await publish(server, opened.challenges)
        leaf = read(await finished(issuer, opened.order_ref))
        sans = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert sans.get_values_for_type(x509.IPAddress) == [ip_address("127.0.0.1")]
        assert "127.0.0.1" not in leaf.subject.rfc4514_string()


async def test_files_prove_names(server: LabChalltestsrv, strict: LabPebble, storage: Storage) -> None:
    """A file with the key authorization is what the CA wants to fetch."""
    with issuer_at(strict, storage) as issuer:
        request = order("example.com", "www.example.com", validation=ValidationMethod.HTTP_01)
        opened = await issuer.begin(request, now=NOW)
        await publish(server, opened.challenges)
        assert await finished(issuer, opened.order_ref)
