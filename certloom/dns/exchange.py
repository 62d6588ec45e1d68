"""One DNS message over TCP through the guarded dialer: to a checked and pinned address, and back."""

import asyncio
import struct

import dns.exception
import dns.message
import dns.tsig

from certloom.dns.interface import DnsOutage
from certloom.net.interface import Dialer


async def exchange(
    dialer: Dialer, host: str, port: int, message: dns.message.Message, *, deadline: float
) -> dns.message.Message:
    """Send a message and return its answer; raises what Dialer.dial raises, DnsOutage, and TSIG's own errors.

    `deadline` is in seconds, for connection and answer together. A signature is verified where there is one; whether
    there has to be one is the caller's to judge (`had_tsig`), because servers do not sign every refusal.
    """
    where = host if port == 53 else f"{host}:{port}"
    try:
        async with asyncio.timeout(deadline):
            wire = await _sent(dialer, host, port, message.to_wire())
    except TimeoutError:
        raise DnsOutage(f"The name server {where} did not answer within {deadline:g} s.") from None
    except (OSError, asyncio.IncompleteReadError) as error:
        raise DnsOutage(f"The name server {where} cut the connection before it had answered.") from error
    return _read(wire, message, where)


async def _sent(dialer: Dialer, host: str, port: int, wire: bytes) -> bytes:
    connection = await dialer.dial(host, port)
    try:
        connection.writer.write(struct.pack("!H", len(wire)) + wire)
        await connection.writer.drain()
        (length,) = struct.unpack("!H", await connection.reader.readexactly(2))
        return await connection.reader.readexactly(length)
    finally:
        await connection.close()


def _read(wire: bytes, asked: dns.message.Message, where: str) -> dns.message.Message:
    try:
        answer = dns.message.from_wire(wire, keyring=False)
        if asked.keyring and answer.had_tsig:
            answer = dns.message.from_wire(wire, keyring=asked.keyring, request_mac=asked.mac)
    except dns.tsig.PeerError:
        raise
    except (dns.exception.DNSException, ValueError, struct.error) as error:
        raise DnsOutage(f"The name server {where} answered with something that cannot be read.") from error
    if not asked.is_response(answer):
        raise DnsOutage(f"The name server {where} answered another question than the one asked.")
    return answer
