"""How things look on wide and on narrow terminals, and in words."""

from datetime import UTC, datetime, timedelta

import pytest

from certloom.cli.words import amount, moment, relative
from tests.api.places import served
from tests.api.world import World
from tests.cli.desk import Desk

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "now"),
        (8, "in 8 s"),
        (-119, "119 s ago"),
        (120, "in 2 min"),
        (-7199, "119 min ago"),
        (7200, "in 2 hours"),
        (12 * 86_400 + 5, "in 12 days"),
    ],
)
def test_a_moment_is_told_as_people_count(seconds: int, words: str) -> None:
    """The unit grows with the distance, and the past is told as past."""
    assert relative(NOW + timedelta(seconds=seconds), NOW) == words


def test_a_moment_is_told_in_utc() -> None:
    """Whatever offset it comes with, it is shown in UTC and beside it as people count; none is a dash."""
    assert moment("2026-12-06T11:30:00+02:00", NOW) == "2026-12-06 09:30 UTC (in 12 days)"
    assert moment(None, NOW) == "-"


@pytest.mark.parametrize(
    ("units", "currency", "words"),
    [(900, "EUR", "9.00 EUR"), (-1_234_567, "EUR", "-12,345.67 EUR"), (900, "JPY", "900 JPY"), (5, "KWD", "0.005 KWD")],
)
def test_money_is_told_in_its_currency(units: int, currency: str, words: str) -> None:
    """Minor units become an amount with as many decimals as the currency has."""
    assert amount(units, currency) == words


async def test_nothing_is_wider_than_the_terminal(desk: Desk, world: World) -> None:
    """At 100 and at 60 columns no line of a list, a status or the events runs over, but what is made to be copied."""
    certificate, _, _ = await served(world)
    commands = (("products",), ("list",), ("events", certificate["id"]), ("account", "statement"), ("targets", "list"))
    for columns in (100, 60):
        for arguments in commands:
            done = await desk.typed(*arguments, columns=columns)
            lines = [line for line in done.plain.splitlines() if not line.startswith("Next:")]
            assert max(map(len, lines)) <= columns, arguments
            assert "…" not in done.out, arguments


async def test_a_narrow_terminal_gets_blocks(desk: Desk, world: World) -> None:
    """Where a table has no room, each row becomes a block with a label before each value."""
    await world.buy(label="a long label that needs a lot of room in the table")
    wide, narrow = await desk.typed("list", columns=120), await desk.typed("list", columns=60)
    assert "name  status  ends" in wide.told.replace("  ", " ").replace(" ", "  ")
    assert "label" in narrow.told
    assert "name" not in narrow.told.partition("Next:")[0].split()


async def test_every_command_says_what_to_do_next(desk: Desk, world: World) -> None:
    """The advice is on standard error, so that a script's standard output holds the answer alone."""
    certificate, target, _ = await served(world)
    commands = (
        ("products",), ("list",), ("status", certificate["id"]), ("events", certificate["id"]), ("account",),
        ("account", "statement"), ("account", "keys"), ("targets", "list"), ("targets", "show", target["id"]),
    )  # fmt: skip
    for arguments in commands:
        done = await desk.ok(*arguments)
        assert [line for line in done.err.splitlines() if line.startswith("Next: certloom ")], arguments
        assert "Next:" not in done.out


async def test_events_are_told_newest_first(desk: Desk, world: World) -> None:
    """The oldest event is the last line."""
    certificate = await world.issued()
    lines = (await desk.ok("events", certificate["id"])).out.splitlines()
    assert "The issuer signed certificate number 1" in lines[1]
    assert "The order was placed" in lines[-1]


async def test_pages_go_on_where_the_last_one_ended(desk: Desk, world: World) -> None:
    """A list that is longer than its limit names the command for the rest."""
    for label in ("first", "second", "third"):
        await world.buy(label=label)
        world.clock.advance(seconds=1)
    page = await desk.ok("list", "--limit", "2")
    assert ("third" in page.out, "first" in page.out) == (True, False)
    cursor = page.err.partition("--cursor ")[2].split()[0]
    rest = await desk.ok("list", "--limit", "2", "--cursor", cursor)
    assert ("third" in rest.out, "first" in rest.out) == (False, True)
