"""The one way out to hosts that tenants name: resolve, check against the deny list, pin the address, connect.

The connection is made to the checked address itself, so a second answer from DNS can change nothing.
"""

import asyncio
import errno
import socket
import ssl
from collections.abc import Sequence

from certloom.net.addresses import check_address, read_literal
from certloom.net.interface import (
    AddressRefused,
    Connection,
    IPAddress,
    IPNetwork,
    NoAddress,
    Resolver,
    Tls,
    Unreachable,
)

CONNECT_TIMEOUT = 3.0
"""Seconds for one TCP connection, so that IPv6 and its fallback both fit into a look of 10 s."""

TLS_TIMEOUT = 5.0
"""Seconds for one TLS handshake."""


class GuardedDialer:
    """Implements Dialer. `allow_networks` are the operator's exceptions from the deny list, for labs and intranets."""

    def __init__(
        self,
        resolver: Resolver,
        *,
        allow_networks: Sequence[IPNetwork] = (),
        connect_timeout: float = CONNECT_TIMEOUT,
        tls_timeout: float = TLS_TIMEOUT,
    ) -> None:
        self._resolver = resolver
        self._allow = tuple(allow_networks)
        self._connect_timeout = connect_timeout
        self._tls_timeout = tls_timeout

    async def resolve(self, host: str) -> Sequence[IPAddress]:
        """See Dialer; a host with both permitted and refused addresses is reached at the permitted ones."""
        literal = read_literal(host)
        found = (literal,) if literal else (await self._resolver.addresses(host)).records
        if not found:
            raise NoAddress(f"{host} has no address: DNS answers with neither an A nor an AAAA record.")
        permitted: list[IPAddress] = []
        refusals: list[AddressRefused] = []
        for address in found:
            try:
                check_address(address, self._allow)
                permitted.append(address)
            except AddressRefused as refusal:
                refusals.append(refusal)
        if not permitted:
            raise refusals[0]
        return sorted(permitted, key=lambda address: -address.version)

    async def dial(self, host: str, port: int, *, tls: Tls | None = None) -> Connection:
        """See Dialer."""
        addresses = await self.resolve(host)
        first = addresses[0]
        second = next((address for address in addresses if address.version < first.version), None)
        try:
            sock = await self._connect(host, first, port)
        except Unreachable:
            if second is None:
                raise
            first, sock = second, await self._connect(host, second, port)
        return await self._open(host, first, port, sock, tls)

    async def _connect(self, host: str, address: IPAddress, port: int) -> socket.socket:
        family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
        where = f"port {port} of {address} ({host})"
        sock = None
        try:
            sock = socket.socket(family, socket.SOCK_STREAM)
            sock.settimeout(0)
            async with asyncio.timeout(self._connect_timeout):
                await asyncio.get_running_loop().sock_connect(sock, (str(address), port))
        except BaseException as error:
            if sock is not None:
                sock.close()
            if isinstance(error, OSError):  # TimeoutError is one
                raise Unreachable(_why_unreachable(error, where)) from error
            raise
        return sock

    async def _open(self, host: str, address: IPAddress, port: int, sock: socket.socket, tls: Tls | None) -> Connection:
        if tls is None:
            reader, writer = await asyncio.open_connection(sock=sock)
            return Connection(host, address, port, reader, writer)
        try:
            async with asyncio.timeout(self._tls_timeout):
                reader, writer = await asyncio.open_connection(
                    sock=sock, ssl=_context(tls), server_hostname=tls.server_name or host.strip("[]")
                )
        except (OSError, ValueError) as error:
            sock.close()
            why = "took too long" if isinstance(error, TimeoutError) else f"failed ({_reason(error)})"
            raise Unreachable(f"The TLS handshake with port {port} of {address} ({host}) {why}.") from error
        leaf = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return Connection(host, address, port, reader, writer, leaf)


def _context(tls: Tls) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls.accept_any_certificate:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context.load_default_certs()
    return context


def _why_unreachable(error: OSError, where: str) -> str:
    if isinstance(error, TimeoutError) or error.errno == errno.ETIMEDOUT:
        return f"{where[0].upper()}{where[1:]} did not answer in time; a firewall may drop the packets."
    if isinstance(error, ConnectionRefusedError):
        return f"Nothing listens on {where}."
    return f"No connection to {where}: {error.strerror or error}."


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    return str(error) or type(error).__name__
