"""What a person sees: answers on standard output; questions, progress and advice on standard error.

Every text goes through `clean` here, and none is read as markup: labels, names and errors come from elsewhere.
"""

import getpass
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.measure import Measurement
from rich.spinner import Spinner
from rich.table import Column, Table
from rich.text import Text

from certloom.cli.faults import JSON, Failure, Misunderstood
from certloom.cli.words import clean

WIDE: Final = 100_000  # columns where there is no terminal: nothing is cut or wrapped for a script
LABEL_WIDTH: Final = 12
_GAP: Final = 2  # columns between two columns of a table
_PROSE: Final = 40  # columns that text needs to be read beside others
_FRAMES: Final = 8.0  # pictures per second of a live line
Cell = str | tuple[str, str]  # text, or text and style


class Progress:
    """What is told while something runs: a live picture on a terminal, new lines elsewhere."""

    def __init__(self, console: Console, live: Live | None) -> None:
        self._console = console
        self._live = live
        self._told: list[str] = []

    def tell(self, *lines: str, ticking: str = "") -> None:
        """Show how far it is; *ticking* is what changes all the time, and is left out where lines stay."""
        shown = [clean(line) for line in lines]
        if self._live is not None:
            self._live.update(_picture([*shown[:-1], f"{shown[-1]} {clean(ticking)}".rstrip()]))
            return
        for line in shown:
            if line not in self._told:
                self._console.print(Text(line), soft_wrap=True)
        self._told = shown


