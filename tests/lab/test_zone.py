"""The lab's zone: what exists, and what only seems to."""

import dns.message
import dns.rcode
import pytest

from lab.zone import Zone, txt


def ask(zone: Zone, name: str, rdtype: str) -> tuple[str, list[str]]:
    response = zone.answer(dns.message.make_query(name, rdtype), udp=True)
    assert response is not None
    values = [rdata.to_text() for rrset in response.answer for rdata in rrset]
    return dns.rcode.to_text(response.rcode()), values


@pytest.mark.parametrize("name", ["lab.test", "www.lab.test", "a.b.c.lab.test"])
def test_every_name_of_the_lab_points_to_this_machine(name: str) -> None:
    """Hosts under lab.test need no record to be found."""
    assert ask(Zone(), name, "A") == ("NOERROR", ["127.0.0.1"])


def test_a_proof_below_a_host_does_not_hide_the_host() -> None:
    """A host keeps its default address when a proof stands below its name."""
    zone = Zone()
    zone.add("_certloom-challenge.www.lab.test", "TXT", txt("proof"))

    assert ask(zone, "www.lab.test", "A") == ("NOERROR", ["127.0.0.1"])


def test_an_own_address_replaces_the_default() -> None:
    """A host with an address of its own has only that one."""
    zone = Zone()
    zone.add("www.lab.test", "AAAA", "2001:db8::1")

    assert ask(zone, "www.lab.test", "A") == ("NOERROR", [])


@pytest.mark.parametrize(
    ("name", "rcode"),
    [
        ("_proof.lab.test", "NXDOMAIN"),
        ("example.com", "NXDOMAIN"),
        ("www.lab.test", "NOERROR"),
        ("between.example.org", "NOERROR"),
        ("deep.between.example.org", "NOERROR"),
    ],
)
def test_no_such_name_and_no_data_are_told_apart(name: str, rcode: str) -> None:
    """A name with other records, or with names below it, exists."""
    zone = Zone()
    zone.add("deep.between.example.org", "A", "192.0.2.1")

    assert (rcode, []) == ask(zone, name, "TXT")


def test_wildcards_answer_for_what_does_not_exist() -> None:
    """A wildcard answers for any depth below its parent."""
    zone = Zone()
    zone.add("*.example.com", "TXT", txt("any"))

    assert ask(zone, "a.b.example.com", "TXT") == ("NOERROR", ['"any"'])


def test_wildcards_do_not_answer_for_what_exists() -> None:
    """A name that exists, even with nothing but names below it, is not answered from a wildcard."""
    zone = Zone()
    zone.add("*.example.com", "TXT", txt("any"))
    zone.add("x.host.example.com", "A", "192.0.2.1")

    assert ask(zone, "host.example.com", "TXT") == ("NOERROR", [])


def test_removed_records_are_gone() -> None:
    """Removing the last record removes the name; removing again does nothing."""
    zone = Zone()
    zone.add("t.example.com", "TXT", txt("value"))
    zone.remove("t.example.com", "TXT", txt("value"))
    zone.remove("t.example.com", "TXT", txt("value"))

    assert ask(zone, "t.example.com", "TXT") == ("NXDOMAIN", [])


def test_removing_one_value_keeps_the_others() -> None:
    """Proofs of different customers at one name do not disturb each other."""
    zone = Zone()
    zone.add("t.example.com", "TXT", txt("mine"))
    zone.add("t.example.com", "TXT", txt("yours"))
    zone.remove("t.example.com", "TXT", txt("mine"))

    assert ask(zone, "t.example.com", "TXT") == ("NOERROR", ['"yours"'])
