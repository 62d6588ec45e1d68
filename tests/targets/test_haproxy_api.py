"""The runtime API's client against HAProxy itself, and against the lab's edge, which must say the same."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from certloom.domain.errors import Outage
from certloom.targets.haproxy_api import LARGEST_REPLY, RuntimeApi, Status, speakable
from certloom.targets.interface import TargetRefused
from certloom.targets.pem import certificates_pem, one_file, read_leaf
from lab.edge import AdminTrouble, LabEdge
from tests.targets.haproxy_slot import FOREIGN, NAME, Place, edge_place, haproxy, haproxy_place
from tests.targets.pairs import mismatched, pair

OTHER = "other.example.com"
PLACES = {"haproxy": haproxy_place, "edge": edge_place}


@pytest.fixture(params=PLACES)
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    async with PLACES[request.param](tmp_path, NAME, OTHER) as found:
        yield found


def client(port: int, *, timeout: float = 5.0) -> RuntimeApi:
    return RuntimeApi(lambda: asyncio.open_connection("127.0.0.1", port), where="The API", timeout=timeout)


@pytest.fixture
def api(place: Place) -> RuntimeApi:
    return client(place.admin_port)


def sha1(number: int, name: str = NAME) -> str:
    leaf = read_leaf(pair(name, number).leaf_pem.encode())
    assert leaf
    return leaf.sha1


def large(size: int) -> str:
    """A pair with a chain that makes it as large as possible, up to a size."""
    pem, more = one_file(pair(NAME, 1)), pair(NAME, 2).leaf_pem
    return certificates_pem(pem + more * ((size - len(pem)) // len(more))) + pair(NAME, 1).key_pem


async def test_what_the_process_holds_is_shown(api: RuntimeApi, place: Place) -> None:
    """A path in use, an empty place and an unknown path are told apart, and the certificate is named."""
    await api.create(place.path("empty"))

    held = await api.show(place.path(NAME))

    assert held == (Status.USED, pair(NAME, FOREIGN).serial, sha1(FOREIGN))
    assert (await api.show(place.path("empty"))).status is Status.EMPTY
    assert (await api.show(place.path("nowhere"))).status is Status.UNKNOWN


async def test_a_committed_pair_is_served_at_once(api: RuntimeApi, place: Place) -> None:
    """After a commit the next handshake gets the new leaf, and before it the old one."""
    await api.offer(place.path(NAME), one_file(pair(NAME, 1)))
    before = await place.served(NAME)

    await api.commit(place.path(NAME))

    assert before == pair(NAME, FOREIGN).fingerprint_sha256
    assert await place.served(NAME) == pair(NAME, 1).fingerprint_sha256


async def test_a_pair_that_waits_is_shown_apart(api: RuntimeApi, place: Place) -> None:
    """What a transaction would put under a path can be looked at before it is committed."""
    await api.offer(place.path(NAME), one_file(pair(NAME, 1)))

    assert (await api.show(place.path(NAME), pending=True)).sha1 == sha1(1)
    assert (await api.show(place.path(NAME))).sha1 == sha1(FOREIGN)
    assert (await api.show(place.path(OTHER), pending=True)).status is Status.UNKNOWN


async def test_a_second_set_goes_into_the_first_ones_transaction(place: Place) -> None:
    """The trap itself: the reply names the first path, and its commit would install the second one's pair."""
    await place.say(f"set ssl cert {place.path(NAME)} <<\n{one_file(pair(NAME, 1))}\n")

    reply = await place.say(f"set ssl cert {place.path(OTHER)} <<\n{one_file(pair(OTHER, 1))}\n")

    assert reply == f"Transaction updated for certificate {place.path(NAME)}!\n\n"
    assert sha1(1, OTHER).upper() in await place.say(f"show ssl cert *{place.path(NAME)}\n")


async def test_a_pair_that_went_into_another_transaction_is_drawn_back(api: RuntimeApi, place: Place) -> None:
    """When the reply names another path, that transaction is dropped, so that nobody can commit our pair there."""
    await place.say(f"set ssl cert {place.path(OTHER)} <<\n{one_file(pair(OTHER, 1))}\n")

    with pytest.raises(Outage, match="Somebody else changes certificates"):
        await api.offer(place.path(NAME), one_file(pair(NAME, 1)))

    assert "No ongoing transaction!" in await place.say(f"commit ssl cert {place.path(OTHER)}\n")
    assert await place.served(OTHER) == pair(OTHER, FOREIGN).fingerprint_sha256


async def test_somebody_elses_transaction_is_aborted(api: RuntimeApi, place: Place) -> None:
    """A transaction that was left behind for another path does not stand in the way."""
    await place.say(f"set ssl cert {place.path(OTHER)} <<\n{one_file(pair(OTHER, 1))}\n")

    await api.abort(place.path(NAME))
    await api.abort(place.path(NAME))

    await api.offer(place.path(NAME), one_file(pair(NAME, 1)))


