"""The look from outside: a TLS handshake with every address of an endpoint, and what the leaf says.

The dialer connects and the handshake is made here, so that "nobody answers" and "no TLS" stay apart.
"""

import asyncio
import ssl
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.utils import CryptographyDeprecationWarning

from certloom.domain.errors import CertloomError
from certloom.domain.target import Endpoint
from certloom.net.interface import AddressRefused, Connection, Dialer, IPAddress
from certloom.targets.interface import Look, Sight

HANDSHAKE_TIMEOUT: Final = 5.0
"""Seconds for one TLS handshake, after the dialer's own 3 s for the connection."""

DEADLINE: Final = 10.0
"""Seconds for a whole endpoint, DNS and all addresses."""

MOST_ADDRESSES: Final = 64
AT_ONCE: Final = 16
MOST_NAMES: Final = 100

_LONGEST_NAME: Final = 253
_LONGEST_DETAIL: Final = 400
_CHUNK: Final = 16_384
_TLS_FIRST_BYTES: Final = (0x15, 0x16)  # an alert or a handshake record (RFC 8446 section 5.1)
_PARSING: Final = (
    ValueError,
    TypeError,
    OverflowError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.ExtensionNotFound,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
    CryptographyDeprecationWarning,  # raised where warnings are errors
)
_HINTS: Final = {
    "unsupported protocol": "it offers nothing newer than TLS 1.1, and clients want TLS 1.2",
    "tlsv1 alert protocol version": "it offers nothing newer than TLS 1.1, and clients want TLS 1.2",
    "sslv3 alert handshake failure": "it may demand a client certificate, or have no certificate for this name",
    "tlsv1 unrecognized name": "it has no certificate for this name",
}


class HandshakeProver:
    """Implements Prover. Verifies no chain: what counts is which leaf is served and that its key is behind it."""

    def __init__(
        self, dialer: Dialer, *, handshake_timeout: float = HANDSHAKE_TIMEOUT, deadline: float = DEADLINE
    ) -> None:
        self._dialer = dialer
        self._handshake_timeout = handshake_timeout
        self._deadline = deadline
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._context.check_hostname = False
        self._context.verify_mode = ssl.CERT_NONE

    async def look(self, endpoint: Endpoint) -> Sequence[Look]:
        """See Prover; of more than MOST_ADDRESSES addresses the first are asked, and the first look says so."""
        until = asyncio.get_running_loop().time() + self._deadline
        try:
            async with asyncio.timeout_at(until):
                found = tuple(dict.fromkeys(await self._dialer.resolve(endpoint.host)))
        except (CertloomError, OSError) as error:
            return (_not_resolved(endpoint, error),)
        return await self._ask_all(endpoint, found, until)

    async def _ask_all(self, endpoint: Endpoint, found: Sequence[IPAddress], until: float) -> Sequence[Look]:
        gate = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._ask(endpoint, address, gate, until)) for address in found[:MOST_ADDRESSES]]
        looks = [task.result() for task in tasks]
        if len(found) > len(looks):
            more = f"{endpoint.host} has {len(found)} addresses, of which {len(looks)} were asked. {looks[0].detail}"
            looks[0] = looks[0].model_copy(update={"detail": _sentence(more)})
        return looks

    async def _ask(self, endpoint: Endpoint, address: IPAddress, gate: asyncio.Semaphore, until: float) -> Look:
        async with gate:  # everybody who holds it is done when `until` has come
            try:
                async with asyncio.timeout_at(until):
                    connection = await self._dialer.dial(str(address), endpoint.port)
            except AddressRefused as refusal:
                return _refused(endpoint, refusal)
            except CertloomError as error:
                return _look(endpoint, Sight.UNREACHABLE, error.detail, address)
            except OSError as error:
                return _look(endpoint, Sight.UNREACHABLE, self._why_unasked(endpoint, address, error), address)
            try:
                return await self._shake(endpoint, connection, until)
            finally:
                await connection.close()

    def _why_unasked(self, endpoint: Endpoint, address: IPAddress, error: OSError) -> str:
        if isinstance(error, TimeoutError):
            return f"{address} ({endpoint}) could not be asked within {self._deadline:g} s."
        return f"{address} ({endpoint}) cannot be reached: {error.strerror or type(error).__name__}."

    async def _shake(self, endpoint: Endpoint, connection: Connection, until: float) -> Look:
        own = asyncio.get_running_loop().time() + self._handshake_timeout
        try:
            async with asyncio.timeout_at(min(own, until)):
                leaf = await _leaf(connection, self._context, endpoint.sni.strip("[]").rstrip("."))
        except (OSError, ValueError) as error:
            detail = f"No TLS handshake with {connection.address} ({endpoint}): {_why_no_tls(error)}."
            return _look(endpoint, Sight.NO_CERTIFICATE, detail, connection.address)
        told = read_leaf(leaf)
        detail = "" if "names" in told else "The certificate that is served there cannot be read in full."
        return _look(endpoint, Sight.SERVED, detail, connection.address, **told)


