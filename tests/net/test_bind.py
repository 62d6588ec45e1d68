"""The resolver against BIND, so that it does not only understand our own name server."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from certloom.domain.errors import Outage
from certloom.net.interface import Missing
from certloom.net.nameservers import read_nameservers
from certloom.net.resolver import DnsResolver
from workers.ports import free_port

NAMED = shutil.which("named") or shutil.which("named", path="/usr/sbin:/usr/local/sbin")
pytestmark = pytest.mark.skipif(NAMED is None, reason="BIND's named is not installed (Debian package bind9)")

CONFIGURATION = """
options {{
  directory "{folder}"; pid-file none; session-keyfile none; recursion no; dnssec-validation no;
  listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
}};
controls {{ }};
zone "one.test" {{ type primary; file "one.zone"; }};
zone "two.test" {{ type primary; file "two.zone"; }};
"""
HEAD = "$TTL 5\n@ SOA ns.one.test. root.one.test. 1 60 60 60 2\n@ NS ns.one.test.\n"
ONE = (
    HEAD
    + 'ns A 127.0.0.1\nwww A 192.0.2.1\nwww 3 AAAA 2001:db8::1\n@ CAA 128 issue "ca.example; a=b"\n'
    + "_proof 4 CNAME x.two.test.\n_away CNAME x.elsewhere.example.\n*.wild TXT any\n"
    + "part NS ns.part\nns.part A 127.0.0.9\n"
    + "".join(f"many TXT {number:0200}\n" for number in range(40))
)
TWO = HEAD + 'x TXT "pro" "of"\n'


def write_configuration(folder: Path, port: int) -> None:
    configuration = CONFIGURATION.format(folder=folder, port=port)
    for name, text in {"named.conf": configuration, "one.zone": ONE, "two.zone": TWO}.items():
        (folder / name).write_text(text, encoding="ascii")


@pytest.fixture(scope="module")
async def resolver(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DnsResolver]:
    folder, port = tmp_path_factory.mktemp("bind"), free_port()
    write_configuration(folder, port)
    process = await asyncio.create_subprocess_exec(
        str(NAMED), "-g", "-4", "-n", "1", "-c", str(folder / "named.conf"), stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    said = b""
    while line := await process.stderr.readline():
        said += line
        if b"running" in line.split():
            break
    else:
        pytest.fail(said.decode())
    yield DnsResolver(read_nameservers([f"127.0.0.1:{port}"]), query_lifetime=2.0, server_timeout=1.0)
    process.terminate()
    await process.communicate()


async def test_addresses_are_found(resolver: DnsResolver) -> None:
    """Both families, IPv6 first."""
    answer = await resolver.addresses("www.one.test")

    assert [str(address) for address in answer.records] == ["2001:db8::1", "192.0.2.1"]


async def test_aliases_into_another_zone_are_followed(resolver: DnsResolver) -> None:
    """A delegated proof is found where the alias leads, its strings joined."""
    answer = await resolver.texts("_proof.one.test")

    assert (answer.records, answer.canonical_name) == (("proof",), "x.two.test")


async def test_an_alias_out_of_what_the_server_knows_is_an_outage(resolver: DnsResolver) -> None:
    """A server that refuses to go on does not let us say that nothing is there."""
    with pytest.raises(Outage, match="REFUSED"):
        await resolver.texts("_away.one.test")


async def test_many_values_arrive_over_tcp(resolver: DnsResolver) -> None:
    """What does not fit into a packet is fetched over TCP."""
    assert len((await resolver.texts("many.one.test")).records) == 40


async def test_caa_is_read(resolver: DnsResolver) -> None:
    """Flags, tag and value are as the zone file has them."""
    (record,) = (await resolver.caa("one.test")).records

    assert (record.critical, record.tag, record.value) == (True, "issue", b"ca.example; a=b")


async def test_absence_is_told_in_both_ways(resolver: DnsResolver) -> None:
    """A missing name and a missing record are told apart."""
    answers = [await resolver.texts(name) for name in ("none.one.test", "www.one.test")]

    assert [answer.missing for answer in answers] == [Missing.NO_SUCH_NAME, Missing.NO_DATA]


@pytest.mark.parametrize("name", ["www.one.test", "a.b.none.one.test"])
async def test_absence_comes_with_the_zone_that_tells_it(resolver: DnsResolver, name: str) -> None:
    """Whether the name or only the record is missing, the answer says in which zone the name lies."""
    assert (await resolver.name_servers(name)).zone == "one.test"


@pytest.mark.parametrize(
    ("name", "ttl"),
    [("ns.one.test", 5), ("www.one.test", 3), ("many.one.test", 2), ("none.one.test", 2), ("_proof.one.test", 2)],
)
async def test_how_long_an_answer_stands(resolver: DnsResolver, name: str, ttl: int) -> None:
    """For the shortest TTL on the way; what is missing for the shorter of the SOA record's TTL and its minimum."""
    assert (await resolver.addresses(name)).ttl == ttl


async def test_wildcards_answer(resolver: DnsResolver) -> None:
    """A record from a wildcard is a record."""
    assert (await resolver.texts("a.b.wild.one.test")).records == ("any",)


async def test_a_server_that_only_refers_has_not_answered(resolver: DnsResolver) -> None:
    """Of a part that others hold it knows nothing: no CAA record there is not its to say."""
    with pytest.raises(Outage, match="answered with a referral"):
        await resolver.caa("www.part.one.test")
