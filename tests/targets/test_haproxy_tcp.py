"""Slots in memory alone, behind a runtime API on TCP: HAProxy's own and the lab's keep the same promises."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from certloom.domain.errors import Outage
from certloom.domain.target import HaproxyTcpSettings
from certloom.net.dialer import GuardedDialer
from certloom.net.interface import AddressRefused
from certloom.net.nameservers import read_nameservers
from certloom.net.resolver import DnsResolver
from certloom.targets.haproxy import HaproxyTarget, tcp_haproxy
from certloom.targets.haproxy_api import RuntimeApi
from certloom.targets.haproxy_memory import SlotMemory
from certloom.targets.interface import Standing, TargetRefused
from certloom.targets.pem import one_file
from lab.edge import CRT_LIST, AdminTrouble, LabEdge
from tests.targets.haproxy_slot import (
    FOREIGN,
    NAME,
    Place,
    edge_path,
    edge_place,
    haproxy,
    haproxy_place,
    loopback_dialer,
    say,
)
from tests.targets.pairs import mismatched, pair

NEW = "new.example.com"
PLACES = {"haproxy": haproxy_place, "edge": edge_place}


@pytest.fixture(params=PLACES)
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    async with PLACES[request.param](tmp_path, NAME) as found:
        yield found


def seen(before: Standing, number: int) -> Standing:
    """What an activity makes of it after a handshake."""
    return before.model_copy(update={"fingerprint_sha256": pair(NAME, number).fingerprint_sha256})


async def test_a_new_place_is_bound_and_taken_away_again(place: Place) -> None:
    """An empty slot is filled, and the way back leaves nothing in memory."""
    target = place.target(NEW)
    before = await target.examine()
    for _ in range(2):
        await target.install(pair(NEW, 1), before=before)
    assert await place.served(NEW) == pair(NEW, 1).fingerprint_sha256

    for _ in range(2):
        await target.roll_back(before, installed=pair(NEW, 1), known=None)

    assert await place.served(NEW) is None
    assert await target.examine() == before


async def test_what_cannot_be_put_back_is_not_replaced(place: Place) -> None:
    """A certificate that nobody knows is left where it is, unless the settings say otherwise."""
    target = place.target(NAME)
    before = await target.examine()
    assert (before.fingerprint_sha256, before.facts["serial"]) == (None, pair(NAME, FOREIGN).serial)

    with pytest.raises(TargetRefused, match="set replace_unknown_with_no_way_back"):
        await target.install(pair(NAME, 1), before=before)

    assert await place.served(NAME) == pair(NAME, FOREIGN).fingerprint_sha256
    await place.target(NAME, replace=True).install(pair(NAME, 1), before=before)
    assert await place.served(NAME) == pair(NAME, 1).fingerprint_sha256


async def test_there_is_no_way_back_to_what_nobody_has(place: Place) -> None:
    """After such a replacement a roll-back says so, and what is served stays."""
    target = place.target(NAME, replace=True)
    before = await target.examine()
    await target.install(pair(NAME, 1), before=before)

    with pytest.raises(TargetRefused, match="Nobody has the pair"):
        await target.roll_back(before, installed=pair(NAME, 1), known=None)

    assert await place.served(NAME) == pair(NAME, 1).fingerprint_sha256


async def test_a_pair_of_ours_is_replaced_and_put_back(place: Place) -> None:
    """When a handshake has told which pair it is, and we have it, there is a way back."""
    target = place.target(NAME)
    before = seen(await target.examine(), FOREIGN)
    await target.install(pair(NAME, 1), before=before)
    assert await place.served(NAME) == pair(NAME, 1).fingerprint_sha256

    for _ in range(2):
        await target.roll_back(before, installed=pair(NAME, 1), known=pair(NAME, FOREIGN))

    assert await place.served(NAME) == pair(NAME, FOREIGN).fingerprint_sha256


async def test_a_way_back_from_nowhere_needs_no_pair(place: Place) -> None:
    """When nothing has arrived, nothing has to be put back, whoever has it."""
    target = place.target(NAME)

    await target.roll_back(await target.examine(), installed=pair(NAME, 1), known=None)

    assert await place.served(NAME) == pair(NAME, FOREIGN).fingerprint_sha256


async def test_a_way_back_after_a_restart_makes_the_place_anew(place: Place) -> None:
    """When the process has lost the path altogether, the pair before is bound again."""
    target = place.target(NAME)
    before = seen(await target.examine(), FOREIGN)
    await place.say(f"del ssl crt-list {place.crt_list} {place.path(NAME)}\n")
    await place.say(f"del ssl cert {place.path(NAME)}\n")

    await target.roll_back(before, installed=pair(NAME, 1), known=pair(NAME, FOREIGN))

    assert await place.served(NAME) == pair(NAME, FOREIGN).fingerprint_sha256


@pytest.mark.parametrize("name", [NAME, NEW])
async def test_a_mismatched_pair_leaves_nothing(place: Place, name: str) -> None:
    """A refused pair is gone from memory, its transaction too."""
    target = place.target(name, replace=True)
    before, served = await target.examine(), await place.served(name)

    with pytest.raises(TargetRefused, match="does not belong"):
        await target.install(mismatched(name), before=before)

    assert (await target.examine(), await place.served(name)) == (before, served)
    assert await place.say(f"abort ssl cert {place.path(name)}\n") == "No ongoing transaction!\n\n"


async def test_a_place_that_serves_nobody_is_bound(place: Place) -> None:
    """A certificate that is in memory and in no crt-list harms nobody: it is replaced and bound."""
    await place.say(f"del ssl crt-list {place.crt_list} {place.path(NAME)}\n")
    target = place.target(NAME)
    before = await target.examine()
    await target.install(pair(NAME, 1), before=before)
    assert await place.served(NAME) == pair(NAME, 1).fingerprint_sha256

    await target.roll_back(before, installed=pair(NAME, 1), known=None)

    assert await place.served(NAME) is None


async def test_a_list_that_is_not_loaded_is_refused(place: Place) -> None:
    """The sentence says what HAProxy's configuration lacks, and nothing is made."""
    settings = place.settings(NEW).model_copy(update={"crt_list": "/nowhere/list.txt"})
    target = tcp_haproxy(settings, loopback_dialer())

    with pytest.raises(TargetRefused, match=r"has loaded no crt-list /nowhere/list\.txt"):
        await target.install(pair(NEW, 1), before=await target.examine())

    assert "Not found" in await place.say(f"show ssl cert {place.path(NEW)}\n")


