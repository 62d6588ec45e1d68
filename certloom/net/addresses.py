"""Which addresses that tenants name we connect to, and how an IP literal must be spelled."""

import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from certloom.domain.address import why_denied
from certloom.domain.errors import FieldFault, InvalidInput
from certloom.net.interface import AddressRefused, IPAddress, IPNetwork


def check_address(address: IPAddress, allow: Sequence[IPNetwork] = ()) -> None:
    """Return when we may connect to the address; raise AddressRefused otherwise.

    `allow` is the operator's: it pardons the address itself. An IPv4 address carried inside an IPv6 address needs its
    own pardon, so that allowing a translator's prefix does not open what lies behind it.
    """
    why = why_denied(address, allow)
    if why:
        raise AddressRefused(str(address), why)


_NUMERIC_LABEL = re.compile(r"(?:[0-9]+|0[xX][0-9a-fA-F]*)\Z")


def read_literal(host: str) -> IPAddress | None:
    """Return the address when the host is an IP literal (IPv6 with or without brackets), None when it is a name.

    Raises AddressRefused for every spelling but the canonical one (RFC 5952 for IPv6), which includes what only the
    C resolver takes for an address, such as `127.1` or `0x7f000001`.
    """
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    last_label = bare.rstrip(".").rpartition(".")[2]
    if ":" not in bare and not _NUMERIC_LABEL.match(last_label):
        return None
    try:
        address = ip_address(bare)
    except ValueError:
        raise AddressRefused(host, "it is no valid IP address, and no host name ends in a number") from None
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        raise AddressRefused(host, "it names a network interface")
    if str(address) != bare or (bare != host and isinstance(address, IPv4Address)):
        raise AddressRefused(host, f"an IP address must be spelled canonically, here {address}")
    return address


def read_networks(cidrs: Iterable[str]) -> tuple[IPNetwork, ...]:
    """Read an operator's CIDRs; raises InvalidInput with one fault per bad one (pointer `/allow_networks/<index>`)."""
    networks: list[IPNetwork] = []
    faults: list[FieldFault] = []
    for index, cidr in enumerate(cidrs):
        try:
            networks.append(ip_network(cidr.strip()))
        except ValueError as error:
            detail = f"{error}. Write a network as 10.0.0.0/8 or fd00::/8."
            faults.append(FieldFault(pointer=f"/allow_networks/{index}", code="not_a_network", detail=detail))
    if faults:
        raise InvalidInput(faults)
    return tuple(networks)
