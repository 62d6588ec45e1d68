"""How far several things are, told on the console: a table that grows where it can, else a line per end."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from rich.console import Console
from rich.live import Live
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

FRAMES: Final = 10  # a second
INDENT: Final = 4


class Stand(NamedTuple):
    """How far one thing is; `good` is None until it has ended."""

    title: str
    state: str
    good: bool | None


@dataclass
class _Way:
    states: list[str] = field(default_factory=list)
    seconds: float = 0.0
    good: bool | None = None


class Progress:
    """Remembers which states each thing was seen in, and for how long it took."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._ways: dict[str, _Way] = {}

    def see(self, stands: Sequence[Stand]) -> list[str]:
        """Take in how far all are; return the titles of those that have ended since."""
        ended = []
        for stand in stands:
            way = self._ways.setdefault(stand.title, _Way())
            state = stand.state.replace("_", " ")
            if way.states[-1:] != [state]:
                way.states.append(state)
                way.seconds = self._clock() - self._began
            if stand.good is not None and way.good is None:
                way.good = stand.good
                ended.append(stand.title)
        return ended

    def lines(self, titles: Sequence[str] | None = None) -> Padding:
        """Show some of them, or all, in the order in which they came up."""
        table = Table.grid(padding=(0, 2))
        table.add_column(min_width=2 + max((len(title) for title in self._ways), default=0))
        for title, way in self._ways.items():
            if titles is None or title in titles:
                mark, style = {None: ("…", "yellow"), True: ("✓", "bold green"), False: ("↶", "bold yellow")}[way.good]
                states = Text("".join(f"{state} > " for state in way.states[:-1]), "dim")
                states.append(way.states[-1], style)
                table.add_row(Text.assemble((f"{mark} ", style), title), states, Text(f"{way.seconds:.1f} s", "dim"))
        return Padding(table, (0, 0, 0, INDENT), expand=False)


@contextmanager
def following(console: Console) -> Iterator[Callable[[Sequence[Stand]], None]]:
    """Yield what takes in how far things are, and tells it; what was told last stays on the console."""
    progress = Progress()
    if not console.is_terminal:
        yield lambda stands: _tell_ends(console, progress, stands)
        return
    with Live(progress.lines(), console=console, refresh_per_second=FRAMES) as live:

        def take(stands: Sequence[Stand]) -> None:
            progress.see(stands)
            live.update(progress.lines())

        yield take


def _tell_ends(console: Console, progress: Progress, stands: Sequence[Stand]) -> None:
    if ended := progress.see(stands):
        console.print(progress.lines(ended))
