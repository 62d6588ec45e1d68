"""How name servers are written."""

from pathlib import Path

import pytest

from certloom.domain.errors import InvalidInput, Outage
from certloom.net.nameservers import NameServer, read_nameservers, system_nameservers


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("9.9.9.9", NameServer("9.9.9.9", 53)),
        (" 127.0.0.1:5353", NameServer("127.0.0.1", 5353)),
        ("2620:fe::fe", NameServer("2620:fe::fe", 53)),
        ("[::1]:5353", NameServer("::1", 5353)),
        ("[::1]", NameServer("::1", 53)),
    ],
)
def test_addresses_with_and_without_port_are_read(text: str, server: NameServer) -> None:
    """Both families are read, and port 53 is what no port means."""
    assert (server,) == read_nameservers([text])


@pytest.mark.parametrize("text", ["dns.example:53", "localhost", "127.0.0.1:", "127.0.0.1:0", "1.1.1.1:65536", "[::1"])
def test_anything_else_is_refused_with_its_place(text: str) -> None:
    """A name or a bad port is refused, and the fault says which entry it is."""
    with pytest.raises(InvalidInput) as refused:
        read_nameservers(["9.9.9.9", text])

    assert [fault.pointer for fault in refused.value.faults] == ["/dns_servers/1"]


def test_a_server_is_shown_as_it_is_written() -> None:
    """An IPv6 server is shown in brackets, so that its port can be told apart."""
    assert str(NameServer("::1")) == "[::1]:53"


def test_the_systems_servers_are_read(tmp_path: Path) -> None:
    """Without servers of its own the product asks those of the system, in order."""
    file = tmp_path / "resolv.conf"
    file.write_text("search lab.test\nnameserver 192.0.2.53\nnameserver 2001:db8::53\n", encoding="ascii")

    assert [NameServer("192.0.2.53"), NameServer("2001:db8::53")] == list(system_nameservers(str(file)))


@pytest.mark.parametrize("text", ["", "search lab.test\n"])
def test_a_system_without_servers_is_an_outage(tmp_path: Path, text: str) -> None:
    """A machine whose network is not set up yet can be asked again later."""
    file = tmp_path / "resolv.conf"
    file.write_text(text, encoding="ascii")

    with pytest.raises(Outage, match="no DNS configuration"):
        system_nameservers(str(file))
