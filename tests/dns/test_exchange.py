"""Name servers that misbehave: none of them is believed, and none holds us up."""

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import dns.flags
import dns.message
import pytest

from certloom.dns.exchange import exchange
from certloom.dns.interface import DnsOutage
from certloom.dns.rfc2136 import Rfc2136Provider
from certloom.domain.zone import Rfc2136Credentials, Rfc2136Settings
from certloom.net.addresses import read_networks
from certloom.net.dialer import GuardedDialer
from certloom.net.resolver import DnsResolver
from tests.dns.bind import LOOPBACK, SECRET

Reply = Callable[[dns.message.Message, asyncio.StreamWriter], Awaitable[None]]
DIALER = GuardedDialer(DnsResolver(), allow_networks=read_networks([LOOPBACK]))


@asynccontextmanager
async def server(reply: Reply) -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        (length,) = struct.unpack("!H", await reader.readexactly(2))
        asked = dns.message.from_wire(await reader.readexactly(length), keyring=False)
        await reply(asked, writer)
        writer.close()

    made = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with made:
        yield made.sockets[0].getsockname()[1]


async def send(writer: asyncio.StreamWriter, wire: bytes) -> None:
    writer.write(struct.pack("!H", len(wire)) + wire)
    await writer.drain()


async def cut_off(_: dns.message.Message, writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x01")


async def garbage(_: dns.message.Message, writer: asyncio.StreamWriter) -> None:
    await send(writer, b"\xff" * 40)


async def another_id(asked: dns.message.Message, writer: asyncio.StreamWriter) -> None:
    answer = dns.message.make_response(asked)
    answer.id ^= 1
    await send(writer, answer.to_wire())


async def silence(_: dns.message.Message, __: asyncio.StreamWriter) -> None:
    await asyncio.sleep(5)


async def unsigned(asked: dns.message.Message, writer: asyncio.StreamWriter) -> None:
    head = struct.pack("!HHHHHH", asked.id, int(dns.flags.QR) | 5 << 11, 1, 0, 0, 0)
    await send(writer, head + b"\x03one\x04test\x00" + struct.pack("!HH", 6, 1))


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (cut_off, "cut the connection"),
        (garbage, "cannot be read|another question"),
        (another_id, "another question"),
        (silence, "did not answer within 0.3 s"),
    ],
)
async def test_a_broken_answer_is_an_outage(reply: Reply, words: str) -> None:
    """It ends in time with a sentence that names the server."""
    async with server(reply) as port:
        query = dns.message.make_query("www.one.test", "TXT")
        with pytest.raises(DnsOutage, match=words) as outage:
            await exchange(DIALER, "127.0.0.1", port, query, deadline=0.3)

    assert f"127.0.0.1:{port}" in outage.value.detail


async def test_an_unsigned_yes_is_not_believed() -> None:
    """Only who has the key can say that the record stands there (RFC 8945 section 5.4)."""
    async with server(unsigned) as port:
        settings = Rfc2136Settings(server="127.0.0.1", port=port, key_name="proofs")
        credentials = Rfc2136Credentials.model_validate({"secret": SECRET})
        with pytest.raises(DnsOutage, match="without the signature"):
            await Rfc2136Provider("one.test", settings, credentials, DIALER).present("_acme-challenge.one.test", "v")