async def test_nothing_is_kept_and_nothing_is_forgotten(place: Place) -> None:
    """A slot without files has nothing to forget, and says so by doing nothing."""
    target = place.target(NAME)
    await target.forget(await target.examine())
    assert await place.served(NAME) == pair(NAME, FOREIGN).fingerprint_sha256


async def test_all_works_in_a_sound_place(place: Place) -> None:
    """A check names the address, the level, the file and the crt-list."""
    found = await place.target(NAME).check()

    assert [(finding.what, finding.works) for finding in found] == [
        ("address", True),
        ("level", True),
        ("file", True),
        ("crt_list", True),
    ]


async def test_an_address_on_the_deny_list_is_not_dialled(tmp_path: Path) -> None:
    """A tenant cannot reach the inside of our network, and a check tells it without an exception."""
    dialer = GuardedDialer(DnsResolver(read_nameservers(["127.0.0.1:9"])))
    target = tcp_haproxy(HaproxyTcpSettings(address="127.0.0.1", port=1, file="/x.pem"), dialer)

    with pytest.raises(AddressRefused):
        await target.examine()
    assert [(finding.what, finding.works) for finding in await target.check()] == [("address", False)]


async def test_an_address_that_is_none_is_final() -> None:
    """What cannot stand in DNS is refused in the tree that a target may raise."""
    target = tcp_haproxy(HaproxyTcpSettings(address="a..b", port=1, file="/x.pem"), loopback_dialer())

    with pytest.raises(TargetRefused):
        await target.examine()


async def test_an_edge_in_trouble_is_an_outage_and_works_again() -> None:
    """A runtime API that answers rubbish or hangs up changes nothing, and the same call succeeds later."""
    async with LabEdge() as edge:
        place = Place(edge.admin_port, edge.tls_port, CRT_LIST, edge_path)
        target = place.target(NEW)
        before = await target.examine()
        for trouble in (AdminTrouble.RUBBISH, AdminTrouble.CLOSES):
            edge.admin_trouble(trouble)
            with pytest.raises(Outage):
                await target.install(pair(NEW, 1), before=before)
        edge.admin_trouble(None)

        await target.install(pair(NEW, 1), before=before)

        assert await place.served(NEW) == pair(NEW, 1).fingerprint_sha256


async def test_a_pair_that_is_there_is_bound_where_it_is_not() -> None:
    """A certificate that the configuration names by itself gets its entry in the target's crt-list, too, and once."""
    async with LabEdge() as edge:
        edge.load(edge_path(NAME), one_file(pair(NAME, 1)))
        target = Place(edge.admin_port, edge.tls_port, CRT_LIST, edge_path).target(NAME)
        before = await target.examine()

        for _ in range(2):
            await target.install(pair(NAME, 1), before=before)

        assert await say(edge.admin_port, f"show ssl crt-list -n {CRT_LIST}\n") == (
            f"# {CRT_LIST}\n{edge_path(NAME)}:1\n\n"
        )


async def test_a_whole_call_has_a_deadline() -> None:
    """However slowly a process answers, a worker is free again in time."""
    async with LabEdge() as edge:
        edge.admin_trouble(AdminTrouble.HANGS)
        api = RuntimeApi(lambda: asyncio.open_connection("127.0.0.1", edge.admin_port), where="The API")
        target = HaproxyTarget(SlotMemory(api, edge_path(NEW), None), exclusive_key="", deadline=0.1)

        for call in (
            target.examine(),
            target.check(),
            target.install(pair(NEW, 1), before=Standing()),
            target.roll_back(Standing(), installed=pair(NEW, 1), known=None),
        ):
            with pytest.raises(Outage, match=r"did not answer within 0\.1 s"):
                await call


async def test_a_restart_forgets_what_was_in_memory_alone(tmp_path: Path) -> None:
    """The kind's known limit: HAProxy starts from its disk, which is not ours."""
    async with haproxy(tmp_path, NAME) as process:
        place = Place(process.admin_port, process.tls_port, str(process.crt_list), process.path)
        target = place.target(NAME, replace=True)
        await target.install(pair(NAME, 1), before=await target.examine())

        await process.restart()

        assert await place.served(NAME) == pair(NAME, FOREIGN).fingerprint_sha256
