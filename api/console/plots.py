"""Plots as pages draw them: counts turned into rectangles of an SVG, with an axis that people can read off."""

from collections.abc import Sequence
from typing import Final, NamedTuple

SPAN: Final = 10  # units of width per column
THICK: Final = 7  # of them the bar's own
TALL: Final = 100  # units of height
_STEPS: Final = (2, 4, 6, 8, 10)  # even, so that the line in the middle stands at a whole number


class Column(NamedTuple):
    """One bar: what it counts, and its rectangle."""

    label: str
    size: int
    x: float
    y: float
    height: float


class Columns(NamedTuple):
    """Bars from left to right under an axis that ends at `top`."""

    bars: tuple[Column, ...]
    top: int
    total: int

    @property
    def width(self) -> int:
        """How wide the drawing is, in its own units."""
        return SPAN * len(self.bars)

    @property
    def most(self) -> Column:
        """The first of the tallest bars."""
        return max(self.bars, key=lambda bar: bar.size)


class Row(NamedTuple):
    """A bar that lies, with its words: `percent` is its part of the longest."""

    label: str
    detail: str
    size: int
    percent: float


def columns(counts: Sequence[tuple[str, int]]) -> Columns:
    """Lay out one bar per label; a count that is not zero can always be seen."""
    top = _top(max(count for _, count in counts))
    bars = (_column(number, label, count, top) for number, (label, count) in enumerate(counts))
    return Columns(tuple(bars), top, sum(count for _, count in counts))


def rows(counts: Sequence[tuple[str, str, int]]) -> tuple[Row, ...]:
    """Lay out label, detail and count as rows, the longest first."""
    ordered = sorted(counts, key=lambda one: (-one[2], one[0], one[1]))
    longest = max((count for _, _, count in ordered), default=1)
    return tuple(Row(*one, percent=max(1.0, round(100 * one[2] / longest, 1))) for one in ordered)


def _column(number: int, label: str, count: int, top: int) -> Column:
    height = max(1.0, round(TALL * count / top, 2)) if count else 0.0
    return Column(label, count, number * SPAN + (SPAN - THICK) / 2, round(TALL - height, 2), height)


def _top(largest: int) -> int:
    """Return where the axis ends: an even number of few digits that nothing exceeds."""
    scale = 1
    while True:
        for step in _STEPS:
            if step * scale >= largest:
                return step * scale
        scale *= 10