async def test_an_empty_line_would_let_a_payload_command_the_process(place: Place) -> None:
    """The trap itself: what follows an empty line inside a payload is executed by an administrator."""
    payload = one_file(pair(NAME, 1)) + "\nshow cli level\n"

    assert "admin" in await place.say(f"set ssl cert {place.path(NAME)} <<\n{payload}\n")


async def test_a_payload_with_an_empty_line_is_not_sent(api: RuntimeApi, place: Place) -> None:
    """Nothing can end the payload early, so nothing in it is ever executed."""
    with pytest.raises(TargetRefused, match="blank line"):
        await api.offer(place.path(NAME), f"{one_file(pair(NAME, 1))}\nshow cli level -\n")

    assert (await api.show(place.path(NAME), pending=True)).status is Status.UNKNOWN


async def test_a_payload_larger_than_the_buffer_is_named(api: RuntimeApi, place: Place) -> None:
    """HAProxy hangs up without a word, and the sentence says how large it was and which setting counts."""
    with pytest.raises(TargetRefused, match=r"PEM of 19,\d\d\d bytes: its tune\.bufsize \(16,384"):
        await api.offer(place.path(NAME), large(20_000))

    assert await place.served(NAME) == pair(NAME, FOREIGN).fingerprint_sha256


async def test_a_payload_just_below_the_buffer_is_taken(api: RuntimeApi, place: Place) -> None:
    """What the default limit of a targets file lets through, HAProxy takes."""
    pem = large(16_000)
    assert 15_000 < len(pem) <= 16_000

    await api.offer(place.path(NAME), pem)
    await api.commit(place.path(NAME))


async def test_a_key_of_another_certificate_is_refused_at_the_commit(api: RuntimeApi, place: Place) -> None:
    """A pair that does not fit changes nothing that is served."""
    await api.offer(place.path(NAME), one_file(mismatched(NAME)))

    with pytest.raises(TargetRefused, match="does not belong"):
        await api.commit(place.path(NAME))

    assert await place.served(NAME) == pair(NAME, FOREIGN).fingerprint_sha256


async def test_a_path_that_nobody_named_is_refused(api: RuntimeApi, place: Place) -> None:
    """A transaction for a path that the process does not know does not begin."""
    with pytest.raises(TargetRefused, match="knows no certificate"):
        await api.offer(place.path("nowhere"), one_file(pair(NAME, 1)))


