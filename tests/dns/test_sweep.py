"""What is not wanted any more is taken away, by value, until it is gone; over the fake and a real database."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from activities.sweep import Sweep
from activities.zone import ZoneWriters
from certloom.dns.fake import FakeDns
from certloom.dns.interface import DelegationZone, DnsBusy, DnsProvider, DnsRefused
from certloom.domain.errors import Outage
from certloom.domain.zone import DnsZone, Rfc2136Settings, ZoneCredentials
from tests.dns.ground import DELEGATION, THEIRS, Ground, challenge, make_ground

PLAIN = challenge()
NAME = "_acme-challenge.www.one.test"


@pytest.fixture
def board() -> FakeDns:
    return FakeDns()


@pytest.fixture
async def ground(tmp_path: Path, board: FakeDns) -> AsyncIterator[Ground]:
    async with make_ground(tmp_path, board, board, DelegationZone(DELEGATION, board)) as made:
        yield made


async def test_what_is_wanted_stays(ground: Ground, board: FakeDns) -> None:
    """A sweep leaves proofs of open orders alone."""
    await ground.add_zone()
    await ground.publish(PLAIN)

    assert await ground.sweep() == ""
    assert board.shown == {NAME: {"v"}}


async def test_what_is_released_is_taken_away(ground: Ground, board: FakeDns) -> None:
    """The value goes, what others published there stays, and the row is closed."""
    await ground.add_zone()
    await ground.publish(PLAIN)
    board.records[NAME].add("another's")

    assert await ground.release() == 1
    assert await ground.sweep() == "took away 1 DNS records"
    assert board.shown == {NAME: {"another's"}}
    assert await ground.rows() == []
    assert await ground.sweep() == ""


async def test_a_zone_that_is_written_another_way_is_swept_that_way(ground: Ground, board: FakeDns) -> None:
    """What was published before its key or server changed goes, too: it is known by the zone, not by its key."""
    zone = await ground.add_zone()
    await ground.publish(PLAIN)
    moved = zone.model_copy(update={"settings": Rfc2136Settings(server="ns2.one.test", key_name="newer")})
    async with ground.storage.begin() as tx:
        assert await tx.zones.change(moved)
    await ground.release()
    await ground.sweep()

    assert board.shown == {}
    assert await ground.rows() == []


async def test_a_delegated_one_is_taken_away_at_its_label(ground: Ground, board: FakeDns) -> None:
    """It goes where it stood, not where the alias was."""
    board.aliases[NAME] = await ground.delegate()
    await ground.publish(PLAIN)
    await ground.release()
    board.aliases.clear()
    await ground.sweep()

    assert board.shown == {}


@pytest.mark.parametrize("error", [Outage("The server is away."), DnsRefused("The key is refused.")])
async def test_a_failure_is_tried_again_with_growing_pauses(ground: Ground, board: FakeDns, error: Exception) -> None:
    """5 s, 10 s, 20 s and so on to one hour, until it succeeds."""
    await ground.add_zone()
    await ground.publish(PLAIN)
    await ground.release()
    board.broken = error  # type: ignore[assignment]
    pauses = []
    for _ in range(12):
        await ground.sweep()
        (row,) = await ground.rows()
        assert row.next_try_at is not None
        assert row.error == str(error)
        pauses.append((row.next_try_at - ground.now).total_seconds())
        tries = board.calls["clean_up", NAME, "v"]
        assert await ground.sweep() == ""
        assert board.calls["clean_up", NAME, "v"] == tries
        ground.now = row.next_try_at
    board.broken = None
    await ground.sweep()

    assert pauses == [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]
    assert board.shown == {}
    assert await ground.rows() == []


async def test_one_that_breaks_holds_up_no_other(ground: Ground, board: FakeDns) -> None:
    """An error that nobody planned for is one record's own: the rest of the sweep goes on."""
    await ground.add_zone()
    await ground.publish(PLAIN)
    await ground.publish(challenge("other.one.test"), certificate_id="cert_2")
    await ground.release()
    await ground.release("cert_2")
    clean_up = board.clean_up

    async def breaking(record_name: str, value: str) -> None:
        if record_name == NAME:
            raise ValueError
        await clean_up(record_name, value)

    board.clean_up = breaking  # type: ignore[method-assign]
    assert await ground.sweep() == "took away 1 DNS records, 1 later"
    assert board.shown == {NAME: {"v"}}
    (row,) = await ground.rows()
    assert row.error == "an error that nobody planned for: ValueError"


