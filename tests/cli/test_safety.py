"""Texts from elsewhere are shown and never obeyed."""

from certloom.cli.words import clean
from certloom.domain import fact as f
from tests.api.world import World
from tests.cli.desk import Desk
from tests.lives import NOW

EVIL = "a\x1b]0;owned\x07\x1b[31mred\x9b2J\r\nb\u202ec\u2066\x00d\u2028e"
HARMLESS = "a]0;owned[31mred2J bcd e"


def test_control_characters_are_taken_out() -> None:
    """Nothing that steers a terminal or turns the reading direction is left, and lines stay lines."""
    assert clean(EVIL) == HARMLESS


async def test_a_label_cannot_steer_the_terminal(desk: Desk, world: World) -> None:
    """Control characters in a label reach neither screen, pipe nor question, whatever let them in."""
    bought = await world.buy()
    await world.client.happen(bought["id"], f.Relabelled(at=NOW, label=EVIL))
    for arguments in (("list",), ("status", bought["id"]), ("events", bought["id"]), ("status", "nothing")):
        for done in (await desk.typed(*arguments), await desk.run(*arguments)):
            assert "\x1b]" not in done.out + done.err
            assert "\x1b[31mred" not in done.out
            assert not set("\x07\x9b\x00\u202e\u2066\u2028") & set(done.out + done.err), arguments
    assert HARMLESS in (await desk.ok("status", bought["id"])).out


async def test_a_label_is_no_markup(desk: Desk, world: World) -> None:
    """Brackets and colons in a label are letters, on a terminal, too."""
    label = "[bold red]x[/] :smile: [link=https://example.com]y[/link]"
    bought = await world.buy(label=label)
    for columns in (60, 150):
        done = await desk.typed("list", columns=columns)
        assert label in done.told
    asked = await desk.typed("delete", bought["id"], answers=[("Type", "no\n")])
    assert f"Type {label} to delete it:" in asked.told
    assert "\x1b]8;" not in done.out + asked.out


async def test_what_was_typed_cannot_steer_the_terminal(desk: Desk) -> None:
    """A name that was pasted with control characters comes back without them."""
    done = await desk.run("status", "x\x1b[31my")
    assert done.code == 1
    assert "\x1b" not in done.out + done.err
    assert "x[31my is no id." in (await desk.run("rollback", "x\x1b[31my")).err


async def test_a_script_gets_plain_lines(desk: Desk, world: World) -> None:
    """Without a terminal there are no colours, no spinners, and nothing is cut or wrapped."""
    await world.buy(label="long " * 39)
    done = await desk.ok("list")
    assert "\x1b" not in done.out + done.err
    assert [line.rstrip() for line in done.out.splitlines()] == done.out.splitlines()
    assert ("long " * 39).strip() in done.out


async def test_a_terminal_gets_colours_unless_it_wants_none(desk: Desk, world: World) -> None:
    """A status is coloured on a terminal, and not where NO_COLOR is set."""
    await world.issued()
    assert "\x1b[32missued" in (await desk.typed("list")).out
    assert "\x1b[32m" not in (await desk.typed("list", NO_COLOR="1")).out
