"""The dialer: what it connects to, and above all what it does not."""

import asyncio
import socket
import ssl
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509

from certloom.domain.errors import Outage
from certloom.net.addresses import read_networks
from certloom.net.dialer import GuardedDialer
from certloom.net.interface import AddressRefused, Answer, CaaRecord, IPAddress, NoAddress, Tls, Unreachable
from certloom.net.resolver import DnsResolver
from lab.web import Site, lab_web
from lab.world import LabWorld
from lab.zone import Trouble
from tests.net.servers import self_signed

NOBODY = "127.255.255.254"  # a loopback address on which nothing listens


class Scripted:
    """A resolver with one answer after the other."""

    def __init__(self, *answers: Sequence[IPAddress]) -> None:
        self.answers = list(answers)

    async def addresses(self, host: str) -> Answer[IPAddress]:
        return Answer(host, host, tuple(self.answers.pop(0)))

    async def texts(self, name: str) -> Answer[str]:
        raise NotImplementedError

    async def caa(self, name: str) -> Answer[CaaRecord]:
        raise NotImplementedError


def rebinding() -> Scripted:
    """A resolver whose second answer points inwards."""
    return Scripted([ip_address("127.0.0.1")], [ip_address("10.0.0.1")])


async def test_a_host_is_reached_at_the_address_that_dns_gives(lab: LabWorld, dialer: GuardedDialer) -> None:
    """A permitted host is connected to, and the connection says where it went."""
    connection = await dialer.dial("www.lab.test", lab.http_port)
    await connection.close()

    assert (ip_address("127.0.0.1"), lab.http_port) == (connection.address, connection.port)


async def test_nothing_is_sent_to_a_refused_address(lab: LabWorld, resolver: DnsResolver) -> None:
    """Without the operator's permission a name that points to this machine is never dialled."""
    with pytest.raises(AddressRefused, match=r"127\.0\.0\.1"):
        await GuardedDialer(resolver).dial("www.lab.test", lab.http_port)

    assert lab.web.connections == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "::ffff:7f00:1", "169.254.169.254", "0x7f000001", "127.1"])
async def test_refused_and_odd_literals_are_not_dialled(resolver: DnsResolver, host: str) -> None:
    """An IP literal is held to the same list, and odd spellings are refused."""
    with pytest.raises(AddressRefused):
        await GuardedDialer(resolver).dial(host, 80)


async def test_a_permitted_literal_is_dialled_without_asking_dns(lab: LabWorld, dialer: GuardedDialer) -> None:
    """A canonical literal needs no lookup."""
    await (await dialer.dial("127.0.0.1", lab.http_port)).close()

    assert lab.dns.asked == []


async def test_permitted_addresses_remain_beside_refused_ones(lab: LabWorld, dialer: GuardedDialer) -> None:
    """Of a host's addresses only the permitted ones are used."""
    lab.zone.add("mixed.example.com", "A", "10.0.0.1")
    lab.zone.add("mixed.example.com", "A", "127.0.0.1")

    assert [ip_address("127.0.0.1")] == list(await dialer.resolve("mixed.example.com"))


async def test_ipv6_comes_first(lab: LabWorld, dialer: GuardedDialer) -> None:
    """A host with both families is tried by IPv6 before IPv4."""
    lab.zone.add("dual.example.com", "A", "127.0.0.1")
    lab.zone.add("dual.example.com", "AAAA", "::1")

    assert [ip_address("::1"), ip_address("127.0.0.1")] == list(await dialer.resolve("dual.example.com"))


async def test_ipv4_is_tried_once_when_ipv6_does_not_connect(lab: LabWorld, dialer: GuardedDialer) -> None:
    """Nothing listens on the IPv6 address, so the IPv4 address is connected to."""
    lab.zone.add("dual.example.com", "A", "127.0.0.1")
    lab.zone.add("dual.example.com", "AAAA", "::1")

    connection = await dialer.dial("dual.example.com", lab.http_port)
    await connection.close()

    assert ip_address("127.0.0.1") == connection.address


@pytest.mark.parametrize("silent", [["::1", NOBODY], [NOBODY]])
async def test_there_is_one_try_per_family(lab: LabWorld, silent: list[str]) -> None:
    """A second IPv4 address is not tried, so that one host cannot send us to many places."""
    addresses = [ip_address(address) for address in [*silent, "127.0.0.1"]]
    dialer = GuardedDialer(Scripted(addresses), allow_networks=read_networks(["127.0.0.0/8", "::1/128"]))

    with pytest.raises(Unreachable, match=NOBODY):
        await dialer.dial("many.example.com", lab.http_port)
    assert lab.web.connections == 0


