"""What is published, where, and when it counts as ready; over the fake and a real database."""

import asyncio

import pytest

from certloom.dns.fake import FakeDns
from certloom.dns.interface import Checked, DnsRefused, ServerAnswer
from certloom.domain.application import Challenge, ValidationMethod
from certloom.domain.errors import Outage
from certloom.domain.zone import ManualSettings
from tests.dns.ground import DELEGATION, THEIRS, Ground, challenge

PLAIN = challenge()
NAME = "_acme-challenge.www.one.test"


async def test_without_zones_nothing_happens(ground: Ground, board: FakeDns) -> None:
    """Whoever publishes by hand costs one read, and neither a question to DNS nor a write."""
    assert await ground.publish(PLAIN) == {}
    assert (ground.storage.reads, ground.storage.writes, board.calls) == (1, 0, {})


async def test_files_are_none_of_its_business(ground: Ground) -> None:
    """Where there is nothing to prove in DNS, not even the database is asked."""
    file = Challenge(name="www.one.test", type=ValidationMethod.HTTP_01, token="t", url="http://x/", content="t")
    await ground.add_zone()

    assert await ground.publish(file) == {}
    assert ground.storage.reads == 0


async def test_a_proof_is_published_once(ground: Ground, board: FakeDns) -> None:
    """The first look publishes it, later ones only check, and it is ready."""
    await ground.add_zone()
    for _ in range(3):
        assert await ground.publish(PLAIN) == {}

    assert board.shown == {NAME: {"v"}}
    assert board.calls["present", NAME, "v"] == 1


async def test_it_is_written_down_before(ground: Ground, board: FakeDns) -> None:
    """Whoever dies while publishing leaves a row from which it can be taken away."""
    await ground.add_zone()
    board.broken = Outage("The server is away.")
    await ground.publish(PLAIN)

    (row,) = await ground.rows()
    assert (row.record_name, row.value, row.how, row.presented_at) == (NAME, "v", "zone_1", None)


async def test_a_crash_after_publishing_publishes_again_and_no_more(ground: Ground, board: FakeDns) -> None:
    """An attempt that died before it could say so is repeated; there is one value and one row."""
    await ground.add_zone()
    board.broken = Outage("The server is away.")
    await ground.publish(PLAIN)
    board.broken, board.records[NAME] = None, {"v"}  # as if the answer alone had been lost

    assert await ground.publish(PLAIN) == {}
    assert board.shown == {NAME: {"v"}}
    assert len(await ground.rows()) == 1


async def test_what_vanished_is_published_again(ground: Ground, board: FakeDns) -> None:
    """Somebody may clean the zone while the order is open."""
    await ground.add_zone()
    await ground.publish(PLAIN)
    board.records.clear()

    assert await ground.publish(PLAIN) == {}
    assert board.shown == {NAME: {"v"}}


async def test_a_late_server_is_waited_for(ground: Ground, board: FakeDns) -> None:
    """The customer reads which server lacks it; no resolver is asked before; then it is ready."""
    await ground.add_zone()
    board.late = {"ns2.one.test"}
    first = (await ground.publish(PLAIN))[PLAIN]
    ground.later(minutes=60)
    second = (await ground.publish(PLAIN))[PLAIN]
    board.late = set()

    assert (first.seen, first.look_anyway) == ("on 1 of 2 name servers", False)
    assert first.error == (f"The proof is published at {NAME}; these name servers do not have it yet: ns2.one.test.")
    assert second == first
    assert board.calls["present", NAME, "v"] == 1
    assert await ground.publish(PLAIN) == {}


async def test_a_refusal_is_the_error(ground: Ground, board: FakeDns) -> None:
    """What the server said is what the customer reads; he may have published it himself, so it is looked for."""
    await ground.add_zone()
    board.broken = DnsRefused("The name server ns1.one.test refused the key proofs.")
    obstacle = (await ground.publish(PLAIN))[PLAIN]

    assert (obstacle.error, obstacle.look_anyway) == ("The name server ns1.one.test refused the key proofs.", True)


async def test_a_server_that_is_away_is_not_asked_for_every_name(ground: Ground, board: FakeDns) -> None:
    """The first silence is enough for this look; all names say it."""
    await ground.add_zone()
    board.broken = Outage("The server is away.")
    many = [challenge(f"n{number}.one.test") for number in range(30)]
    obstacles = await ground.publish(*many)

    assert {obstacle.error for obstacle in obstacles.values()} == {"The server is away."}
    assert len(obstacles) == 30
    assert sum(board.calls.values()) <= 4


async def test_the_longest_zone_wins(ground: Ground, board: FakeDns) -> None:
    """A manual zone below takes its names out of our hands."""
    await ground.add_zone("one.test")
    await ground.add_zone("shop.one.test", settings=ManualSettings())
    inside = challenge("a.shop.one.test")
    beside = challenge("ashop.one.test")

    assert await ground.publish(inside, beside) == {}
    assert set(board.shown) == {"_acme-challenge.ashop.one.test"}
    assert board.opened == ["zone_1"]


async def test_another_accounts_zone_is_not_written(ground: Ground, board: FakeDns) -> None:
    """A zone serves its own account alone."""
    await ground.add_zone(account_id=THEIRS)

    assert await ground.publish(PLAIN) == {}
    assert board.shown == {}