async def test_a_value_of_two_certificates_stays_until_the_last(ground: Ground, board: FakeDns) -> None:
    """The private CA's token belongs to account and name, so two certificates may show the same one."""
    await ground.add_zone()
    await ground.publish(PLAIN)
    await ground.publish(PLAIN, certificate_id="cert_2")
    await ground.release()
    await ground.sweep()
    assert board.shown == {NAME: {"v"}}
    assert await ground.rows() == []
    await ground.release("cert_2")
    await ground.sweep()

    assert board.shown == {}


async def test_what_another_account_has_there_is_left(ground: Ground, board: FakeDns) -> None:
    """Two accounts may have one zone, and one record for both of their orders: it goes with the last of them."""
    await ground.add_zone()
    await ground.add_zone(account_id=THEIRS)
    await ground.publish(PLAIN)
    await ground.publish(PLAIN, account_id=THEIRS, certificate_id="cert_2")
    await ground.release()
    await ground.sweep()
    assert board.shown == {NAME: {"v"}}

    await ground.release("cert_2")
    ground.later(hours=1)
    await ground.sweep()
    assert board.shown == {}
    assert [*await ground.rows(), *await ground.rows("cert_2")] == []


async def test_what_is_kept_for_another_is_still_known_to_stand(ground: Ground, board: FakeDns) -> None:
    """A certificate that goes takes nothing from what is known of the one that stays."""
    board.aliases[NAME] = await ground.delegate()
    await ground.publish(PLAIN)
    await ground.publish(PLAIN, certificate_id="cert_2")
    await ground.release()
    await ground.sweep()
    async with ground.storage.read() as tx:
        standing = await tx.published.standing(["cert_2"])

    assert len(standing) == 1


async def test_a_process_without_the_zone_for_delegation_takes_nothing_away(ground: Ground, board: FakeDns) -> None:
    """What it cannot write is left to one that can, instead of being forgotten."""
    board.aliases[NAME] = await ground.delegate()
    await ground.publish(PLAIN)
    await ground.release()
    writers = ZoneWriters(sealer=ground.sealer, providers=board)
    assert "later" in await Sweep(storage=ground.storage, writers=writers, clock=lambda: ground.now)()
    ground.later(hours=1)
    await ground.sweep()

    assert board.shown == {}


async def test_a_busy_process_is_no_sign_of_a_server_that_is_away(ground: Ground, board: FakeDns) -> None:
    """One record that found no free call holds up none of the others."""
    await ground.add_zone()
    names = [f"n{number:02}.one.test" for number in range(25)]
    await ground.publish(*(challenge(name) for name in names))
    await ground.release()
    original = board.clean_up

    async def clean_up(record_name: str, value: str) -> None:
        if record_name == f"_acme-challenge.{names[0]}":
            raise DnsBusy("Too many calls are under way here.")
        await original(record_name, value)

    board.clean_up = clean_up  # type: ignore[method-assign]
    await ground.sweep()
    assert set(board.shown) == {f"_acme-challenge.{names[0]}"}


async def test_releasing_an_order_leaves_the_next_one(ground: Ground, board: FakeDns) -> None:
    """An order's end releases it and older ones, not what the following one publishes."""
    await ground.add_zone()
    await ground.publish(challenge(value="old"), attempt=1)
    await ground.publish(challenge(value="new"), attempt=2)

    assert await ground.release(attempt=1) == 1
    await ground.sweep()
    assert board.shown == {NAME: {"new"}}


