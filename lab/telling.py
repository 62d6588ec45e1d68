"""Tells a story on the console: numbered steps, facts, waits with a spinner, and how long each step took.

Without a terminal (CI, a pipe) the same story comes as plain lines.
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from typing import Final, NamedTuple

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from lab.progress import INDENT, Stand, following

PLAIN_WIDTH: Final = 100  # columns where nobody says how many there are
LABEL_WIDTH: Final = 14


class Step(NamedTuple):
    """A step that was told to its end."""

    title: str
    seconds: float


class Teller:
    """Writes to one console; `steps` are those that ended well, `current` is the one under way or broken off."""

    def __init__(self, console: Console, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self.steps: list[Step] = []
        self.current: str | None = None

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Tell a step: its number and title first, what happens in it inside the block."""
        self.current = title
        self._console.print()
        self._console.print(Text.assemble((f"{len(self.steps) + 1:>2}  ", "bold cyan"), (title, "bold")))
        began = self._clock()
        yield
        self.steps.append(Step(title, self._clock() - began))
        self.current = None

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Say what is waited for while it is, with a spinner where one can turn, and then how long it took."""
        began = self._clock()
        if self._console.is_terminal:
            with self._console.status(Text(f"waiting for {what}", "yellow"), spinner="dots"):
                yield
            self.say(f"waited {self._clock() - began:.1f} s for {what}", style="dim")
            return
        self._console.print(Text(f"{' ' * INDENT}waiting for {what} ..."), end="", soft_wrap=True)
        try:
            yield
        finally:
            self._console.print(f" {self._clock() - began:.1f} s")

    @contextmanager
    def following(self) -> Iterator[Callable[[Sequence[Stand]], None]]:
        """Yield what takes in how far several things are, as often as it changes, and tells it."""
        with following(self._console) as take:
            yield take

    def say(self, text: str, *, style: str = "") -> None:
        """Tell one sentence."""
        self.show(Text(text, style))

    def good(self, text: str) -> None:
        """Tell that something was checked and is right."""
        self.show(Text.assemble(("✓ ", "bold green"), text))

    def fact(self, label: str, value: object, *, style: str = "") -> None:
        """Tell one value; what is too long goes on below itself."""
        line = Table.grid(padding=(0, 1))
        line.add_column(width=LABEL_WIDTH)
        line.add_column(overflow="fold")
        line.add_row(Text(label, "dim"), Text(str(value), style))
        self.show(line)

    def show(self, thing: RenderableType) -> None:
        """Show anything that rich can, indented."""
        self._console.print(Padding(thing, (0, 0, 0, INDENT), expand=False))

    def headline(self, text: str, *, style: str) -> None:
        """Tell what stands above or below all steps."""
        self._console.print(Text(text, style), soft_wrap=True)


def open_console() -> Console:
    """Return the console of this process; letters that the terminal cannot write become question marks."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    return Console(highlight=False, width=None if sys.stdout.isatty() else PLAIN_WIDTH)
