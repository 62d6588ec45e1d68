"""How far several things are, as it is told with and without a terminal."""

import io

from rich.console import Console

from lab.progress import Progress, Stand, following


def shown(progress: Progress, titles: list[str] | None = None) -> str:
    console = Console(file=io.StringIO(), width=80)
    with console.capture() as capture:
        console.print(progress.lines(titles))
    return capture.get()


def test_each_way_is_told_in_its_states_with_the_seconds_of_the_last_change() -> None:
    """States seen once are told once, in their order, and what has not ended yet is marked."""
    now = 0.0
    progress = Progress(clock=lambda: now)
    progress.see([Stand("one", "waiting", good=None), Stand("another", "waiting", good=None)])
    now = 1.5
    progress.see([Stand("one", "rolling_back", good=None), Stand("another", "deployed", good=True)])
    progress.see([Stand("one", "rolled_back", good=False), Stand("another", "deployed", good=True)])

    assert [line.rstrip() for line in shown(progress).splitlines()] == [
        "    ↶ one      waiting > rolling back > rolled back  1.5 s",
        "    ✓ another  waiting > deployed                    1.5 s",
    ]


def test_an_end_is_told_once() -> None:
    """Looking again at what has ended says nothing new."""
    progress = Progress()

    assert progress.see([Stand("one", "waiting", good=None)]) == []
    assert progress.see([Stand("one", "deployed", good=True)]) == ["one"]
    assert progress.see([Stand("one", "deployed", good=True)]) == []


def test_without_a_terminal_there_is_a_line_per_end() -> None:
    """A log gets each thing once, when it has ended."""
    console = Console(file=io.StringIO(), width=80)
    with console.capture() as capture, following(console) as take:
        take([Stand("one", "waiting", good=None), Stand("two", "waiting", good=None)])
        take([Stand("one", "waiting", good=None), Stand("two", "deployed", good=True)])
        take([Stand("one", "deployed", good=True), Stand("two", "deployed", good=True)])

    told = [line.split()[1] for line in capture.get().splitlines()]
    assert told == ["two", "one"]


def test_in_a_terminal_the_last_picture_stays() -> None:
    """What was told last is on the screen when the waiting is over."""
    console = Console(file=io.StringIO(), width=80, force_terminal=True)
    with console.capture() as capture, following(console) as take:
        take([Stand("one", "waiting", good=None)])
        take([Stand("one", "deployed", good=True)])

    assert "deployed" in capture.get().splitlines()[-2]  # the last line gives the cursor back