async def test_a_deleted_zone_closes_its_rows(ground: Ground, board: FakeDns, caplog: pytest.LogCaptureFixture) -> None:
    """Without its credentials nothing can be taken away: the log says so, once, and that is the end."""
    zone = await ground.add_zone()
    await ground.publish(PLAIN)
    await ground.release()
    async with ground.storage.begin() as tx:
        await tx.zones.delete(zone.id, ground.now)
    await ground.sweep()

    assert f"the record at {NAME} stays" in caplog.text
    assert await ground.rows() == []
    assert board.shown == {NAME: {"v"}}


async def test_a_dead_zone_holds_up_no_other(ground: Ground, board: FakeDns) -> None:
    """After the first silence the others of the same zone wait; those of other zones go."""
    await ground.add_zone("one.test")
    await ground.add_zone("two.test")
    many = [challenge(f"n{number}.one.test") for number in range(30)]
    await ground.publish(*many, challenge("www.two.test"))
    await ground.release()
    original = board.clean_up

    async def clean_up(record_name: str, value: str) -> None:
        if record_name.endswith("one.test"):
            board.calls["clean_up", "one.test", value] += 1
            raise Outage("The server is away.")
        await original(record_name, value)

    board.clean_up = clean_up  # type: ignore[method-assign]
    await ground.sweep()

    assert "_acme-challenge.www.two.test" not in board.shown
    assert board.calls["clean_up", "one.test", "v"] <= 10


async def test_a_zone_is_opened_once(ground: Ground, board: FakeDns) -> None:
    """However many records go, their zone's credentials are unsealed once, and each ten share two transactions."""
    zone = await ground.add_zone()
    await ground.publish(*(challenge(f"n{number}.one.test") for number in range(25)))
    await ground.release()
    board.opened.clear()
    ground.storage.reads = ground.storage.writes = 0
    await ground.sweep()

    assert board.shown == {}
    assert board.opened == [zone.id]
    assert (ground.storage.reads, ground.storage.writes) == (2 + 3, 3)


@pytest.mark.parametrize("error", [DnsRefused("Its credentials cannot be opened."), ValueError()])
async def test_a_zone_that_cannot_be_opened_holds_up_no_other(ground: Ground, board: FakeDns, error: Exception) -> None:
    """Its records wait with the reason, and those of other zones go."""
    odd = await ground.add_zone("one.test")
    await ground.add_zone("two.test")
    await ground.publish(PLAIN)
    await ground.publish(challenge("www.two.test"), certificate_id="cert_2")
    await ground.release()
    await ground.release("cert_2")
    original = board.open

    def opening(zone: DnsZone, credentials: ZoneCredentials | None) -> DnsProvider:
        if zone.id == odd.id:
            raise error
        return original(zone, credentials)

    board.open = opening  # type: ignore[method-assign]
    assert await ground.sweep() == "took away 1 DNS records, 1 later"
    assert board.shown == {NAME: {"v"}}
    (row,) = await ground.rows()
    assert row.next_try_at == ground.now + timedelta(seconds=5)
    assert (row.error or "").endswith(str(error) or "ValueError")


async def test_a_process_that_dies_before_it_closes_takes_away_again(ground: Ground, board: FakeDns) -> None:
    """The values are gone and the rows are not: the next sweep finds nothing left to do, and closes them."""
    await ground.add_zone()
    await ground.publish(PLAIN)
    await ground.release()
    ground.storage.fail_at = ground.storage.writes + 1
    with pytest.raises(Outage):
        await ground.sweep()
    assert (board.shown, len(await ground.rows())) == ({}, 1)

    assert await ground.sweep() == "took away 1 DNS records"
    assert await ground.rows() == []


async def test_what_is_wanted_again_is_published_again(ground: Ground, board: FakeDns) -> None:
    """A proof that was released and is needed anew, swept or not, stands there in the end."""
    await ground.add_zone()
    for sweeping in (False, True):
        await ground.publish(PLAIN)
        await ground.release()
        if sweeping:
            await ground.sweep()
        ground.later(seconds=timedelta(minutes=1).total_seconds())
    assert await ground.publish(PLAIN) == {}
    await ground.sweep()

    assert board.shown == {NAME: {"v"}}