class _NotTls(OSError):
    """What the peer sent is no TLS; the text says so without a byte of it."""


async def _leaf(connection: Connection, context: ssl.SSLContext, server_name: str) -> bytes:
    """Make a handshake and return the leaf; an IP address as the name is not sent. Raises OSError, ValueError."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=server_name)
    heard = False
    while True:
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            connection.writer.write(outgoing.read())
            await connection.writer.drain()
            incoming.write(await _more(connection.reader, heard=heard))
            heard = True
            continue
        connection.writer.write(outgoing.read())  # our half of the end, or the server logs a broken handshake
        leaf = tls.getpeercert(binary_form=True)
        if not leaf:
            raise _NotTls("no certificate came with it")
        return leaf


async def _more(reader: asyncio.StreamReader, *, heard: bool) -> bytes:
    data = await reader.read(_CHUNK)
    if not data:
        raise _NotTls("the connection was closed in the middle of it")
    if not heard and data.startswith(b"HTTP/"):
        raise _NotTls("plain HTTP is spoken there")
    if not heard and data[0] not in _TLS_FIRST_BYTES:
        raise _NotTls("what is spoken there is not TLS")
    return data


def _why_no_tls(error: Exception) -> str:
    if isinstance(error, _NotTls):
        return str(error)
    if isinstance(error, TimeoutError):
        return "it took too long"
    if isinstance(error, ConnectionError):
        return "the connection was reset"
    if isinstance(error, ssl.SSLError):
        reason = (error.reason or "it failed").lower().replace("_", " ")
        return f"{_HINTS[reason]} ({reason})" if reason in _HINTS else reason
    return "the name cannot be sent in a handshake" if isinstance(error, ValueError) else type(error).__name__


def read_leaf(der: bytes) -> dict[str, Any]:
    """Return fingerprint, and of end, serial and names what can be read, as fields of a Look; raises nothing."""
    told: dict[str, Any] = {"fingerprint_sha256": sha256(der).hexdigest()}
    with suppress(*_PARSING):
        leaf = x509.load_der_x509_certificate(der)
        told["not_after"] = leaf.not_valid_after_utc
        told["serial"] = f"{leaf.serial_number:x}"
        told["names"] = _names(leaf)
    return told


def _names(leaf: x509.Certificate) -> tuple[str, ...]:
    with suppress(x509.ExtensionNotFound):
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = [str(san.value) for san in found if isinstance(san, x509.DNSName | x509.IPAddress)][:MOST_NAMES]
        return tuple(_printable(name)[:_LONGEST_NAME] for name in names)
    return ()


def _not_resolved(endpoint: Endpoint, error: Exception) -> Look:
    if isinstance(error, AddressRefused):
        return _refused(endpoint, error)
    detail = error.detail if isinstance(error, CertloomError) else f"DNS gave no answer for {endpoint.host} in time."
    return _look(endpoint, Sight.UNREACHABLE, detail)


def _refused(endpoint: Endpoint, refusal: AddressRefused) -> Look:
    """Tell of a refused address no more than the endpoint's own text: DNS of our network is nobody's business."""
    if refusal.address.strip("[]") == endpoint.host.strip("[]"):
        return _look(endpoint, Sight.REFUSED, refusal.detail)
    detail = (
        f"{endpoint.host} leads to addresses that are not contacted: private, local and reserved ones are refused. "
        f"Name a public address, or have the operator allow the network."
    )
    return _look(endpoint, Sight.REFUSED, detail)


def _look(endpoint: Endpoint, sight: Sight, detail: str, address: IPAddress | None = None, **told: Any) -> Look:
    shown = None if address is None else str(address)
    return Look(endpoint=endpoint, sight=sight, address=shown, detail=_sentence(detail), **told)


def _sentence(text: str) -> str:
    line = _printable(text)
    return line if len(line) <= _LONGEST_DETAIL else f"{line[: _LONGEST_DETAIL - 3]}..."


def _printable(text: str) -> str:
    return "".join(sign for sign in text if sign.isprintable())
