"""Our own deny list for addresses that tenants name, and how an IP literal must be spelled.

The IANA special-purpose registries in full, because what `ipaddress` calls global differs between Python versions
and lets multicast, 6to4 and NAT64 through.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from certloom.domain.errors import FieldFault, InvalidInput
from certloom.net.interface import AddressRefused, IPAddress, IPNetwork

_DENIED: tuple[tuple[IPNetwork, str], ...] = tuple(
    (ip_network(cidr), why)
    for cidr, why in (
        # IANA IPv4 Special-Purpose Address Registry, and multicast
        ("0.0.0.0/8", "it means this network"),
        ("10.0.0.0/8", "it is private"),
        ("100.64.0.0/10", "it is shared address space inside a provider's network"),
        ("127.0.0.0/8", "it is this machine itself"),
        ("169.254.0.0/16", "it is link-local"),
        ("172.16.0.0/12", "it is private"),
        ("192.0.0.0/24", "it is reserved for protocols"),
        ("192.0.2.0/24", "it is reserved for documentation"),
        ("192.31.196.0/24", "it is reserved for AS112"),
        ("192.52.193.0/24", "it is reserved for AMT"),
        ("192.88.99.0/24", "it is a retired 6to4 relay"),
        ("192.168.0.0/16", "it is private"),
        ("192.175.48.0/24", "it is reserved for AS112"),
        ("198.18.0.0/15", "it is reserved for benchmarks"),
        ("198.51.100.0/24", "it is reserved for documentation"),
        ("203.0.113.0/24", "it is reserved for documentation"),
        ("224.0.0.0/4", "it is multicast"),
        ("240.0.0.0/4", "it is reserved"),
        # IANA IPv6 Special-Purpose Address Registry, multicast, and site-local
        ("::/128", "it means no address"),
        ("::1/128", "it is this machine itself"),
        ("::ffff:0:0/96", "it is an IPv4 address in disguise"),
        ("64:ff9b:1::/48", "it is reserved for local translation"),
        ("100::/64", "it is a discard prefix"),
        ("100:0:0:1::/64", "it is a dummy prefix"),
        ("2001::/23", "it is reserved for protocols"),
        ("2001:db8::/32", "it is reserved for documentation"),
        ("2620:4f:8000::/48", "it is reserved for AS112"),
        ("3fff::/20", "it is reserved for documentation"),
        ("5f00::/16", "it is reserved for segment routing"),
        ("fc00::/7", "it is private"),
        ("fe80::/10", "it is link-local"),
        ("fec0::/10", "it is site-local"),
        ("ff00::/8", "it is multicast"),
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")
_COMPATIBLE = IPv6Network("::/96")
# Inside a reserved block by their number, yet made to carry any IPv4 address: those are judged by what they carry.
_CARRIERS = (_NAT64, IPv6Network("2002::/16"))


def check_address(address: IPAddress, allow: Sequence[IPNetwork] = ()) -> None:
    """Return when we may connect to the address; raise AddressRefused otherwise.

    `allow` is the operator's: it pardons the address itself. An IPv4 address carried inside an IPv6 address needs its
    own pardon, so that allowing a translator's prefix does not open what lies behind it.
    """
    why = _why_denied(address, allow)
    if why:
        raise AddressRefused(str(address), why)


def _why_denied(address: IPAddress, allow: Sequence[IPNetwork]) -> str | None:
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return "it names a network interface"
    for carried in embedded_addresses(address):
        why = _why_denied(carried, allow)
        if why:
            return f"it carries {carried}, and {why}"
    if any(address in network for network in allow):
        return None
    return _why_special(address)


def _why_special(address: IPAddress) -> str | None:
    for network, why in _DENIED:
        if address in network:
            return why
    if any(address in network for network in _CARRIERS):
        return None
    if not address.is_global or address.is_multicast or address.is_reserved:
        return "it is not a public address"
    return None


def embedded_addresses(address: IPAddress) -> Iterator[IPv4Address]:
    """Every IPv4 address that a translator or tunnel would take out of this one (RFC 4291, 6052, 3056, 4380)."""
    if isinstance(address, IPv4Address):
        return
    if address.ipv4_mapped:
        yield address.ipv4_mapped
    if address.sixtofour:
        yield address.sixtofour
    if address.teredo:
        yield from address.teredo
    compatible = address in _COMPATIBLE and int(address) > 1  # :: and ::1 are no IPv4-compatible addresses
    if address in _NAT64 or compatible:
        yield IPv4Address(int(address) & 0xFFFF_FFFF)


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