async def test_a_closed_port_is_named(dialer: GuardedDialer) -> None:
    """A person reads that nothing listens, on which port of which address."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

    with pytest.raises(Unreachable, match=rf"Nothing listens on port {port} of 127\.0\.0\.1"):
        await dialer.dial("www.lab.test", port)


async def test_a_silent_address_is_given_up(resolver: DnsResolver) -> None:
    """A connection that does not come about in time is said to be silent."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        filler = [socket.socket() for _ in range(4)]
        for sock in filler:
            sock.settimeout(0)
            sock.connect_ex(("127.0.0.1", port))
        dialer = GuardedDialer(resolver, allow_networks=read_networks(["127.0.0.0/8"]), connect_timeout=0.2)

        with pytest.raises(Unreachable, match="did not answer in time"):
            await dialer.dial("127.0.0.1", port)
        for sock in filler:
            sock.close()


async def test_a_name_without_address_is_told(dialer: GuardedDialer) -> None:
    """A host that is not in DNS cannot be dialled, and this is what the error says."""
    with pytest.raises(NoAddress, match="has no address"):
        await dialer.dial("missing.example.com", 80)


async def test_a_failing_name_server_is_an_outage(lab: LabWorld, dialer: GuardedDialer) -> None:
    """When DNS gives no answer, nothing is said about the host."""
    lab.zone.trouble("www.lab.test", Trouble.SERVFAIL)

    with pytest.raises(Outage):
        await dialer.dial("www.lab.test", 80)


async def test_one_dial_asks_dns_once(lab: LabWorld) -> None:
    """The checked address itself is connected to, so a changed answer finds nobody who asks."""
    resolver = rebinding()
    dialer = GuardedDialer(resolver, allow_networks=read_networks(["127.0.0.0/8"]))

    await (await dialer.dial("rebind.example.com", lab.http_port)).close()

    assert len(resolver.answers) == 1


async def test_every_dial_checks_anew(lab: LabWorld) -> None:
    """A host that was permitted a moment ago is refused when it now points inwards."""
    dialer = GuardedDialer(rebinding(), allow_networks=read_networks(["127.0.0.0/8"]))
    await (await dialer.dial("rebind.example.com", lab.http_port)).close()

    with pytest.raises(AddressRefused):
        await dialer.dial("rebind.example.com", lab.http_port)


async def test_an_untrusted_certificate_is_refused_by_default(dialer: GuardedDialer, tmp_path: Path) -> None:
    """TLS is verified unless the caller says otherwise."""
    server = lab_web(Site(), tls=self_signed(tmp_path, "www.lab.test"))
    await server.start()

    with pytest.raises(Unreachable, match=r"TLS handshake .*certificate verify failed"):
        await dialer.dial("www.lab.test", server.port, tls=Tls())
    await server.stop()


async def test_any_certificate_can_be_looked_at(dialer: GuardedDialer, tmp_path: Path) -> None:
    """A caller that only looks gets the leaf that is served."""
    server = lab_web(Site(), tls=self_signed(tmp_path, "other.example"))
    await server.start()

    connection = await dialer.dial("www.lab.test", server.port, tls=Tls(accept_any_certificate=True))
    await connection.close()
    await server.stop()

    leaf = x509.load_der_x509_certificate(connection.peer_certificate or b"")
    assert leaf.subject.rfc4514_string() == "CN=other.example"


async def test_the_server_name_is_sent(dialer: GuardedDialer, tmp_path: Path) -> None:
    """SNI is the given name, else the dialled host."""
    names: list[str | None] = []
    context = self_signed(tmp_path, "www.lab.test")
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    server = lab_web(Site(), tls=context)
    await server.start()

    for tls in (Tls(accept_any_certificate=True), Tls("sni.example", accept_any_certificate=True)):
        await (await dialer.dial("www.lab.test", server.port, tls=tls)).close()
    await server.stop()

    assert names == ["www.lab.test", "sni.example"]


async def test_old_tls_is_refused(dialer: GuardedDialer, tmp_path: Path) -> None:
    """A server that speaks nothing newer than TLS 1.1 is not talked to."""
    context = self_signed(tmp_path, "www.lab.test")
    with pytest.warns(DeprecationWarning, match="TLSv1 is deprecated"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    server = lab_web(Site(), tls=context)
    await server.start()

    with pytest.raises(Unreachable, match="TLS handshake"):
        await dialer.dial("www.lab.test", server.port, tls=Tls(accept_any_certificate=True))
    await server.stop()


async def test_a_handshake_that_hangs_is_given_up(resolver: DnsResolver) -> None:
    """A server that accepts and then says nothing does not hold us."""
    held: list[asyncio.StreamWriter] = []

    async def hold(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    dialer = GuardedDialer(resolver, allow_networks=read_networks(["127.0.0.0/8"]), tls_timeout=0.2)

    with pytest.raises(Unreachable, match="took too long"):
        await dialer.dial("127.0.0.1", server.sockets[0].getsockname()[1], tls=Tls(accept_any_certificate=True))
    server.close()
    for writer in held:
        writer.close()
