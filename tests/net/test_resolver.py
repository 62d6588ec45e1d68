"""The resolver against the lab's name server."""

from ipaddress import ip_address

import pytest

from certloom.domain.errors import InvalidInput, Outage
from certloom.net.interface import CaaRecord, Missing
from certloom.net.nameservers import read_nameservers
from certloom.net.resolver import DnsResolver
from lab.dns import LabDns
from lab.world import LabWorld
from lab.zone import Trouble, Zone, txt


async def test_addresses_of_both_families_come_with_ipv6_first(lab: LabWorld, resolver: DnsResolver) -> None:
    """A host with A and AAAA has both, IPv6 in front."""
    lab.zone.add("www.example.com", "A", "192.0.2.1")
    lab.zone.add("www.example.com", "AAAA", "2001:db8::1")

    answer = await resolver.addresses("www.example.com")

    assert (ip_address("2001:db8::1"), ip_address("192.0.2.1")) == answer.records


async def test_one_family_is_enough_when_the_other_cannot_be_asked(lab: LabWorld) -> None:
    """When AAAA questions fail and A has an answer, the answer counts."""

    class OnlyA(DnsResolver):
        async def _ask_one(self, server, name, rdtype):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            return "answered SERVFAIL" if rdtype.name == "AAAA" else await super()._ask_one(server, name, rdtype)

    answer = await OnlyA(read_nameservers([lab.dns_server])).addresses("www.lab.test")

    assert (ip_address("127.0.0.1"),) == answer.records
    assert answer.ttl == 0  # or the other family would be taken for missing


async def test_what_nobody_gives_a_time_for_has_none(resolver: DnsResolver) -> None:
    """An answer without records and without SOA must not be remembered (RFC 2308 section 5), and names no zone."""
    answer = await resolver.caa("www.lab.test")

    assert (answer.missing, answer.ttl, answer.zone) == (Missing.NO_DATA, 0, None)


async def test_a_name_that_does_not_exist_is_told(resolver: DnsResolver) -> None:
    """NXDOMAIN is an answer and no outage."""
    answer = await resolver.texts("missing.example.com")

    assert (answer.records, answer.missing) == ((), Missing.NO_SUCH_NAME)


async def test_a_name_without_such_records_is_told(resolver: DnsResolver) -> None:
    """A name that has other records only gives no data."""
    answer = await resolver.texts("www.lab.test")

    assert (answer.records, answer.missing) == ((), Missing.NO_DATA)


async def test_a_host_with_no_address_at_all_is_told(resolver: DnsResolver) -> None:
    """A host that does not exist has no addresses, and the reason is kept."""
    assert Missing.NO_SUCH_NAME is (await resolver.addresses("missing.example.com")).missing


async def test_several_texts_coexist_and_long_ones_are_joined(lab: LabWorld, resolver: DnsResolver) -> None:
    """All values are found, and the strings of one value are put together without blanks."""
    lab.zone.add("t.example.com", "TXT", txt("x" * 300))
    lab.zone.add("t.example.com", "TXT", txt("second"))

    answer = await resolver.texts("t.example.com")

    assert {"x" * 300, "second"} == set(answer.records)


async def test_texts_behind_aliases_are_found(lab: LabWorld, resolver: DnsResolver) -> None:
    """A TXT record behind two aliases is found, and where it stands is told."""
    lab.zone.add("_p.example.com", "CNAME", "a.example.net.")
    lab.zone.add("a.example.net", "CNAME", "b.example.org.")
    lab.zone.add("b.example.org", "TXT", txt("proof"))

    answer = await resolver.texts("_p.example.com")

    assert (answer.records, answer.canonical_name) == (("proof",), "b.example.org")


async def test_a_server_that_gives_one_alias_at_a_time_is_asked_on(lab: LabWorld, resolver: DnsResolver) -> None:
    """An authoritative server that answers with the first alias only is asked for its target."""
    lab.zone.add("_p.example.com", "CNAME", "a.example.net.")
    lab.zone.add("a.example.net", "TXT", txt("proof"))
    lab.zone.trouble("_p.example.com", Trouble.SHORT_CHAIN)

    assert (await resolver.texts("_p.example.com")).records == ("proof",)


async def test_aliases_in_a_circle_are_an_outage(lab: LabWorld, resolver: DnsResolver) -> None:
    """A loop of aliases ends, and is not taken for absence."""
    for name, target in [("a.example.com", "b.example.com."), ("b.example.com", "a.example.com.")]:
        lab.zone.add(name, "CNAME", target)
        lab.zone.trouble(name, Trouble.SHORT_CHAIN)

    with pytest.raises(Outage, match="loop"):
        await resolver.texts("a.example.com")


