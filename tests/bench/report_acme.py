"""The part of the bench's page that is about orders at an ACME CA."""

from typing import Final

from rich.table import Table

from tests.bench.figures import AcmeOrders, percentile
from tests.bench.rows import compare, head, plural

WANTED: Final = 10.0  # orders per second on two cores
# Row by row: what used CPU, and which of the processes that was.
_PROCESSES: Final = {
    "worker": "worker",
    "temporal": "temporal",
    "client": "this bench",
    "server": "Pebble",
    "names": "name server",
    "reconcile": "reconcile, which clears DNS",
}


def add_acme(table: Table, measured: AcmeOrders) -> None:
    """Add everything that was measured."""
    ours, bare = measured.ours, measured.bare
    what = f"{measured.title}: {len(ours.latencies)} orders, {measured.in_flight} in flight"
    head(table, f"{what}, {plural(measured.workers, 'worker')}", "certificate", "bare acme loop", "ratio")
    compare(table, "purchase to issued, per second", ours.per_second, bare.per_second, "{:.1f}")
    compare(table, "the same while all are in flight", ours.sustained, bare.sustained, "{:.1f}")
    kept = "kept" if ours.sustained >= WANTED else "[red]missed[/]"
    table.add_row(f"at least {WANTED:.0f} per second, sustained", kept, "", "")
    for share in (0.5, 0.99):
        one, other = percentile(ours.latencies, share), percentile(bare.latencies, share)
        compare(table, f"p{share * 100:.0f}, seconds", one, other, "{:.2f}")
    for process, named in _PROCESSES.items():
        one, other = ours.cpu_ms_each(process), bare.cpu_ms_each(process)
        table.add_row(f"CPU ms each: {named}", f"{one:.0f}", f"{other:.0f}", "")
    totals = [sum(batch.cpu_ms_each(process) for process in _PROCESSES) for batch in (ours, bare)]
    compare(table, "CPU ms each: all of it", totals[0], totals[1], "{:.0f}")
