"""The lab's edge: it says what HAProxy says, and goes wrong as it is told and nowhere else."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from certloom.targets.pem import certificates_pem, one_file
from lab.edge import AdminTrouble, EdgeTrouble, LabEdge
from tests.targets.haproxy_slot import NAME, Place, edge_path, edge_place, handshake, haproxy_place, say
from tests.targets.pairs import mismatched, pair

OTHER = "other.example.com"
PATH = edge_path(NAME)


@pytest.fixture
async def edge() -> AsyncIterator[LabEdge]:
    async with LabEdge(tls_ports=(0, 0, 0)) as started:
        started.load(PATH, one_file(pair(NAME, 1)))
        yield started


async def replace(edge: LabEdge, number: int) -> None:
    await say(edge.admin_port, f"set ssl cert {PATH} <<\n{one_file(pair(NAME, number))}\n")
    assert "Success!" in await say(edge.admin_port, f"commit ssl cert {PATH}\n")


async def served(edge: LabEdge, name: str = NAME) -> list[str | None]:
    return [await handshake(port, name) for port in edge.tls_ports]


def fingerprint(number: int) -> str:
    return pair(NAME, number).fingerprint_sha256


def script(place: Place) -> list[str]:
    """Everything that the client can say, with the pairs to make every reply but the help come up."""
    path, other, new, crt_list = place.path(NAME), place.path(OTHER), place.path("new"), place.crt_list
    send = "set ssl cert {} <<\n{}".format
    one, second = one_file(pair(NAME, 1)), one_file(pair(OTHER, 2))
    return [
        "show cli level",
        f"abort ssl cert {path}",
        send(path, one),
        f"abort ssl cert {other}",
        f"commit ssl cert {other}",
        send(other, second),
        send(new, second),
        f"abort ssl cert {path}",
        f"commit ssl cert {path}",
        send(new, one),
        send(path, certificates_pem(one)),
        f"commit ssl cert {path}",
        send(path, one_file(mismatched(NAME))),
        f"commit ssl cert {path}",
        send(path, one),
        f"commit ssl cert {path}",
        f"show ssl cert *{path}",
        f"show ssl cert {new}",
        f"del ssl cert {new}",
        f"new ssl cert {new}",
        f"new ssl cert {new}",
        f"show ssl cert {new}",
        f"add ssl crt-list {crt_list} {new}",
        send(new, one_file(pair("new.example.com", 1))),
        f"commit ssl cert {new}",
        f"del ssl crt-list {crt_list} {new}",
        f"add ssl crt-list {crt_list} {new}",
        f"add ssl crt-list {crt_list} {new}",
        f"add ssl crt-list /nowhere/list {new}",
        f"add ssl crt-list {crt_list} /nowhere/file",
        f"show ssl crt-list -n {crt_list}",
        "show ssl crt-list -n /nowhere/list",
        f"del ssl cert {new}",
        f"del ssl crt-list {crt_list} {new}",
        f"del ssl crt-list {crt_list} {new}:4",
        f"del ssl crt-list {crt_list} {new}",
        f"del ssl cert {new}",
        f"del ssl crt-list {crt_list} {new}",
        f"show cli level;show ssl cert {new}",
    ]


async def test_the_edge_says_what_haproxy_says(tmp_path: Path) -> None:
    """Every reply of the lab's edge is HAProxy's own, letter by letter, but for paths."""
    async with haproxy_place(tmp_path, NAME, OTHER) as real, edge_place(tmp_path, NAME, OTHER) as fake:
        for true, played in zip(script(real), script(fake), strict=True):
            expected = (await real.say(f"{true}\n")).replace(real.crt_list, fake.crt_list)
            expected = expected.replace(real.path("x").removesuffix("x.pem"), fake.path("x").removesuffix("x.pem"))
            assert await fake.say(f"{played}\n") == expected, played[:60]


async def test_the_edge_shows_a_certificate_as_haproxy_does(tmp_path: Path) -> None:
    """Every line about a certificate that the edge has, HAProxy has, too."""
    async with haproxy_place(tmp_path, NAME) as real, edge_place(tmp_path, NAME) as fake:
        expected = (await real.say(f"show ssl cert {real.path(NAME)}\n")).replace(real.path(NAME), fake.path(NAME))
        shown = await fake.say(f"show ssl cert {fake.path(NAME)}\n")

    assert set(shown.splitlines()) <= set(expected.splitlines())


async def test_every_listener_serves_the_same(edge: LabEdge) -> None:
    """One certificate for all ports, and the next one after a commit."""
    assert await served(edge) == [fingerprint(1)] * 3

    await replace(edge, 2)

    assert await served(edge) == [fingerprint(2)] * 3


async def test_a_name_without_a_certificate_gets_no_handshake(edge: LabEdge) -> None:
    """As with strict-sni, nothing is served in place of what is missing."""
    assert await served(edge, OTHER) == [None] * 3


async def test_the_name_itself_goes_before_a_wildcard(edge: LabEdge) -> None:
    """A wildcard serves its names but for those that have a certificate of their own."""
    wild = pair("*.example.com", 1)
    edge.load("/lab/edge/wildcard.pem", one_file(wild))

    assert (await served(edge))[0] == fingerprint(1)
    assert (await served(edge, OTHER))[0] == wild.fingerprint_sha256


async def test_one_listener_keeps_the_old_one(edge: LabEdge) -> None:
    """A commit that succeeds and is not served at one of three endpoints is what a demo shows."""
    edge.trouble(EdgeTrouble.KEEPS_OLD, listener=1)
    await replace(edge, 2)
    assert await served(edge) == [fingerprint(2), fingerprint(1), fingerprint(2)]

    edge.trouble(None, listener=1)

    assert await served(edge) == [fingerprint(2)] * 3


async def test_one_listener_serves_another_name(edge: LabEdge) -> None:
    """The certificate of somewhere else comes up whatever is asked for, and never is one of ours."""
    edge.trouble(EdgeTrouble.WRONG_NAME, listener=2)

    first, second, third = await served(edge)

    assert first == second == fingerprint(1)
    assert third not in (None, fingerprint(1))


async def test_one_listener_hangs(edge: LabEdge) -> None:
    """A connection is accepted, nothing comes back, and the others go on."""
    edge.trouble(EdgeTrouble.HANGS, listener=0)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await handshake(edge.tls_ports[0], NAME)

    assert await handshake(edge.tls_ports[1], NAME) == fingerprint(1)


async def test_trouble_without_a_listener_is_everywhere(edge: LabEdge) -> None:
    """All listeners go wrong at once, and right again."""
    edge.trouble(EdgeTrouble.KEEPS_OLD)
    await replace(edge, 2)
    assert await served(edge) == [fingerprint(1)] * 3

    edge.trouble(None)

    assert await served(edge) == [fingerprint(2)] * 3


async def test_the_runtime_api_can_talk_rubbish_hang_up_and_hang(edge: LabEdge) -> None:
    """Each trouble is seen by the next command, and none of them does anything."""
    edge.admin_trouble(AdminTrouble.RUBBISH)
    assert (await say(edge.admin_port, "show cli level\n")).startswith("HTTP/1.1 500")
    edge.admin_trouble(AdminTrouble.CLOSES)
    assert await say(edge.admin_port, f"new ssl cert {edge_path('new')}\n") == ""
    edge.admin_trouble(AdminTrouble.HANGS)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await say(edge.admin_port, "show cli level\n")

    edge.admin_trouble(None)

    assert await say(edge.admin_port, "show cli level\n") == "admin\n\n"
    assert edge.commands == ["show cli level"]


async def test_a_client_gets_a_page(edge: LabEdge) -> None:
    """Who looks with a browser or curl sees that it is the lab."""
    reader, writer = await asyncio.open_connection("127.0.0.1", edge.tls_port, ssl=_any(), server_hostname=NAME)
    writer.write(b"GET / HTTP/1.1\r\nHost: www.example.com\r\n\r\n")

    assert (await reader.read()).endswith(b"\r\n\r\nlab edge\n")
    writer.close()


async def test_it_is_on_loopback_alone_and_stops_twice() -> None:
    """Nobody outside can reach it, and after the stop nobody at all."""
    edge = LabEdge(tls_ports=(0, 0))
    await edge.start()
    for port in (*edge.tls_ports, edge.admin_port):
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.2", port)
    for _ in range(2):
        await edge.stop()

    for port in (*edge.tls_ports, edge.admin_port):
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)


async def test_a_port_that_is_taken_leaves_nothing_open() -> None:
    """A failed start can be tried again with other ports."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        edge = LabEdge(admin_port=taken.getsockname()[1])

        with pytest.raises(OSError, match="in use"):
            await edge.start()

    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", edge.tls_port)


def test_what_is_no_certificate_is_not_loaded() -> None:
    """A wrong file is found at once, not at the first handshake."""
    with pytest.raises(ValueError, match="no certificate"):
        LabEdge().load(PATH, "nothing")


def _any() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
