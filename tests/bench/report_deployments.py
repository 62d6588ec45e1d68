"""The part of the bench's page that is about deployments."""

from rich.table import Table

from tests.bench.figures import Deployed, percentile
from tests.bench.rows import compare, head, mean, plural

# Row by row: what used CPU, and which of the processes that was.
_OURS = {"worker": "worker", "targets": "targets worker", "temporal": "temporal", "client": "this bench"}
_THEIRS = {"commands": "nginx -t, -s reload", "server": "the server itself"}


def add_deployments(table: Table, deployed: Deployed) -> None:
    """Add everything that was measured with one kind of target."""
    ours, bare = deployed.ours, deployed.bare
    what = plural(len(ours.latencies), "deployment")
    flight = f"{deployed.in_flight} in flight, {plural(deployed.workers, 'worker')}"
    head(table, f"{deployed.kind}: {what}, {flight}", "deployment", "bare loop", "ratio")
    compare(table, "proven per second", ours.per_second, bare.per_second, "{:.1f}")
    for share in (0.5, 0.99):
        one, other = percentile(ours.latencies, share), percentile(bare.latencies, share)
        compare(table, f"command to proven, p{share * 100:.0f}, seconds", one, other, "{:.2f}")
    _add_renewals(table, deployed)
    _add_cpu(table, deployed)
    _add_histories(table, deployed)


def _add_renewals(table: Table, deployed: Deployed) -> None:
    at_once, alone = deployed.renewed, deployed.renewed_alone
    label = f"issued to proven, {len(at_once)} renewed at once"
    for share in (0.5, 0.99):
        other = percentile(deployed.bare.latencies, share)
        compare(table, f"{label}, p{share * 100:.0f}, seconds", percentile(at_once, share), other, "{:.2f}")
    quiet = percentile(deployed.bare_alone.latencies, 0.5)
    compare(table, f"the same, {len(alone)} one by one, p50, seconds", percentile(alone, 0.5), quiet, "{:.3f}")
    slowest = max(deployed.bare_alone.latencies)
    compare(table, f"the same, {len(alone)} one by one, slowest, seconds", max(alone), slowest, "{:.3f}")


def _add_cpu(table: Table, deployed: Deployed) -> None:
    ours, bare = deployed.ours, deployed.bare
    for process, named in (_OURS | _THEIRS).items():
        if process in _OURS or ours.cpu_ms_each(process) or bare.cpu_ms_each(process):
            one, other = ours.cpu_ms_each(process), bare.cpu_ms_each(process)
            table.add_row(f"CPU ms each: {named}", f"{one:.0f}", f"{other:.0f}", "")
    totals = [sum(batch.cpu_ms_each(process) for process in (_OURS | _THEIRS)) for batch in (ours, bare)]
    compare(table, "CPU ms each: all of it", totals[0], totals[1], "{:.0f}")


def _add_histories(table: Table, deployed: Deployed) -> None:
    head(table, f"{deployed.kind}: Temporal history of a deployment", "its own", "certificate's", "together")
    own, parent = deployed.own_share, deployed.parent_share
    _add_counts(table, "activities", own.activities, parent.activities)
    _add_counts(table, "workflow tasks", own.tasks, parent.tasks)
    events = [[one.events for one in lot] for lot in (deployed.own, deployed.parents)]
    size = [[one.bytes for one in lot] for lot in (deployed.own, deployed.parents)]
    _add_counts(table, "events, mean", mean(events[0]), mean(events[1]))
    _add_counts(table, "bytes, mean", mean(size[0]), mean(size[1]))


def _add_counts(table: Table, label: str, own: float, parent: float) -> None:
    table.add_row(label, f"{own:,.0f}", f"{parent:,.0f}", f"{own + parent:,.0f}")
