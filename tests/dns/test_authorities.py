"""Asking all authoritative servers: late ones, silent ones, aliases, referrals; against BIND."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from certloom.dns.authorities import NetworkAuthorities
from certloom.dns.interface import Survey
from certloom.domain.errors import Outage
from certloom.net.interface import Answer
from certloom.net.nameservers import read_nameservers
from certloom.net.resolver import DnsResolver
from tests.dns.bind import (
    LOOPBACK,
    Bind,
    ByHost,
    make_authorities,
    make_bind,
    make_dialer,
    make_provider,
    needs_bind,
    running,
)

pytestmark = needs_bind
SERVERS = "@ NS ns1\n@ NS ns2\nns1 A 127.0.0.1\nns2 A 127.0.0.1\n"
ONE = SERVERS + (
    "_acme-challenge.away CNAME label.two.test.\n"
    "_acme-challenge.far CNAME _acme-challenge.away\n"
    "_acme-challenge.loop CNAME back.sub.one.test.\n"
    "_acme-challenge.lost CNAME x.nowhere.example.\n"
    "sub NS ns.three.test.\n"
    "www.alias CNAME two.test.\n"
)
TWO = "@ NS ns1.one.test.\n"
THREE = "@ NS ns\nns A 127.0.0.1\n"
SUB = "@ NS ns.three.test.\nback CNAME _acme-challenge.loop.one.test.\n"
NAME = "_acme-challenge.www.one.test"


@dataclass
class Servers:
    first: Bind
    second: Bind
    third: Bind

    def survey(self, *, allow: Sequence[str] = (LOOPBACK,)) -> Survey:
        ports = {"ns2.one.test": self.second.port, "ns.three.test": self.third.port}
        return make_authorities(self.first, ports, allow=allow).survey()


@pytest.fixture
async def servers(tmp_path: Path) -> AsyncIterator[Servers]:
    zones = {"one.test": ONE, "two.test": TWO, "three.test": THREE}
    first = make_bind(tmp_path / "1", zones)
    second = make_bind(tmp_path / "2", {"one.test": ONE})
    third = make_bind(tmp_path / "3", {"sub.one.test": SUB})
    async with running(first, second, third):
        yield Servers(first, second, third)


async def test_everywhere_means_every_server(servers: Servers) -> None:
    """A value that one of two servers lacks is not everywhere; once it has it, too, it is."""
    await make_provider(servers.first, "one.test").present(NAME, "v")
    survey = servers.survey()
    early = await survey.check(NAME, "v")
    await make_provider(servers.second, "one.test").present(NAME, "v")
    late = await survey.check(NAME, "v")

    assert (early.everywhere, early.anywhere, early.lacking) == (False, True, ("ns2.one.test",))
    assert (late.everywhere, late.lacking) == (True, ())
    assert [answer.server for answer in late.servers] == ["ns1.one.test", "ns2.one.test"]


async def test_a_silent_server_is_told_apart(servers: Servers) -> None:
    """Who does not answer neither has the value nor lacks it."""
    await make_provider(servers.first, "one.test").present(NAME, "v")
    await servers.second.stop()
    checked = await servers.survey().check(NAME, "v")

    assert (checked.everywhere, checked.anywhere, checked.lacking) == (False, True, ())
    assert [answer.server for answer in checked.silent] == ["ns2.one.test"]
    assert "Nothing listens" in (checked.silent[0].error or "")


@pytest.mark.parametrize("name", ["away", "far"])
async def test_aliases_lead_to_the_zone_that_holds_the_record(servers: Servers, name: str) -> None:
    """One alias after the other is followed, and the servers of the last zone are asked."""
    await make_provider(servers.first, "two.test").present("label.two.test", "v")
    checked = await servers.survey().check(f"_acme-challenge.{name}.one.test", "v")

    assert checked.everywhere
    assert checked.canonical_name == "label.two.test"
    assert [answer.server for answer in checked.servers] == ["ns1.one.test"]


async def test_a_server_that_does_not_know_the_alias_lacks_the_value(servers: Servers) -> None:
    """During a change of the alias, not all servers lead to where the value is."""
    await servers.second.stop()
    (servers.second.folder / "one.test.zone").unlink()
    servers.second.zones = {"one.test": SERVERS}
    await servers.second.start()
    await make_provider(servers.first, "two.test").present("label.two.test", "v")
    checked = await servers.survey().check("_acme-challenge.away.one.test", "v")

    assert (checked.anywhere, checked.everywhere) == (True, False)
    assert checked.lacking == ("ns2.one.test",)


async def test_a_delegated_part_is_asked_at_its_own_servers(servers: Servers) -> None:
    """A zone below that other servers hold is found, though only the parent names them."""
    name = "_acme-challenge.sub.one.test"
    await make_provider(servers.third, "sub.one.test").present(name, "v")
    checked = await servers.survey().check(name, "v")

    assert checked.everywhere
    assert [answer.server for answer in checked.servers] == ["ns.three.test"]


async def test_a_server_that_was_named_and_does_not_have_the_zone_is_told_apart(tmp_path: Path) -> None:
    """One that serves only the zone above leads back to where we asked; the others' word counts."""
    lame = "sub NS ns1\n"
    first = make_bind(tmp_path / "1", {"one.test": ONE + lame, "two.test": TWO, "three.test": THREE})
    second = make_bind(tmp_path / "2", {"one.test": ONE + lame})
    third = make_bind(tmp_path / "3", {"sub.one.test": SUB + "@ NS ns1.one.test.\n"})
    async with running(first, second, third):
        name = "_acme-challenge.sub.one.test"
        await make_provider(third, "sub.one.test").present(name, "v")
        checked = await Servers(first, second, third).survey().check(name, "v")

    assert (checked.anywhere, checked.lacking) == (True, ())
    assert [answer.server for answer in checked.silent] == ["ns1.one.test"]
    assert "is not authoritative" in (checked.silent[0].error or "")


