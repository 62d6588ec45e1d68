"""The way to a CA: only to it, only over verified TLS, never for long, and past every nonce that it does not like."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from ipaddress import ip_address
from pathlib import Path

import pytest

from certloom.domain.errors import Outage
from certloom.issuers import acme, acme_client
from certloom.issuers.acme import AcmeIssuer
from certloom.issuers.acme_network import NONCE_TRIES
from certloom.issuers.acme_transport import LARGEST_BODY
from certloom.net.dialer import GuardedDialer
from certloom.net.interface import Connection, Dialer, IPAddress, Tls
from certloom.net.resolver import DnsResolver
from certloom.storage.interface import Storage
from lab.pebble import Hostility
from tests.issuers.acme.fake_ca import HOST, FakeCa, Fault, saying
from tests.issuers.acme.pebbles import OLD, Pebbles, config_for, issuer_at
from tests.issuers.orders import NOW, order, signed
from tests.issuers.ready import SEALER


class Elsewhere:
    """A dialer that sends every host to one address, as an attacker's DNS would."""

    def __init__(self, address: str) -> None:
        self.asked: list[str] = []
        self._address = ip_address(address)

    async def resolve(self, host: str) -> Sequence[IPAddress]:
        self.asked.append(host)
        return (self._address,)

    async def dial(self, host: str, port: int, *, tls: Tls | None = None) -> Connection:
        raise NotImplementedError


async def test_pebble_with_most_nonces_refused(pebbles: Pebbles, storage: Storage) -> None:
    """An order succeeds at a real CA that refuses every second good nonce."""
    pebble = await pebbles.get(OLD, hostility=Hostility(bad_nonces=50, always_valid=True))
    with issuer_at(pebble, storage) as issuer:
        for attempt in range(4):  # eight refusals in a row are rare, and an outage
            try:
                assert await signed(issuer, order())
            except Outage:
                assert attempt < 3
            else:
                return


async def test_a_refused_nonce_is_replaced_by_that_of_the_refusal(ca: FakeCa, issuer: AcmeIssuer) -> None:
    """Seven refusals in a row cost seven requests, and not one for a nonce."""
    await issuer.begin(order(), now=NOW)
    nonces = ca.seen["new-nonce"]
    ca.fail("new-order", *[saying("badNonce", 400)] * (NONCE_TRIES - 1))
    assert await issuer.begin(order(key="two"), now=NOW)
    assert ca.seen["new-nonce"] == nonces


async def test_nonces_that_are_always_refused_are_an_outage(ca: FakeCa, issuer: AcmeIssuer) -> None:
    """After eight tries the call ends, and may be repeated."""
    ca.fail("new-order", *[saying("badNonce", 400)] * NONCE_TRIES)
    with pytest.raises(Outage):
        await issuer.begin(order(), now=NOW)
    assert ca.seen["new-order"] == NONCE_TRIES
    assert await signed(issuer, order())


@pytest.mark.parametrize(
    "url",
    [
        "https://elsewhere.example.net/order/1",
        "http://127.0.0.1/order/1",
        "https://127.0.0.1/order/1",
        "https://user@127.0.0.1:{port}/order/1",
        "https://169.254.169.254/latest",
        "file:///etc/passwd",
        "//127.0.0.1:{port}/x",
        "https://[::1",
    ],
)
async def test_a_foreign_address_is_never_asked(ca: FakeCa, issuer: AcmeIssuer, url: str) -> None:
    """A CA that points to another host, port or scheme is not followed; the sentence says what an operator can do."""
    foreign = url.format(port=ca.url.rpartition(":")[2])
    ca.rewrite = lambda kind, body: {**body, "newOrder": foreign} if kind == "directory" else body
    with pytest.raises(Outage, match="further_hosts"):
        await issuer.begin(order(), now=NOW)
    assert ca.orders.all == []


async def test_a_location_elsewhere_is_not_stored(ca: FakeCa, issuer: AcmeIssuer, storage: Storage) -> None:
    """A foreign Location of an order is refused before it is written down."""
    headers = {"Location": "https://elsewhere.example.net/1", "Content-Type": "application/json"}
    ca.fail("new-order", Fault(201, headers, b"{}"))
    with pytest.raises(Outage, match=r"elsewhere\.example\.net"):
        await issuer.begin(order(), now=NOW)
    assert await signed(issuer, order())