class Screen:
    """Both streams of this process. With *as_json* nothing but the API's own JSON goes to standard output."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self._out = _console(stderr=False)
        self._err = _console(stderr=True)

    def body(self, found: JSON) -> None:
        """Print the API's JSON: its fields in its order; escapes keep what is in it from steering a terminal."""
        if self.as_json:
            self._out.out(json.dumps(found, ensure_ascii=True, indent=2), highlight=False)

    def say(self, text: str, style: str = "") -> None:
        """Tell one sentence."""
        if not self.as_json:
            self._out.print(Text(clean(text), style))

    def good(self, text: str) -> None:
        """Tell that something is done."""
        if not self.as_json:
            self._out.print(Text.assemble(("✓ ", "bold green"), clean(text)))

    def fact(self, label: str, value: Cell) -> None:
        """Tell one value; a long text goes on below itself, and nothing is told without a value."""
        text = _cell(value)
        if not text.plain:
            return
        if " " not in text.plain:  # an id or a digest is copied whole: only the terminal breaks it
            self.copyable(label, (text.plain, str(text.style)))
        elif not self.as_json:
            line = Table.grid(padding=(0, 1))
            line.add_column(width=LABEL_WIDTH, no_wrap=True)
            line.add_column(overflow="fold")
            line.add_row(Text(clean(label), "dim"), text)
            self._out.print(line)

    def line(self, text: str) -> None:
        """Tell one value alone on its line, so that a script can take it; never broken into lines by us."""
        if not self.as_json:
            self._out.print(Text(clean(text)), soft_wrap=True)

    def copyable(self, label: str, value: Cell) -> None:
        """Tell a value that is copied: never broken into lines by us."""
        if not self.as_json:
            line = Text.assemble((f"{clean(label):<{LABEL_WIDTH}} ", "dim"), _cell(value))
            self._out.print(line, soft_wrap=True)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[Cell]], *, empty: str, prose: bool = False) -> None:
        """Show rows; where the terminal is too narrow, one block per row with the columns below each other.

        With *prose* the last column is text, which may go on below itself.
        """
        if self.as_json:
            return
        if not rows:
            self.say(empty)
            return
        table = Table(*columns, box=None, header_style="dim", pad_edge=False)
        for row in rows:
            table.add_row(*(_cell(cell) for cell in row))
        for column in table.columns[:-1] if prose else table.columns:
            column.no_wrap = True
        table.columns[-1].overflow = "fold"
        if self._fits(table, prose=prose):
            self._print(table)
            return
        for row in rows:
            self._block(columns, row)

    def _print(self, table: Table) -> None:
        """Print a table; for a script its lines end where the text ends."""
        if self._out.is_terminal:
            self._out.print(table)
            return
        with self._out.capture() as captured:
            self._out.print(table)
        self._out.out("\n".join(line.rstrip() for line in captured.get().splitlines()), highlight=False)

    def _fits(self, table: Table, *, prose: bool) -> bool:
        wide = self._out.options.update(width=WIDE)
        if Measurement.get(self._out, wide, table).maximum <= self._out.width:
            return True
        if not prose:
            return False
        fixed = [
            Measurement.get(self._out, wide, cell).maximum for one in table.columns[:-1] for cell in [_widest(one)]
        ]
        return sum(fixed) + _GAP * len(fixed) + _PROSE <= self._out.width

    def _block(self, columns: Sequence[str], row: Sequence[Cell]) -> None:
        first = _cell(row[0])
        first.stylize("bold")
        self._out.print(first, overflow="fold")
        grid = Table.grid(padding=(0, 1))
        grid.add_column(width=max(map(len, columns)) + 2, no_wrap=True)
        grid.add_column(overflow="fold")
        for column, cell in zip(columns[1:], row[1:], strict=True):
            if (text := _cell(cell)).plain:
                grid.add_row(Text(f"  {column}", "dim"), text)
        self._out.print(grid)

    def following(self, *commands: str) -> None:
        """Say what to do next, in one dim line that can be copied from."""
        if not self.as_json:
            self._err.print(Text(f"Next: {' · '.join(clean(one) for one in commands)}", "dim"), soft_wrap=True)

    def notice(self, text: str, style: str = "yellow") -> None:
        """Tell what a person should know beside the answer, also when the answer is JSON."""
        self._err.print(Text(clean(text), style), soft_wrap=True)

    def failed(self, failure: Failure) -> None:
        """Tell a failure: its sentence, a line per fault, what to do."""
        self._err.print(Text.assemble(("certloom: ", "red"), clean(failure.sentence)), soft_wrap=True)
        for line in failure.lines:
            self._err.print(Text(f"  {clean(line)}"), soft_wrap=True)
        if failure.hint:
            self._err.print(Text(f"Next: {clean(failure.hint)}", "dim"), soft_wrap=True)

    def ask(self, question: str) -> bool:
        """Ask for a yes; anything else is a no. Raises Misunderstood where nobody can answer."""
        return self.ask_for(f"{question} [y/N]", instead="--yes").casefold() in ("y", "yes")

    def ask_for(self, question: str, *, instead: str) -> str:
        """Ask for a line; *instead* is the option that answers for a script."""
        if not sys.stdin.isatty():
            raise Misunderstood(f"This asks a question, and nobody is there to answer it; give {instead}.")
        self._err.print(Text(f"{clean(question)} ", "bold"), end="", soft_wrap=True)
        return sys.stdin.readline().strip()

    def ask_secretly(self, question: str, *, instead: str) -> str:
        """Ask for a line that is not shown while it is typed."""
        if not sys.stdin.isatty():
            raise Misunderstood(f"This asks for a secret, and nobody is there to type it; give {instead}.")
        try:
            return getpass.getpass(f"{clean(question)} ")
        except EOFError:
            return ""

    @contextmanager
    def progress(self, *lines: str, silent: bool = False) -> Iterator[Progress]:
        """Tell how far something is, until the block ends; nothing of a live picture stays.

        With *silent* the first lines are for terminals only, since usually nothing follows them.
        """
        if not self._err.is_interactive:
            progress = Progress(self._err, None)
            progress.tell(*(() if silent else lines))
            yield progress
            return
        with Live(_picture(lines), console=self._err, refresh_per_second=_FRAMES, transient=True) as live:
            yield Progress(self._err, live)


def _picture(lines: Sequence[str]) -> RenderableType:
    """Draw the lines below each other, the spinner before the last; each cut to the terminal's width."""
    texts = [Text(clean(line), "yellow", no_wrap=True, overflow="ellipsis") for line in lines]
    row = Table.grid(padding=(0, 1))
    row.add_column(width=1)
    row.add_column(no_wrap=True, overflow="ellipsis")
    row.add_row(Spinner("dots", style="yellow"), texts[-1])
    return Group(*texts[:-1], row)


def _cell(cell: Cell) -> Text:
    text, style = cell if isinstance(cell, tuple) else (cell, "")
    return Text(clean(text), style)


def _widest(column: Column) -> Text:
    return Text("\n").join(Text(str(cell)) for cell in (column.header, *column.cells))


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors="replace")
    width = None if stream.isatty() else WIDE
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, width=width)
