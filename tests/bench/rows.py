"""Rows of the bench's page: heads, ours beside the yardstick, words for counts."""

from collections.abc import Sequence

from rich.table import Table


def head(table: Table, *cells: str) -> None:
    """Begin a section."""
    table.add_section()
    table.add_row(*cells, style="bold")


def compare(table: Table, label: str, ours: float, bare: float, form: str) -> None:
    """Add ours, the yardstick's, and the ratio."""
    table.add_row(label, form.format(ours), form.format(bare), f"{ours / bare:.2f}" if bare else "-")


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
