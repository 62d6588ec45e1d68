"""The deny list: every range by its edges, every disguise, every spelling."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certloom.domain.address import embedded_addresses
from certloom.domain.errors import InvalidInput
from certloom.net.addresses import check_address, read_literal, read_networks
from certloom.net.interface import AddressRefused, IPAddress

DENIED = [
    *("0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.100.100.200", "100.127.255.255"),
    *("127.0.0.1", "127.255.255.255", "169.254.0.0", "169.254.169.254", "172.16.0.0", "172.31.255.255"),
    *("192.0.0.0", "192.0.0.9", "192.0.0.255", "192.0.2.1", "192.31.196.1", "192.52.193.1", "192.88.99.1"),
    *("192.168.0.0", "192.168.255.255", "192.175.48.1", "198.18.0.0", "198.19.255.255", "198.51.100.1"),
    *("203.0.113.1", "224.0.0.0", "239.255.255.255", "240.0.0.0", "255.255.255.255"),
    *("::", "::1", "::7f00:1", "::808:808", "::ffff:7f00:1", "::ffff:808:808", "64:ff9b::7f00:1", "64:ff9b::a00:1"),
    *("64:ff9b:1::1", "100::1", "100:0:0:1::1", "2001::1", "2001:0:7f00:1::", "2001:1ff:ffff::1", "2001:db8::1"),
    *("2002:7f00:1::", "2002:a9fe:a9fe::1", "2620:4f:8000::1", "3fff::1", "3fff:fff::1", "5f00::1", "fc00::1"),
    *("fd00:ec2::254", "fe80::1", "fec0::1", "ff00::1", "ff02::1", "4000::1", "e000::1"),
]
PERMITTED = [
    *("1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0"),
    *("169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.167.255.255", "192.169.0.0"),
    *("198.17.255.255", "198.20.0.0", "223.255.255.255", "2001:200::1", "2001:4860:4860::8888", "2606:4700::1"),
    *("2002:808:808::1", "64:ff9b::808:808", "2a00::1"),
]


@pytest.mark.parametrize("address", DENIED)
def test_special_addresses_are_refused(address: str) -> None:
    """An address from a special-purpose range is refused, and the error names it."""
    with pytest.raises(AddressRefused) as refused:
        check_address(ip_address(address))

    assert address in refused.value.detail


@pytest.mark.parametrize("address", PERMITTED)
def test_public_addresses_are_permitted(address: str) -> None:
    """A public address passes, also right beside a special range."""
    check_address(ip_address(address))


@pytest.mark.parametrize("address", ["fe80::1%eth0", "2606:4700::1%1", "::1%lo"])
def test_scope_ids_are_refused_even_when_the_network_is_allowed(address: str) -> None:
    """An address that names an interface is refused whatever the operator allows."""
    with pytest.raises(AddressRefused, match="interface"):
        check_address(ip_address(address), read_networks(["::/0", "fe80::/10"]))


@pytest.mark.parametrize(
    ("address", "network"),
    [("127.0.0.1", "127.0.0.0/8"), ("10.1.2.3", "10.0.0.0/8"), ("::1", "::1/128"), ("fd00::1", "fc00::/7")],
)
def test_allowed_networks_override_the_denial(address: str, network: str) -> None:
    """What the operator allows is permitted."""
    check_address(ip_address(address), read_networks([network]))


@pytest.mark.parametrize("network", ["10.0.0.0/8", "127.0.0.2/32", "::1/128"])
def test_allowed_networks_permit_nothing_else(network: str) -> None:
    """Allowing one network leaves the others refused."""
    with pytest.raises(AddressRefused):
        check_address(ip_address("127.0.0.1"), read_networks([network]))


@pytest.mark.parametrize("address", ["64:ff9b::7f00:1", "2002:7f00:1::", "::ffff:7f00:1"])
def test_allowing_a_carrier_does_not_allow_what_it_carries(address: str) -> None:
    """An allowed translator prefix does not open the private IPv4 addresses behind it."""
    with pytest.raises(AddressRefused, match=r"127\.0\.0\.1"):
        check_address(ip_address(address), read_networks(["::/0"]))


def test_a_carrier_passes_when_both_parts_are_allowed() -> None:
    """A translated address is permitted when the operator allows the IPv4 address that it carries."""
    check_address(ip_address("64:ff9b::7f00:1"), read_networks(["127.0.0.0/8"]))


def disguises(inner: IPv4Address) -> list[IPAddress]:
    number = int(inner)
    teredo_server = (0x20010000 << 96) | (number << 64)
    teredo_client = (0x20010000 << 96) | (0x08080808 << 64) | (number ^ 0xFFFF_FFFF)
    return [
        IPv6Address(number),
        IPv6Address((0xFFFF << 32) | number),
        IPv6Address((0x2002 << 112) | (number << 80) | 1),
        IPv6Address((0x0064_FF9B << 96) | number),
        IPv6Address(teredo_server),
        IPv6Address(teredo_client),
    ]


def is_denied(address: IPAddress) -> bool:
    try:
        check_address(address)
    except AddressRefused:
        return True
    return False


@given(st.one_of(st.ip_addresses(v=4), st.sampled_from([IPv4Address(a) for a in DENIED if "." in a])))
def test_whatever_carries_a_denied_address_is_denied(inner: IPv4Address) -> None:
    """No embedding makes a denied IPv4 address reachable."""
    if is_denied(inner):
        assert [is_denied(outer) for outer in disguises(inner)] == [True] * 6


@given(st.ip_addresses(v=4).filter(lambda address: int(address) > 1))
def test_embedded_addresses_are_found(inner: IPv4Address) -> None:
    """Every way of carrying an IPv4 address gives that address back."""
    assert all(inner in embedded_addresses(outer) for outer in disguises(inner))


@pytest.mark.parametrize("host", ["127.0.0.1", "8.8.8.8", "::1", "[::1]", "2606:4700::1", "[2606:4700::1]"])
def test_canonical_literals_are_read(host: str) -> None:
    """An IP literal in its canonical spelling is an address."""
    assert ip_address(host.strip("[]")) == read_literal(host)


@pytest.mark.parametrize(
    "host",
    [
        *("127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "127.0.0.01", "127.0.0.1."),
        *("1.2.3.4.5", "256.1.1.1", "0:0:0:0:0:0:0:1", "::0001", "::FFFF:7F00:1", "2606:4700:0::1", "[127.0.0.1]"),
        *("fe80::1%eth0", "[fe80::1%25eth0]", "example.0x7f", "a.b.1", "[::1", ":"),
    ],
)
def test_other_spellings_are_refused(host: str) -> None:
    """What some resolver or parser might take for an address in disguise is refused."""
    with pytest.raises(AddressRefused):
        read_literal(host)


@pytest.mark.parametrize("host", ["example.com", "1.example", "0x7f.example", "127.0.0.1.nip.io", "xn--bcher-kva.ch"])
def test_names_are_not_literals(host: str) -> None:
    """A host name is left to DNS."""
    assert read_literal(host) is None


def test_bad_networks_are_listed_by_position() -> None:
    """Each bad CIDR of the operator is named with its place."""
    with pytest.raises(InvalidInput) as refused:
        read_networks(["10.0.0.0/8", "10.0.0.1/8", "lab"])

    assert [fault.pointer for fault in refused.value.faults] == ["/allow_networks/1", "/allow_networks/2"]