async def test_what_is_no_certificate_is_refused(api: RuntimeApi, place: Place) -> None:
    """A payload that cannot be read begins no transaction, and none of it is told."""
    with pytest.raises(TargetRefused, match=r"^HAProxy cannot read the certificate or its key\.$"):
        await api.offer(place.path(NAME), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")


async def test_a_commit_of_nothing_is_an_outage(api: RuntimeApi, place: Place) -> None:
    """When somebody else dropped our transaction, the whole deployment may be tried again."""
    with pytest.raises(Outage, match="dropped our transaction"):
        await api.commit(place.path(NAME))


async def test_a_commit_during_somebody_elses_transaction_is_an_outage(api: RuntimeApi, place: Place) -> None:
    """A transaction that took the place of ours is not committed, and the whole deployment may be tried again."""
    await place.say(f"set ssl cert {place.path(OTHER)} <<\n{one_file(pair(OTHER, 1))}\n")

    with pytest.raises(Outage, match="dropped our transaction"):
        await api.commit(place.path(NAME))

    assert await place.served(OTHER) == pair(OTHER, FOREIGN).fingerprint_sha256


async def test_adding_twice_makes_two_entries_and_all_are_found(api: RuntimeApi, place: Place) -> None:
    """The trap itself: the process does not mind doubles; and taking the path out removes every one."""
    assert len(await api.lines(place.crt_list, place.path(NAME)) or ()) == 1
    await api.bind(place.crt_list, place.path(NAME))
    assert len(await api.lines(place.crt_list, place.path(NAME)) or ()) == 2

    await api.unbind(place.crt_list, place.path(NAME))

    assert await api.lines(place.crt_list, place.path(NAME)) == ()
    assert await place.served(NAME) is None


async def test_a_place_can_be_made_and_removed_twice(api: RuntimeApi, place: Place) -> None:
    """Both commands may come again after a crash."""
    for _ in range(2):
        await api.create(place.path("new"))
    for _ in range(2):
        await api.delete(place.path("new"))

    assert (await api.show(place.path("new"))).status is Status.UNKNOWN


async def test_a_certificate_in_use_is_not_removed(api: RuntimeApi, place: Place) -> None:
    """HAProxy says no, and goes on serving it."""
    with pytest.raises(TargetRefused, match="still uses"):
        await api.delete(place.path(NAME))

    assert await place.served(NAME) == pair(NAME, FOREIGN).fingerprint_sha256


async def test_an_empty_place_cannot_be_bound(api: RuntimeApi, place: Place) -> None:
    """A crt-list takes no entry without a certificate."""
    await api.create(place.path("empty"))

    with pytest.raises(TargetRefused, match="refuses to add"):
        await api.bind(place.crt_list, place.path("empty"))


async def test_a_crt_list_that_is_not_loaded_is_told(api: RuntimeApi, place: Place) -> None:
    """An unknown crt-list is something else than one without the path."""
    assert await api.lines("/nowhere/crt-list.txt", place.path(NAME)) is None


@pytest.mark.parametrize("level", ["operator", "user"])
async def test_a_socket_without_the_right_is_named(tmp_path: Path, level: str) -> None:
    """A socket below level admin is something for whoever runs HAProxy, and nothing to try again."""
    async with haproxy(tmp_path, NAME) as process:
        api = RuntimeApi(lambda: asyncio.open_unix_connection(process.sockets / level), where="The socket")

        assert await api.level() == level
        with pytest.raises(TargetRefused, match="The socket does not let us change certificates: it needs `level adm"):
            await api.offer(process.path(NAME), one_file(pair(NAME, 1)))


async def test_a_socket_that_shows_nothing_is_named(tmp_path: Path) -> None:
    """HAProxy 2.6 says that it lacks memory to a user who may not look; the sentence says what is so."""
    async with haproxy(tmp_path, NAME) as process:
        api = RuntimeApi(lambda: asyncio.open_unix_connection(process.sockets / "user"), where="The socket")

        with pytest.raises(TargetRefused, match="it needs `level admin`"):
            await api.show(process.path(NAME))


@pytest.mark.parametrize("trouble", [AdminTrouble.RUBBISH, AdminTrouble.CLOSES, AdminTrouble.HANGS])
async def test_what_is_no_haproxy_is_an_outage_without_its_words(trouble: AdminTrouble) -> None:
    """Nothing of what an inner service may have answered gets into the sentence."""
    async with LabEdge() as edge:
        edge.admin_trouble(trouble)
        api = client(edge.admin_port, timeout=0.2)

        for ask in (api.show("/x.pem"), api.level(), api.commit("/x.pem"), api.lines("/list", "/x.pem")):
            with pytest.raises(Outage) as caught:
                await ask
            assert "secret" not in caught.value.detail


async def test_nobody_there_is_an_outage(tmp_path: Path) -> None:
    """A missing socket and a stale one are named, and may come back."""
    api = RuntimeApi(lambda: asyncio.open_unix_connection(tmp_path / "none"), where="The socket")

    with pytest.raises(Outage, match=r"^The socket cannot be reached: No such file or directory\.$"):
        await api.level()


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(reply: bytes, *, times: int = 1) -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        try:
            for _ in range(times):
                writer.write(reply)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    "reply",
    [
        b"\xff\xfe\x00\x01\n\n",
        b"Success!",
        b"Filename: /x.pem\nStatus: Used\nSerial: 01\n\n",
        b"Filename: /x.pem\nStatus: Used\nSerial: 01\nSHA1 FingerPrint: 01\nSub",
        b"Filename: /x.pem\nStatus: Used\nSerial: zz\nSHA1 FingerPrint: zz\n\n",
        b"Filename: /y.pem\nStatus: Used\nSerial: 01\nSHA1 FingerPrint: 01\n\n",
        b"Filename: /x.pem\nStatus: Used\nSerial: 01\nSHA1 FingerPrint: 01\nSHA1 FingerPrint: 02\n\n",
        b"SSH-2.0-OpenSSH_9.2p1\r\n",
    ],
)
async def test_half_an_answer_is_an_outage(reply: bytes) -> None:
    """Only a whole and unambiguous answer about our own path is believed."""
    async with server(reply) as port:
        with pytest.raises(Outage, match="something that HAProxy does not say"):
            await client(port).show("/x.pem")


async def test_an_endless_answer_is_cut_off() -> None:
    """A server that never stops talking costs no more memory than a large crt-list."""
    chunk = b"x" * 65536
    async with server(chunk, times=10 * LARGEST_REPLY // len(chunk)) as port:
        with pytest.raises(Outage, match="something that HAProxy does not say"):
            await client(port).level()


@pytest.mark.parametrize(
    "path", ["/a b.pem", "/a;b.pem", "/a\\b.pem", "/a\nb", "/a:3", "/a'b", '/a"b', "/é.pem", "/a<<b", "a.pem", "*/a"]
)
def test_a_path_that_would_be_more_than_one_word_is_refused(path: str) -> None:
    """No setting can smuggle a second command or another entry into the runtime API."""
    with pytest.raises(TargetRefused, match="cannot be told the path"):
        speakable(path)


def test_a_usual_path_can_be_told() -> None:
    """Debian's folders and a wildcard's file name are fine."""
    assert speakable("/etc/haproxy/certs/*.example.com_1-2.pem") == "/etc/haproxy/certs/*.example.com_1-2.pem"
