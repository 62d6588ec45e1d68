"""Which name servers we ask: those that the operator names, else the system's."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

import dns.exception
import dns.resolver

from certloom.domain.errors import FieldFault, InvalidInput, Outage


@dataclass(frozen=True, slots=True)
class NameServer:
    """One recursive name server; always an IP address, because its name could not be looked up yet."""

    address: str
    port: int = 53

    def __str__(self) -> str:
        shown = f"[{self.address}]" if ":" in self.address else self.address
        return f"{shown}:{self.port}"


def read_nameservers(texts: Iterable[str]) -> tuple[NameServer, ...]:
    """Read `9.9.9.9`, `127.0.0.1:5353`, `[::1]:5353` or `2620:fe::fe`; the port is 53 when none is given.

    Raises InvalidInput with one fault per bad one (pointer `/dns_servers/<index>`).
    """
    servers: list[NameServer] = []
    faults: list[FieldFault] = []
    for index, text in enumerate(texts):
        try:
            servers.append(_read(text.strip()))
        except ValueError:
            detail = f"{text!r} is no name server. Write an IP address with or without a port, such as 127.0.0.1:5353."
            faults.append(FieldFault(pointer=f"/dns_servers/{index}", code="not_a_name_server", detail=detail))
    if faults:
        raise InvalidInput(faults)
    return tuple(servers)


def system_nameservers(file: str = "/etc/resolv.conf") -> Sequence[NameServer]:
    """The servers of this system's configuration, read anew; raises Outage when it names none."""
    try:
        configured = dns.resolver.Resolver(file).nameservers
    except (dns.exception.DNSException, OSError) as error:
        raise Outage(f"This system has no DNS configuration: {error}. Set CERTLOOM_DNS_SERVERS.") from error
    return read_nameservers(str(server) for server in configured)


def _read(text: str) -> NameServer:
    address, port = text, "53"
    if text.startswith("["):
        address, _, rest = text[1:].partition("]:" if "]:" in text else "]")
        port = rest or ("53" if text.endswith("]") else "")
    elif text.count(":") == 1:
        address, _, port = text.partition(":")
    number = int(port)
    if not 0 < number <= 65535:
        raise ValueError(port)
    return NameServer(str(ip_address(address)), number)
