"""The prover against real servers on loopback: what it reads, and above all what it does not touch or tell."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from certloom.domain.errors import Outage
from certloom.domain.target import Endpoint
from certloom.net.addresses import read_networks
from certloom.net.dialer import GuardedDialer
from certloom.net.interface import Answer, CaaRecord, IPAddress
from certloom.targets.interface import Look, Material, Sight
from certloom.targets.prover import AT_ONCE, MOST_ADDRESSES, HandshakeProver, read_leaf
from tests.targets.pairs import pair

HOST = "www.example.com"
SECRET = "inner-7f3a"  # what a server says that nobody may read
LOOPBACK = "127.0.0.0/8,::1/128"
IPV4 = ["10.0.0.1", "169.254.169.254", "100.100.100.200", "127.0.0.1", "0.0.0.0"]
IPV6 = ["::1", "fd00:ec2::254", "64:ff9b::a00:1", "64:ff9b::7f00:1", "64:ff9b:1::a00:1", "2002:7f00:1::"]
DOWN = Outage("No name server could answer.")
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Names:
    """A resolver whose lookups are answered one after the other, the last one for ever; None is no answer at all."""

    def __init__(self, *answers: Sequence[str] | Outage | None) -> None:
        self.answers = answers
        self.asked = 0

    async def addresses(self, host: str) -> Answer[IPAddress]:
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        if isinstance(answer, Outage):
            raise answer
        if answer is None:
            await asyncio.Event().wait()
        return Answer(host, host, tuple(ip_address(address) for address in answer or ()))

    async def texts(self, name: str) -> Answer[str]:
        raise NotImplementedError

    async def caa(self, name: str) -> Answer[CaaRecord]:
        raise NotImplementedError


def prover(
    names: Names | None = None, allow: str = LOOPBACK, *, handshake: float = 2.0, deadline: float = 5.0
) -> HandshakeProver:
    networks = read_networks(allow.split(",")) if allow else ()
    dialer = GuardedDialer(names or Names(["127.0.0.1"]), allow_networks=networks, connect_timeout=1.0)
    return HandshakeProver(dialer, handshake_timeout=handshake, deadline=deadline)


def context_for(folder: Path, material: Material) -> ssl.SSLContext:
    file = folder / f"{material.fingerprint_sha256}.pem"
    file.write_text(material.leaf_pem + material.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@asynccontextmanager
async def serving(serve: Serve, *, at: Sequence[str] = ("127.0.0.1",), port: int = 0) -> AsyncIterator[int]:
    """Yield the port of a server; connections are dropped when the test is over."""
    writers: list[asyncio.StreamWriter] = []

    async def kept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await serve(reader, writer)

    server = await asyncio.start_server(kept, at, port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()


def speaking(context: ssl.SSLContext) -> Serve:
    """Speak TLS to the end of the handshake, alerts included, which asyncio's own servers swallow."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_side=True)
        with suppress(ssl.SSLError):
            while True:
                with suppress(ssl.SSLWantReadError):
                    tls.do_handshake()
                    break
                writer.write(outgoing.read())
                incoming.write(await reader.read(16_384) or b"\0")
        writer.write(outgoing.read())
        writer.close()

    return speak


def saying(text: str) -> Serve:
    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text.encode())

    return say