async def test_a_further_host_is_the_operators_word(ca: FakeCa, storage: Storage) -> None:
    """A host that the operator lists may be asked, through the same guard."""
    port = int(ca.url.rpartition(":")[2])
    ca.rewrite = lambda kind, body: (
        {**body, "newNonce": body["newNonce"].replace(HOST, "localhost")} if kind == "directory" else body
    )
    way = Elsewhere(HOST)
    issuer = AcmeIssuer(storage, SEALER, config_for(ca, further_hosts=(f"localhost:{port}",)), way)
    assert await signed(issuer, order())
    issuer.close()
    assert set(way.asked) == {HOST, "localhost"}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(ca: FakeCa, issuer: AcmeIssuer, status: int) -> None:
    """Neither the directory nor an order leads anywhere else."""
    ca.fail("directory", Fault(status, {"Location": f"{ca.url}/elsewhere"}))
    with pytest.raises(Outage):
        await issuer.begin(order(), now=NOW)
    ca.fail("new-order", Fault(status, {"Location": f"{ca.url}/elsewhere"}))
    with pytest.raises(Outage, match="redirects are not followed"):
        await issuer.begin(order(), now=NOW)
    assert ca.seen["elsewhere"] == 0


async def test_a_huge_answer_is_not_read(ca: FakeCa, issuer: AcmeIssuer) -> None:
    """More than any order or chain has is refused, and the next call is fine."""
    ca.fail("directory", Fault(200, {}, b" " * (LARGEST_BODY + 1)))
    with pytest.raises(Outage, match="512 KiB"):
        await issuer.begin(order(), now=NOW)
    assert await signed(issuer, order())


async def test_an_answer_that_is_cut_off_is_an_outage(ca: FakeCa, issuer: AcmeIssuer) -> None:
    """Half an answer counts for nothing."""
    ca.fail("directory", Fault(200, {"Content-Length": "5000", "Connection": "close"}, b"{}"))
    with pytest.raises(Outage, match="cut off"):
        await issuer.begin(order(), now=NOW)


async def test_a_private_address_is_refused(ca: FakeCa, storage: Storage) -> None:
    """Without the operator's exception a CA on loopback is not reached."""
    issuer = AcmeIssuer(storage, SEALER, config_for(ca), GuardedDialer(DnsResolver()))
    with pytest.raises(Outage, match="this machine itself"):
        await issuer.begin(order(), now=NOW)
    issuer.close()
    assert ca.seen.total() == 0


async def test_the_checked_address_is_dialled(ca: FakeCa, storage: Storage) -> None:
    """The connection goes where the guard said, and the certificate must be the name's."""
    port = ca.url.rpartition(":")[2]
    way: Dialer = Elsewhere(HOST)
    config = config_for(ca, directory=f"https://ca.example.net:{port}/directory")
    issuer = AcmeIssuer(storage, SEALER, config, way)
    with pytest.raises(Outage, match="TLS"):  # it was reached, and has no certificate of that name
        await issuer.begin(order(), now=NOW)
    issuer.close()


async def test_an_unknown_root_is_refused(ca: FakeCa, storage: Storage) -> None:
    """Without trusted_root_file only public roots count."""
    with issuer_at(ca, storage, trusted_root_file=None) as issuer, pytest.raises(Outage, match="certificate"):
        await issuer.begin(order(), now=NOW)
    assert ca.seen.total() == 0


async def test_environment_proxies_are_not_used(
    ca: FakeCa, issuer: AcmeIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy of the environment would dial by itself, past the guard."""
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert await signed(issuer, order())


async def test_a_drip_ends_in_time(
    storage: Storage, dripping: str, ca: FakeCa, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that sends a byte now and then holds a call no longer than one exchange may take."""
    monkeypatch.setattr(acme_client, "EXCHANGE_SECONDS", 0.5)
    with issuer_at(ca, storage, directory=dripping) as issuer:
        started = asyncio.get_running_loop().time()
        with pytest.raises(Outage, match=r"0\.5 s"):
            await issuer.begin(order(), now=NOW)
        assert asyncio.get_running_loop().time() - started < 3


async def test_a_call_ends_in_time(
    storage: Storage, dripping: str, ca: FakeCa, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All exchanges of a call together take no longer than a call may."""
    monkeypatch.setattr(acme, "CALL_SECONDS", 1.5)
    with issuer_at(ca, storage, directory=dripping) as issuer, pytest.raises(Outage, match=r"longer than 1\.5 s"):
        await issuer.begin(order(), now=NOW)


@pytest.fixture
async def dripping(ca: FakeCa, tmp_path: Path) -> AsyncIterator[str]:
    """A TLS server whose headers never end."""

    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(b"HTTP/1.1 200 OK\r\n")
            while True:
                writer.write(b"X")
                await writer.drain()
                await asyncio.sleep(0.05)
        except OSError:
            pass
        finally:
            writer.transport.abort()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    server = await asyncio.start_server(drip, HOST, 0, ssl=context)
    port: int = server.sockets[0].getsockname()[1]
    yield f"https://{HOST}:{port}/directory"
    server.close()


async def test_a_dead_port_is_told(ca: FakeCa, storage: Storage) -> None:
    """A CA that does not listen is an outage with its name."""
    with socket.create_server((HOST, 0)) as held:
        port = held.getsockname()[1]
    with issuer_at(ca, storage, directory=f"https://{HOST}:{port}/x") as issuer, pytest.raises(Outage, match=HOST):
        await issuer.begin(order(), now=NOW)
