"""Dynamic updates against BIND: what a wrong key, a strict policy or a forbidden address comes to."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from certloom.dns.interface import DnsRefused
from tests.dns.bind import LOOPBACK, OTHER, SECRET, Bind, make_bind, make_provider, needs_bind, running

pytestmark = needs_bind
NAME = "_acme-challenge.www.one.test"


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bind]:
    made = make_bind(tmp_path_factory.mktemp("bind"), {"one.test": "@ NS ns1\nns1 A 127.0.0.1\n"})
    async with running(made):
        yield made


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"key_name": "reader"},
            "refused the key reader: its update-policy must permit TXT records at _acme-challenge",
        ),
        ({"key_name": "nobody"}, "does not know the key nobody (BADKEY)"),
        ({"secret": OTHER}, "the secret or the algorithm is another (BADSIG)"),
        ({"algorithm": "hmac-sha512"}, "BADKEY"),
    ],
)
async def test_a_refusal_names_server_and_key(server: Bind, changes: dict[str, str], words: str) -> None:
    """The customer reads which server refused which key, and why; the secret is in no text."""
    with pytest.raises(DnsRefused) as refused:
        await make_provider(server, "one.test", **changes).present(NAME, "v")

    assert words in refused.value.detail
    assert f"127.0.0.1:{server.port}" in refused.value.detail
    assert SECRET not in str(refused.value)
    assert OTHER not in str(refused.value)


async def test_a_zone_that_is_not_there_is_refused(server: Bind) -> None:
    """A server that is not the primary says so."""
    with pytest.raises(DnsRefused, match=r"not the primary of the zone two\.test"):
        await make_provider(server, "two.test").present("_acme-challenge.two.test", "v")


async def test_nothing_outside_the_zone_is_sent(server: Bind) -> None:
    """A name beside the zone, even one that ends alike, is refused before anybody is asked."""
    for name in ("_acme-challenge.two.test", "_acme-challenge.none.test", "_acme-challenge.xone.test"):
        with pytest.raises(DnsRefused, match="does not lie in the zone"):
            await make_provider(server, "one.test").present(name, "v")


@pytest.mark.parametrize("host", ["127.0.0.1", "ns1.one.test", "localhost.one.test", "10.0.0.1", "169.254.169.254"])
async def test_inside_addresses_are_not_reached(tmp_path: Path, host: str) -> None:
    """Neither a literal nor a name that leads inside is contacted, unless the operator allows its network."""
    zone = "@ NS ns1\nns1 A 127.0.0.1\nlocalhost A 127.0.0.1\n"
    server = make_bind(tmp_path / "bind", {"one.test": zone})
    async with running(server):
        with pytest.raises(DnsRefused, match="is refused"):
            await make_provider(server, "one.test", allow=(), host=host).present(NAME, "v")

        assert server.texts(NAME) == set()


async def test_a_server_may_be_named(server: Bind) -> None:
    """A name is resolved, checked and pinned, and then used."""
    await make_provider(server, "one.test", host="ns1.one.test", allow=(LOOPBACK,)).present(NAME, "named")

    assert "named" in server.texts(NAME)