async def test_a_loop_of_aliases_ends(servers: Servers) -> None:
    """Aliases that lead back are an outage, not an endless walk."""
    with pytest.raises(Outage, match="do not end"):
        await servers.survey().check("_acme-challenge.loop.one.test", "v")


async def test_a_zone_without_known_servers_is_an_outage(servers: Servers) -> None:
    """Nobody is found who could say."""
    with pytest.raises(Outage):
        await servers.survey().check("_acme-challenge.lost.one.test", "v")


async def test_servers_inside_are_not_asked(servers: Servers) -> None:
    """Name servers are named by tenants, too: those on the deny list are told as such and not contacted."""
    await make_provider(servers.first, "one.test").present(NAME, "v")
    checked = await servers.survey(allow=()).check(NAME, "v")

    assert not checked.anywhere
    assert all("is refused" in (answer.error or "") for answer in checked.servers)


class Questions(DnsResolver):
    """Keeps about which names' servers it is asked; `said` is the zone that it tells in place of the true one."""

    asked: list[str]
    said: str | None = "the true one"

    async def name_servers(self, zone: str) -> Answer[str]:
        self.asked.append(zone)
        answer = await super().name_servers(zone)
        return answer if self.said == "the true one" else replace(answer, zone=self.said)


def counting(servers: Servers) -> tuple[Survey, Questions]:
    questions = Questions(read_nameservers([f"127.0.0.1:{servers.first.port}"]), query_lifetime=2.0)
    questions.asked = []
    dialer = ByHost(make_dialer(servers.first), {"ns2.one.test": servers.second.port})
    return NetworkAuthorities(questions, dialer, port=servers.first.port).survey(), questions


async def test_the_zone_is_found_with_two_questions(servers: Servers) -> None:
    """However deep a name is, the answer that no zone begins there says which one it lies in (RFC 2308 section 3)."""
    survey, questions = counting(servers)
    checked = await survey.check("_acme-challenge.a.b.c.d.one.test", "v")

    assert checked.lacking == ("ns1.one.test", "ns2.one.test")
    assert questions.asked == ["a.b.c.d.one.test", "one.test"]


@pytest.mark.parametrize("zone", [None, "other.test", "a.b.one.test", "x.a.b.one.test", "ne.test", "."])
async def test_a_zone_that_cannot_be_is_not_believed(servers: Servers, zone: str | None) -> None:
    """A server that names no zone, or none above the name, is asked label by label."""
    survey, questions = counting(servers)
    questions.said = zone
    checked = await survey.check("_acme-challenge.a.b.one.test", "v")

    assert checked.lacking == ("ns1.one.test", "ns2.one.test")
    assert questions.asked == ["a.b.one.test", "b.one.test", "one.test"]


async def test_the_zone_of_an_alias_is_not_the_name_s(servers: Servers) -> None:
    """Where the name above the record is an alias of a zone, that zone's servers are not the record's."""
    survey, questions = counting(servers)
    checked = await survey.check("_acme-challenge.www.alias.one.test", "v")

    assert [answer.server for answer in checked.servers] == ["ns1.one.test", "ns2.one.test"]
    assert questions.asked == ["www.alias.one.test", "alias.one.test", "one.test"]