async def test_a_wildcard_and_its_name_stand_side_by_side(ground: Ground, board: FakeDns) -> None:
    """Two challenges with one record name have two values."""
    await ground.add_zone()
    await ground.publish(challenge("www.one.test", "a"), challenge("*.www.one.test", "b"))

    assert board.shown == {NAME: {"a", "b"}}
    assert len(await ground.rows()) == 2


@pytest.mark.parametrize("label", ["_acme-challenge", "_certloom-challenge"])
async def test_a_delegated_proof_is_published_under_its_label(ground: Ground, board: FakeDns, label: str) -> None:
    """The alias leads to this account's label, so the value goes there."""
    place = await ground.delegate()
    board.aliases[f"{label}.www.one.test"] = place

    assert await ground.publish(challenge(label=label)) == {}
    assert board.shown == {place: {"v"}}


@pytest.mark.parametrize("leads", [None, f"theirs.{DELEGATION}", f"x.ours.{DELEGATION}", "elsewhere.test"])
async def test_a_name_that_leads_elsewhere_is_never_published(
    ground: Ground, board: FakeDns, leads: str | None
) -> None:
    """An alias to another account's label proves nothing for us; the sentence has the record to publish."""
    place = await ground.delegate()
    await ground.delegate(account_id=THEIRS, label="theirs")
    if leads:
        board.aliases[NAME] = leads
    obstacle = (await ground.publish(PLAIN))[PLAIN]

    assert board.shown == {}
    assert not obstacle.look_anyway
    assert obstacle.error.endswith(f"{NAME}. CNAME {place}.")


async def test_another_account_cannot_use_a_delegation(ground: Ground, board: FakeDns) -> None:
    """A name that its owner delegated to one account is published for no other."""
    board.aliases[NAME] = await ground.delegate()
    await ground.delegate(account_id=THEIRS, label="theirs")
    obstacles = await ground.publish(PLAIN, account_id=THEIRS, certificate_id="cert_2")

    assert PLAIN in obstacles
    assert board.shown == {}


async def test_without_a_label_nothing_is_asked(ground: Ground, board: FakeDns) -> None:
    """Whoever delegated nothing looks as if there were no delegation."""
    assert await ground.publish(PLAIN) == {}
    assert board.calls == {}


async def test_an_own_zone_comes_before_delegation(ground: Ground, board: FakeDns) -> None:
    """Where both are possible, the account's own zone is written."""
    await ground.delegate()
    await ground.add_zone()
    await ground.publish(PLAIN)

    assert board.shown == {NAME: {"v"}}


async def test_an_alias_in_an_own_zone_is_told(ground: Ground, board: FakeDns) -> None:
    """A record beside an alias is not seen by anybody, so the customer is told to choose."""
    await ground.add_zone()
    board.aliases[NAME] = "elsewhere.test"
    obstacle = (await ground.publish(PLAIN))[PLAIN]

    assert "an alias of elsewhere.test" in obstacle.error


async def test_a_row_that_vanished_meanwhile_comes_back_unwanted(ground: Ground, board: FakeDns) -> None:
    """An order that ends while its proof is being published leaves nothing behind."""
    await ground.add_zone()
    original = board.present

    async def present(record_name: str, value: str) -> None:
        await ground.release()
        await ground.sweep()
        await original(record_name, value)

    board.present = present  # type: ignore[method-assign]
    await ground.publish(PLAIN)
    assert board.shown == {NAME: {"v"}}
    ground.later(minutes=1)
    await ground.sweep()

    assert board.shown == {}
    assert await ground.rows() == []


async def test_a_vendor_that_goes_on_when_its_caller_is_gone_leaves_nothing(ground: Ground, board: FakeDns) -> None:
    """What was never seen to stand there is looked for once more, after any call has ended."""
    await ground.add_zone()
    original, reached = board.present, asyncio.Event()

    async def present(record_name: str, value: str) -> None:
        reached.set()
        await asyncio.Event().wait()

    board.present = present  # type: ignore[method-assign]
    look = asyncio.ensure_future(ground.publish(PLAIN))
    await reached.wait()
    await ground.release(attempt=1)
    await ground.sweep()
    look.cancel()
    await asyncio.wait([look])
    await original(NAME, "v")
    ground.later(minutes=1)
    await ground.sweep()

    assert board.shown == {}
    assert await ground.rows() == []


async def test_where_nobody_answers_us_it_is_looked_at_after_a_while(ground: Ground, board: FakeDns) -> None:
    """Servers that are closed to us over TCP may be open to a CA, and to our own look."""
    await ground.add_zone()

    async def check(record_name: str, value: str) -> Checked:
        silent = ServerAnswer(server="ns1", error="It is silent.")
        return Checked(canonical_name=record_name, value=value, servers=(silent,))

    board.check = check  # type: ignore[method-assign]
    early = (await ground.publish(PLAIN))[PLAIN]
    ground.later(minutes=10)
    late = (await ground.publish(PLAIN))[PLAIN]

    assert (early.look_anyway, late.look_anyway) == (False, True)


async def test_the_account_must_be_known(ground: Ground, board: FakeDns) -> None:
    """A look of an older history that names no account publishes nothing."""
    await ground.add_zone()

    assert await ground.publish(PLAIN, account_id="") == {}
    assert board.calls == {}
