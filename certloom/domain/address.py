"""IP addresses that certificates name (RFC 8738): how they are written, and which of them mean one host to everybody.

The IANA special-purpose registries in full, because what `ipaddress` calls global differs between Python versions
and lets multicast, 6to4 and NAT64 through. The guard of our own connections goes by the same list.
"""

from collections.abc import Collection, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

_SPECIAL: Final[tuple[tuple[IPNetwork, str], ...]] = tuple(
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
_NAT64: Final = IPv6Network("64:ff9b::/96")
_COMPATIBLE: Final = IPv6Network("::/96")
# Inside a reserved block by their number, yet made to carry any IPv4 address: those are judged by what they carry.
_CARRIERS: Final = (_NAT64, IPv6Network("2002::/16"))


def read_address(text: str) -> IPAddress | None:
    """Return the address that a text is, in whatever spelling; None for all else, and for one with a zone (%eth0)."""
    try:
        return None if "%" in text else ip_address(text)
    except ValueError:
        return None


def is_address(name: str) -> bool:
    """Whether one of a certificate's names is an address: no DNS name reads as one."""
    return read_address(name) is not None


def host_in_url(name: str) -> str:
    """Return a name as a URL and the Host header have it: IPv6 in brackets (RFC 3986 3.2.2, RFC 8738 section 5)."""
    return f"[{name}]" if ":" in name else name


def why_denied(address: IPAddress, allow: Collection[IPNetwork] = ()) -> str | None:
    """Return why an address is no host that everybody can reach, as half a sentence; None when it is one.

    `allow` is the operator's: it pardons the address itself. An IPv4 address carried inside an IPv6 address needs its
    own pardon, so that allowing a translator's prefix does not open what lies behind it.
    """
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return "it names a network interface"
    for carried in embedded_addresses(address):
        why = why_denied(carried, allow)
        if why:
            return f"it carries {carried}, and {why}"
    if any(address in network for network in allow):
        return None
    return _why_special(address)


def _why_special(address: IPAddress) -> str | None:
    for network, why in _SPECIAL:
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
