"""`make bench`: orders beside a bare workflow, deployments beside a bare loop, then the API's latencies, in one run.

Figures of a noisy machine: the ratios count, not the absolutes.
"""

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from rich.console import Console

from certloom.domain.errors import CertloomError
from lab.stage_acme import find_ca
from tests.bench import acme
from tests.bench.deployments import ALONE, measure
from tests.bench.edges import edges, missing
from tests.bench.figures import Batch, Shape
from tests.bench.ground import Ground, ground, unless_dead
from tests.bench.histories import histories, shape
from tests.bench.orders import Orders, orders
from tests.bench.pages import visit
from tests.bench.reading import read
from tests.bench.report import Results, page
from tests.bench.seeds import fill_shop, open_shop
from workflows.names import workflow_id

ROUNDS: Final = 2  # of each kind, in turn, so that a slow minute hits both
WARM_UP: Final = 10
NOTE: Final = (
    "Client, workers and Temporal (dev server, SQLite file, WAL, synchronous=NORMAL) share these cores, with whatever "
    "else runs here: read the ratios, not the absolutes."
)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="The figures of docs/operations.md.")
    parser.add_argument(
        "--orders",
        type=_natural,
        default=200,
        help="of each kind, in all rounds; 0 leaves them and deployments out (200)",
    )
    parser.add_argument("--in-flight", type=_positive, default=20, help="orders at once (20)")
    parser.add_argument("--workers", type=_positive, default=1, help="worker processes (1)")
    parser.add_argument("--deployments", type=_natural, default=60, help="to each kind of server; 0 leaves it out (60)")
    parser.add_argument("--acme", type=_natural, default=400, help="orders at a real Pebble; 0 leaves it out (400)")
    parser.add_argument(
        "--certificates", type=_natural, default=1_000, help="stored ones to list; 0 leaves it out (1000)"
    )
    parser.add_argument("--requests", type=_positive, default=200, help="of each kind to the API (200)")
    parser.add_argument(
        "--pages", type=_natural, default=50, help="requests of each page of the console; 0 leaves it out (50)"
    )
    return parser.parse_args()


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("give at least 1")
    return number


def _natural(text: str) -> int:
    if (number := int(text)) < 0:
        raise argparse.ArgumentTypeError("give 0 or more")
    return number


async def bench(options: argparse.Namespace, console: Console, folder: Path) -> Results:
    results = Results(in_flight=options.in_flight, workers=options.workers)
    if options.orders or options.certificates:
        console.print("Temporal, database and workers start")
        async with ground(folder / "service", workers=options.workers) as built:
            await unless_dead(built.service, _measure(options, console, built, results))
    if options.acme:
        await _measure_acme(options, console, folder, results)
    return results


async def _measure_acme(options: argparse.Namespace, console: Console, folder: Path, results: Results) -> None:
    console.print("Pebble and a service that sells its certificates start")
    found = await find_ca()
    if found is None:
        results.left_out = [*results.left_out, "Orders at an ACME CA: there is no Pebble here"]
        return
    results.acme = await acme.measure(
        folder / "acme",
        found,
        total=options.acme,
        in_flight=options.in_flight,
        workers=options.workers,
        tell=console.print,
    )


async def _measure(options: argparse.Namespace, console: Console, built: Ground, results: Results) -> None:
    deployments = 2 * (options.deployments + ALONE)
    if options.orders:
        async with orders(built, total=options.orders + WARM_UP + deployments) as placing:
            await _measure_orders(options, console, built, placing, results)
            if options.deployments:
                await _measure_deployments(options, console, built, placing, results)
    if options.certificates:
        await _measure_reading(options, console, built, results)


async def _measure_orders(
    options: argparse.Namespace, console: Console, built: Ground, placing: Orders, results: Results
) -> None:
    await placing.run(Batch(), placing.certificate, total=WARM_UP, in_flight=WARM_UP)
    asked: Shape = await shape(built.client, placing.placed[0])
    bare = placing.bare(asked)
    await placing.run(Batch(), bare, total=WARM_UP, in_flight=WARM_UP)
    placing.placed.clear()
    placing.bare_ids.clear()
    results.shape = asked
    done = 0
    for number in range(1, ROUNDS + 1):
        total = options.orders * number // ROUNDS - done
        done += total
        for what, batch, order in (
            ("certificates", results.certificates, placing.certificate),
            ("bare workflows", results.bare, bare),
        ):
            console.print(f"round {number} of {ROUNDS}: {total} {what}, {options.in_flight} in flight")
            await placing.run(batch, order, total=total, in_flight=options.in_flight)
    console.print("histories are read")
    results.histories = await histories(built.client, [workflow_id(one) for one in placing.placed])
    results.bare_histories = await histories(built.client, placing.bare_ids)


async def _measure_deployments(
    options: argparse.Namespace, console: Console, built: Ground, placing: Orders, results: Results
) -> None:
    results.left_out = missing()
    folder, slots = built.database.with_name("edges"), options.deployments + ALONE
    async with edges(folder, slots=slots, account_id=built.seed.account_id) as running:
        if running.found:
            await built.service.start_targets(running.targets_file)
        results.deployed = [
            await measure(
                built,
                placing,
                running,
                edge,
                in_flight=options.in_flight,
                workers=options.workers,
                tell=console.print,
            )
            for edge in running.found
        ]


async def _measure_reading(options: argparse.Namespace, console: Console, built: Ground, results: Results) -> None:
    tokens = await open_shop(built.storage)
    console.print(f"{options.certificates:,} certificates are stored")

    def tell(count: int) -> None:
        if count % 10_000 == 0:
            console.print(f"  {count:,}")

    took = await fill_shop(built.storage, options.certificates, tell)
    console.print(f"  in {took:.1f} s; the API starts and is asked {options.requests} times for each")
    api_url = await built.service.start_api()
    results.stored = options.certificates
    results.reading = await read(api_url, tokens[0], count=options.certificates, requests=options.requests)
    if options.pages:
        console.print(f"  and the console's pages {options.pages} times each")
        results.pages = await visit(api_url, tokens, count=options.certificates, requests=options.pages)


def main() -> int:
    options = read_arguments()
    os.umask(0o077)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 100)
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="certloom-bench-"))
    try:
        results = asyncio.run(bench(options, console, folder))
    except CertloomError as error:
        console.print(f"The bench failed: {error.detail} Everything is kept in {folder}.", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("Interrupted: everything is stopped.")
        shutil.rmtree(folder, ignore_errors=True)
        return 130
    shutil.rmtree(folder, ignore_errors=True)
    console.print(page(results))
    console.print(NOTE)
    console.print(f"All of it took {time.monotonic() - began:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
