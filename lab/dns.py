"""A name server on loopback over UDP and TCP; the zone decides what it says."""

import asyncio
import contextlib
import struct
from collections.abc import Callable
from typing import cast

import dns.exception
import dns.message
import dns.rdatatype
import dns.update

from lab.updates import UpdateKey, answer_update
from lab.zone import Zone

HOST = "127.0.0.1"
_PORT_ATTEMPTS = 20


class LabDns:
    """Answers from a zone; `asked` keeps every question as (name, type, "udp" or "tcp").

    With `update_key` it takes updates that are signed with it.
    """

    def __init__(self, zone: Zone, *, host: str = HOST, update_key: UpdateKey | None = None) -> None:
        self.zone = zone
        self.update_key = update_key
        self.asked: list[tuple[str, str, str]] = []
        self.port = 0
        self._host = host
        self._tasks: set[asyncio.Task[None]] = set()
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None

    async def start(self, port: int = 0) -> None:
        """Listen on one port for both transports; 0 picks a free one. Raises OSError when the port is taken."""
        for attempt in range(_PORT_ATTEMPTS):
            self._tcp = await asyncio.start_server(self._on_connection, self._host, port)
            self.port = int(self._tcp.sockets[0].getsockname()[1])
            try:
                transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                    lambda: _Udp(self._on_packet), local_addr=(self._host, self.port)
                )
            except OSError:
                await self.stop()
                if port or attempt == _PORT_ATTEMPTS - 1:
                    raise
            else:
                self._udp = transport
                return

    async def stop(self) -> None:
        """Close everything; may be called twice."""
        if self._udp:
            self._udp.close()
        if self._tcp:
            self._tcp.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._tcp:
            await self._tcp.wait_closed()
        self._udp = self._tcp = None

    def _on_packet(self, packet: bytes, sender: tuple[str, int]) -> None:
        task = asyncio.create_task(self._answer_packet(packet, sender))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer_packet(self, packet: bytes, sender: tuple[str, int]) -> None:
        response = await self._respond(packet, udp=True)
        if response is not None and self._udp is not None:
            self._udp.sendto(response, sender)

    async def _on_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._tasks.add(task)
        with contextlib.suppress(OSError, EOFError, asyncio.CancelledError):
            while True:
                (length,) = struct.unpack("!H", await reader.readexactly(2))
                response = await self._respond(await reader.readexactly(length), udp=False)
                if response is None:
                    break
                writer.write(struct.pack("!H", len(response)) + response)
                await writer.drain()
        self._tasks.discard(task)
        writer.close()

    async def _respond(self, wire: bytes, *, udp: bool) -> bytes | None:
        try:
            query = dns.message.from_wire(wire, keyring=self.update_key.keyring() if self.update_key else None)
        except dns.exception.DNSException:
            return None
        if isinstance(query, dns.update.UpdateMessage):
            return answer_update(self.zone, query).to_wire()
        if len(query.question) != 1:
            return None
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True)
        self.asked.append((name, dns.rdatatype.to_text(question.rdtype), "udp" if udp else "tcp"))
        await asyncio.sleep(self.zone.delays.get(question.name, 0))
        response = self.zone.answer(query, udp=udp)
        return None if response is None else _to_wire(response, max_size=query.payload if udp else 65535)


def _to_wire(response: dns.message.Message, *, max_size: int) -> bytes:
    """Cut what does not fit, as a server must (RFC 2181 section 9)."""
    try:
        return response.to_wire(max_size=max(max_size, 512))
    except dns.exception.TooBig:
        response.answer.clear()
        response.flags |= dns.flags.TC
        return response.to_wire()


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, on_packet: Callable[[bytes, tuple[str, int]], None]) -> None:
        self._on_packet = on_packet

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._on_packet(data, addr)
