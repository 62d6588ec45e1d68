"""The bench's one page."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rich.table import Table

from tests.bench.figures import AcmeOrders, Batch, Deployed, History, Shape, percentile
from tests.bench.pages import BUDGET, Timed
from tests.bench.report_acme import add_acme
from tests.bench.report_deployments import add_deployments
from tests.bench.rows import compare, head, mean, plural

EVENTS: Final = 60  # DESIGN 5: purchase to issued
BYTES: Final = 20_000


@dataclass
class Results:
    """Everything that was measured."""

    in_flight: int
    workers: int
    shape: Shape = field(default_factory=lambda: Shape(0, 0, 0, 0))
    certificates: Batch = field(default_factory=Batch)
    bare: Batch = field(default_factory=Batch)
    histories: Sequence[History] = ()
    bare_histories: Sequence[History] = ()
    deployed: Sequence[Deployed] = ()
    left_out: Sequence[str] = ()  # what could not be measured, with the reason
    acme: AcmeOrders | None = None
    stored: int = 0
    reading: Mapping[str, Sequence[float]] = field(default_factory=dict)
    pages: Sequence[Timed] = ()


def page(results: Results) -> Table:
    """Return everything in one table."""
    table = Table(title=f"Certloom bench on {_machine()}", title_justify="left", show_header=False)
    table.add_column(justify="left")
    for _ in range(3):
        table.add_column(justify="right")
    if results.histories:
        _add_orders(table, results)
        _add_histories(table, results)
    for deployed in results.deployed:
        add_deployments(table, deployed)
    for sentence in results.left_out:
        head(table, sentence)
    if results.acme:
        add_acme(table, results.acme)
    _add_reading(table, results)
    _add_pages(table, results)
    return table


def _add_orders(table: Table, results: Results) -> None:
    ours, bare = results.certificates, results.bare
    count = f"{len(ours.latencies)} orders, {results.in_flight} in flight, {plural(results.workers, 'worker')}"
    head(table, count, "certificate", "bare workflow", "ratio")
    compare(table, "purchase to issued, per second", ours.per_second, bare.per_second, "{:.1f}")
    for share in (0.5, 0.99):
        one, other = percentile(ours.latencies, share), percentile(bare.latencies, share)
        compare(table, f"p{share * 100:.0f}, seconds", one, other, "{:.2f}")
    for process in ("worker", "temporal", "client"):
        one, other = ours.cpu_ms_each(process), bare.cpu_ms_each(process)
        compare(table, f"CPU ms each: {process}", one, other, "{:.0f}")


def _add_histories(table: Table, results: Results) -> None:
    head(table, "Temporal history until issued", "certificate", "bare workflow", "budget")
    shape = results.shape
    table.add_row("activities", str(shape.activities), str(shape.activities), "")
    table.add_row("updates, timers", f"{shape.updates}, {shape.timers}", "2, 1", "")
    ours, bare = results.histories, results.bare_histories
    _add_budget(table, "events", [one.events for one in ours], [one.events for one in bare], EVENTS)
    _add_budget(table, "bytes", [one.bytes for one in ours], [one.bytes for one in bare], BYTES)


def _add_budget(table: Table, label: str, ours: Sequence[int], bare: Sequence[int], limit: int) -> None:
    kept = "kept" if max(ours) <= limit else "[red]broken[/]"
    table.add_row(f"{label}, mean", f"{mean(ours):,.0f}", f"{mean(bare):,.0f}", "")
    table.add_row(f"{label}, max", f"{max(ours):,}", f"{max(bare):,}", f"{limit:,} {kept}")


def _add_reading(table: Table, results: Results) -> None:
    if not results.reading:
        return
    head(table, f"API at {results.stored:,} certificates, ms", "p50", "p95", "p99")
    for name, seconds in results.reading.items():
        table.add_row(name, *(f"{1000 * percentile(seconds, share):.1f}" for share in (0.5, 0.95, 0.99)))


def _add_pages(table: Table, results: Results) -> None:
    if not results.pages:
        return
    listed = percentile(results.reading["list, 50"], 0.95)
    budget = f"p95, {1000 * BUDGET:.0f} at most"
    head(table, f"Console at {results.stored:,} certificates, ms", "p50", budget, "to the API's list")
    for page, seconds in results.pages:
        p50, p95 = (percentile(seconds, share) for share in (0.5, 0.95))
        kept = f"{1000 * p95:.1f}" if p95 <= BUDGET else f"[red]{1000 * p95:.1f}[/] broken"
        table.add_row(page, f"{1000 * p50:.1f}", kept, f"{p95 / listed:.2f}")


def _machine() -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = f", load {os.getloadavg()[0]:.1f} at the end" if Path("/proc/loadavg").exists() else ""
    return f"{cores} cores ({platform.machine()}, Python {platform.python_version()}{load})"