async def test_a_circle_within_one_response_is_an_outage(lab: LabWorld, resolver: DnsResolver) -> None:
    """A response whose aliases contradict themselves is not taken for absence."""
    lab.zone.add("a.example.com", "CNAME", "b.example.com.")
    lab.zone.add("b.example.com", "CNAME", "a.example.com.")

    with pytest.raises(Outage):
        await resolver.texts("a.example.com")


async def test_caa_records_are_read(lab: LabWorld, resolver: DnsResolver) -> None:
    """Flags, tag and value come as they stand, and the critical bit is understood."""
    lab.zone.add("example.com", "CAA", '128 issue "ca.example; a=b"')

    (record,) = (await resolver.caa("example.com")).records

    assert CaaRecord(128, "issue", b"ca.example; a=b") == record
    assert record.critical


async def test_cut_answers_are_asked_again_over_tcp(lab: LabWorld, resolver: DnsResolver) -> None:
    """A truncated answer over UDP is followed by the same question over TCP."""
    lab.zone.add("t.example.com", "TXT", txt("value"))
    lab.zone.trouble("t.example.com", Trouble.TRUNCATE)

    assert (await resolver.texts("t.example.com")).records == ("value",)
    assert [transport for _, _, transport in lab.dns.asked] == ["udp", "tcp"]


async def test_answers_too_large_for_udp_arrive(lab: LabWorld, resolver: DnsResolver) -> None:
    """Thirty long values do not fit into a packet and are all found."""
    for number in range(30):
        lab.zone.add("t.example.com", "TXT", txt(f"{number:0100}"))

    assert len((await resolver.texts("t.example.com")).records) == 30


@pytest.mark.parametrize("trouble", [Trouble.SERVFAIL, Trouble.REFUSED, Trouble.DROP, Trouble.TRUNCATE_ALWAYS])
async def test_failing_servers_are_an_outage_that_names_them(lab: LabWorld, trouble: Trouble) -> None:
    """When no server gives a usable answer, the outage says which one did what."""
    lab.zone.trouble("t.example.com", trouble)
    resolver = DnsResolver(read_nameservers([lab.dns_server]), query_lifetime=0.4, server_timeout=0.1)

    with pytest.raises(Outage, match=lab.dns_server):
        await resolver.texts("t.example.com")


@pytest.mark.parametrize("trouble", [Trouble.SERVFAIL, Trouble.DROP])
async def test_the_next_server_is_asked_when_one_fails(lab: LabWorld, trouble: Trouble) -> None:
    """One failing server among two does no harm."""
    broken = LabDns(Zone())
    broken.zone.trouble("t.example.com", trouble)
    lab.zone.add("t.example.com", "TXT", txt("value"))
    await broken.start()
    servers = read_nameservers([f"127.0.0.1:{broken.port}", lab.dns_server])

    answer = await DnsResolver(servers, server_timeout=0.1).texts("t.example.com")
    await broken.stop()

    assert answer.records == ("value",)


async def test_a_closed_port_is_an_outage(lab: LabWorld, resolver: DnsResolver) -> None:
    """A name server that is not there at all is an outage, too."""
    await lab.dns.stop()

    with pytest.raises(Outage):
        await resolver.texts("t.example.com")


async def test_a_question_has_one_lifetime_over_all_servers(lab: LabWorld) -> None:
    """Silent servers cannot make a question last longer than its lifetime."""
    lab.zone.trouble("t.example.com", Trouble.DROP)
    resolver = DnsResolver(read_nameservers([lab.dns_server] * 9), query_lifetime=0.3, server_timeout=0.2)

    with pytest.raises(Outage):
        await resolver.texts("t.example.com")
    assert len(lab.dns.asked) <= 2


@pytest.mark.parametrize("name", ["a..example.com", f"{'a' * 64}.example.com", "a." * 127 + "example.com", "bücher.de"])
async def test_names_that_cannot_stand_in_dns_are_invalid(resolver: DnsResolver, name: str) -> None:
    """An impossible name is refused before anybody is asked."""
    with pytest.raises(InvalidInput, match="cannot be looked up"):
        await resolver.texts(name)


async def test_no_search_domain_is_appended(lab: LabWorld, resolver: DnsResolver) -> None:
    """A short name is asked for as it is."""
    await resolver.texts("intranet")

    assert {"intranet"} == {name for name, _, _ in lab.dns.asked}