async def hang(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    return


async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.close()


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def with_san(extension: x509.ExtensionType) -> Material:
    """Return the pair of HOST with this in place of its names."""
    key = load_pem_private_key(pair(HOST).key_pem.encode(), None)
    old = x509.load_pem_x509_certificate(pair(HOST).leaf_pem.encode())
    valid = (old.not_valid_before_utc, old.not_valid_after_utc)
    builder = x509.CertificateBuilder(old.issuer, old.subject, old.public_key(), 1, *valid)
    assert isinstance(key, EllipticCurvePrivateKey)
    leaf = builder.add_extension(extension, critical=False).sign(key, hashes.SHA256())
    pem, fingerprint = leaf.public_bytes(Encoding.PEM).decode(), leaf.fingerprint(hashes.SHA256()).hex()
    return replace(pair(HOST), leaf_pem=pem, fingerprint_sha256=fingerprint)


async def seen(serve: Serve, handshake: float = 2.0) -> Look:
    """Return the look at HOST, served by a server of its own."""
    async with serving(serve) as port:
        return await one(prover(handshake=handshake), Endpoint(host=HOST, port=port))


async def one(asked: HandshakeProver, endpoint: Endpoint) -> Look:
    (look,) = await asked.look(endpoint)
    return look


@pytest.fixture
def connects(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every address that a socket of this process is asked to connect to."""
    seen, connect = list[str](), socket.socket.connect

    def spy(sock: socket.socket, address: tuple[str, int]) -> None:
        seen.append(address[0])
        connect(sock, address)

    monkeypatch.setattr(socket.socket, "connect", spy)
    return seen


async def test_the_leaf_that_is_served_is_told(tmp_path: Path) -> None:
    """Fingerprint, serial, names and end are those of the certificate, at the address that was asked."""
    material = pair(HOST)
    look = await seen(speaking(context_for(tmp_path, material)))

    leaf = x509.load_pem_x509_certificate(material.leaf_pem.encode())
    assert (look.sight, look.address, look.detail) == (Sight.SERVED, "127.0.0.1", "")
    assert (look.fingerprint_sha256, look.serial) == (material.fingerprint_sha256, material.serial)
    assert (look.names, look.not_after) == ((HOST,), leaf.not_valid_after_utc)


async def test_the_server_name_decides_which_leaf_is_seen(tmp_path: Path) -> None:
    """One port with two names shows each name its own leaf, and the default to others and to an address."""
    contexts = {name: context_for(tmp_path, pair(name)) for name in (HOST, "other.example.com")}
    asked: list[str | None] = []

    def choose(sock: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
        asked.append(name)
        sock.context = contexts.get(name or "", contexts[HOST])

    contexts[HOST].sni_callback = choose
    async with serving(speaking(contexts[HOST])) as port:
        endpoints = [Endpoint(host=HOST, port=port, server_name=name) for name in ("other.example.com", "no.example")]
        endpoints += [Endpoint(host=host, port=port) for host in (f"{HOST}.", "127.0.0.1")]
        looks = [await one(prover(), endpoint) for endpoint in endpoints]
    assert [look.names for look in looks] == [("other.example.com",), (HOST,), (HOST,), (HOST,)]
    assert asked == ["other.example.com", "no.example", HOST, None]


@pytest.mark.parametrize("at", ["::1", "[::1]"])
async def test_an_ipv6_address_can_be_asked(tmp_path: Path, at: str) -> None:
    """An endpoint may be a literal, with or without brackets, and no name is sent there."""
    asked, context = list[str | None](), context_for(tmp_path, pair(HOST))
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    async with serving(speaking(context), at=["::1"]) as port:
        look = await one(prover(), Endpoint(host=at, port=port))
    assert (look.sight, look.address, look.names, asked) == (Sight.SERVED, "::1", (HOST,), [None])


@pytest.mark.parametrize(
    ("serve", "told"),
    [
        (saying(f"220 {SECRET} ESMTP\r\n"), "not TLS"),
        (saying(f"HTTP/1.1 400 {SECRET}\r\nServer: {SECRET}\r\n\r\n"), "plain HTTP"),
        (saying(f"\x16\x03\x03\x00\x20{SECRET:32}"), "No TLS handshake"),
        (hang, "took too long"),
        (close, "closed"),
        (reset, "reset"),
    ],
    ids=["banner", "http", "broken", "hangs", "closes", "resets"],
)
async def test_who_listens_without_tls_has_no_certificate(serve: Serve, told: str) -> None:
    """Somebody answers and no handshake comes about: the detail says why in our own words, and none of theirs."""
    look = await seen(serve, handshake=0.3)
    assert (look.sight, look.address, look.fingerprint_sha256) == (Sight.NO_CERTIFICATE, "127.0.0.1", None)
    assert told in look.detail
    assert SECRET not in look.model_dump_json()


async def test_a_server_that_wants_a_client_certificate_shows_its_leaf(tmp_path: Path) -> None:
    """In TLS 1.3 the leaf arrives before the server refuses us, so it is told."""
    context = context_for(tmp_path, pair(HOST))
    context.verify_mode = ssl.CERT_REQUIRED
    look = await seen(speaking(context))
    assert (look.sight, look.fingerprint_sha256) == (Sight.SERVED, pair(HOST).fingerprint_sha256)


def strict(context: ssl.SSLContext) -> None:
    context.sni_callback = lambda *_: ssl.AlertDescription.ALERT_DESCRIPTION_UNRECOGNIZED_NAME


def demanding(context: ssl.SSLContext) -> None:
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = ssl.TLSVersion.TLSv1_2


def old(context: ssl.SSLContext) -> None:
    with pytest.warns(DeprecationWarning, match="TLSv1 is deprecated"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("ALL:@SECLEVEL=0")


@pytest.mark.parametrize(
    ("change", "told"),
    [(strict, "no certificate for this name"), (demanding, "client certificate"), (old, "TLS 1.2")],
)
async def test_a_server_that_refuses_us_says_why(
    tmp_path: Path, change: Callable[[ssl.SSLContext], None], told: str
) -> None:
    """A name that is unknown, in TLS 1.2 a client certificate that is missing, and old TLS are told by their cause."""
    context = context_for(tmp_path, pair(HOST))
    change(context)
    look = await seen(speaking(context))
    assert (look.sight, told in look.detail) == (Sight.NO_CERTIFICATE, True), look.detail


async def test_a_closed_port_is_unreachable() -> None:
    """Nobody listens, and the detail says at which port of which address."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    look = await one(prover(), Endpoint(host=HOST, port=port))
    assert (look.sight, look.address) == (Sight.UNREACHABLE, "127.0.0.1")
    assert f"port {port} of 127.0.0.1" in look.detail


@pytest.mark.parametrize(
    ("names", "told"), [(Names([]), "no address"), (Names(DOWN), "name server"), (Names(None), "DNS gave")]
)
async def test_a_name_without_an_answer_is_unreachable(names: Names, told: str) -> None:
    """A name without address, name servers that fail and those that hang are one look that says which."""
    look = await one(prover(names, deadline=0.2), Endpoint(host=HOST))
    assert (look.sight, look.address) == (Sight.UNREACHABLE, None)
    assert told in look.detail


@pytest.mark.parametrize("host", ["a..b", ".", "127.1", "x" * 255, "[", "0x7f.1", f"{'a' * 64}.example"])
async def test_a_host_that_cannot_be_one_is_a_look(host: str, connects: list[str]) -> None:
    """What no name server and no socket takes is told, never raised."""
    (look,) = await prover(Names(DOWN)).look(Endpoint(host=host))
    assert (look.sight in {Sight.UNREACHABLE, Sight.REFUSED}, look.detail != "", connects) == (True, True, [])


async def test_a_name_that_fits_no_handshake_is_a_look() -> None:
    """A server name that TLS cannot carry is told, never raised."""
    async with serving(hang) as port:
        look = await one(prover(handshake=0.3), Endpoint(host=f"{'a' * 64}.example", port=port))
    assert (look.sight, "cannot be sent" in look.detail) == (Sight.NO_CERTIFICATE, True)


async def test_every_address_of_a_name_is_asked(tmp_path: Path) -> None:
    """One stale machine behind a name is seen beside the right one, and one that is down beside both."""
    first, second = pair(HOST, 1), pair(HOST, 2)
    serve, serve_other = (speaking(context_for(tmp_path, material)) for material in (first, second))
    names = Names(["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.1"])
    async with serving(serve) as port, serving(serve_other, at=["127.0.0.2"], port=port):
        looks = await prover(names).look(Endpoint(host=HOST, port=port))
    assert {look.address: (look.sight, look.fingerprint_sha256) for look in looks} == {
        "127.0.0.1": (Sight.SERVED, first.fingerprint_sha256),
        "127.0.0.2": (Sight.SERVED, second.fingerprint_sha256),
        "127.0.0.3": (Sight.UNREACHABLE, None),
    }
    assert (len(looks), names.asked) == (3, 1)


async def test_no_more_than_a_few_connections_stand_at_once() -> None:
    """A name with many addresses is asked in turns, and none is left out."""
    standing, most = 0, 0

    async def count(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        nonlocal standing, most
        standing += 1
        most = max(most, standing)
        await reader.read()
        standing -= 1

    addresses = [f"127.0.0.{number}" for number in range(1, 2 * AT_ONCE)]
    async with serving(count, at=addresses[:1]) as port, serving(count, at=addresses[1:], port=port):
        looks = await prover(Names(addresses), handshake=0.1).look(Endpoint(host=HOST, port=port))
    assert [look.sight for look in looks] == [Sight.NO_CERTIFICATE] * len(addresses)
    assert most == AT_ONCE


async def test_a_name_with_very_many_addresses_is_not_asked_at_all_of_them(connects: list[str]) -> None:
    """Beyond the bound addresses are left out, and the look says so."""
    addresses = [f"127.0.{number // 200}.{number % 200 + 1}" for number in range(MOST_ADDRESSES + 6)]
    looks = await prover(Names(addresses)).look(Endpoint(host=HOST, port=1))
    assert (len(looks), len(connects)) == (MOST_ADDRESSES, MOST_ADDRESSES)
    assert f"has {MOST_ADDRESSES + 6} addresses, of which {MOST_ADDRESSES} were asked" in looks[0].detail


async def test_a_look_ends_in_time() -> None:
    """Addresses that hang hold nobody beyond the deadline: those whose turn did not come are told as not asked."""
    addresses = [f"127.0.0.{number}" for number in range(1, AT_ONCE + 2)]
    async with serving(hang, at=addresses[:1]) as port, serving(hang, at=addresses[1:], port=port):
        async with asyncio.timeout(20):
            looks = await prover(Names(addresses), handshake=60, deadline=1).look(Endpoint(host=HOST, port=port))
    assert [look.sight for look in looks] == [Sight.NO_CERTIFICATE] * AT_ONCE + [Sight.UNREACHABLE]
    assert "could not be asked within 1 s" in looks[-1].detail


@pytest.mark.parametrize("address", [*IPV4, *IPV6, "::ffff:7f00:1"])
async def test_nothing_is_sent_to_a_denied_address(address: str, connects: list[str]) -> None:
    """An address on the deny list is refused without a packet, as itself or behind a name."""
    literal = await one(prover(allow=""), Endpoint(host=address))
    named = await one(prover(Names([address]), allow=""), Endpoint(host=HOST))
    assert [(look.sight, look.address) for look in (literal, named)] == [(Sight.REFUSED, None)] * 2
    assert (connects, f"{address} is refused" in literal.detail, address in named.detail) == ([], True, False)


async def test_the_denied_addresses_of_a_name_are_left_out(tmp_path: Path, connects: list[str]) -> None:
    """A name with a permitted and a denied address is asked at the permitted one alone."""
    async with serving(speaking(context_for(tmp_path, pair(HOST)))) as port:
        looks = await prover(Names(["10.0.0.1", "127.0.0.1"])).look(Endpoint(host=HOST, port=port))
    assert [look.address for look in looks] == connects == ["127.0.0.1"]


async def test_a_name_that_moves_inwards_is_asked_at_the_checked_address(tmp_path: Path, connects: list[str]) -> None:
    """DNS is asked once per look, so a second answer that points inwards leads nobody there."""
    names = Names(["127.0.0.2"], ["127.0.0.1"])
    asked = prover(names, allow="127.0.0.2/32")
    serve = speaking(context_for(tmp_path, pair(HOST)))
    async with serving(serve) as port, serving(serve, at=["127.0.0.2"], port=port):
        first = await one(asked, Endpoint(host=HOST, port=port))
        second = await one(asked, Endpoint(host=HOST, port=port))
    assert (first.sight, second.sight) == (Sight.SERVED, Sight.REFUSED)
    assert (connects, names.asked) == (["127.0.0.2"], 2)


async def test_a_leaf_with_a_broken_extension_has_its_fingerprint(tmp_path: Path) -> None:
    """What cannot be read in a certificate does not hide which one it is."""
    broken = with_san(x509.UnrecognizedExtension(x509.SubjectAlternativeName.oid, b"\x30\x05\x82\x03a\xffb"))
    look = await seen(speaking(context_for(tmp_path, broken)))
    assert (look.sight, look.fingerprint_sha256, look.names) == (Sight.SERVED, broken.fingerprint_sha256, ())
    assert "cannot be read in full" in look.detail


@pytest.mark.parametrize("der", [b"", b"\x30\x03\x02\x01\x01", b"\0" * 100])
def test_bytes_that_are_no_certificate_have_a_fingerprint(der: bytes) -> None:
    """Reading raises nothing, whatever it is."""
    assert set(read_leaf(der)) == {"fingerprint_sha256"}


async def test_names_in_a_leaf_are_bounded_and_printable(tmp_path: Path) -> None:
    """A certificate cannot forge a line of a log, nor fill a page; addresses are names, too."""
    many = [x509.IPAddress(ip_address("::7")), *(x509.DNSName(f"evil\x1b[31m\n{one}.example") for one in range(150))]
    look = await seen(speaking(context_for(tmp_path, with_san(x509.SubjectAlternativeName(many)))))
    assert (len(look.names), *look.names[:2]) == (100, "::7", "evil[31m0.example")
