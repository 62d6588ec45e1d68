"""Orders at a real ACME CA: the whole service with proofs that go into DNS by themselves, and the bare package."""

import asyncio
import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import httpx

from lab.acme import SINGLE, write_catalogue, write_issuers, zone_form
from lab.pebble import Hostility, LabPebble
from lab.stage_acme import Ca
from tests.bench import lanes
from tests.bench.bare_acme import BareAcme
from tests.bench.figures import AcmeOrders, Batch
from tests.bench.ground import Ground, WholeService, ground, unless_dead
from tests.bench.name_server import NameServer, name_server
from tests.bench.orders import Orders, orders
from workers.service import LAB_SUFFIX

ROUNDS: Final = 2
WARM_UP: Final = 10
CALM: Final = Hostility(reused_authorizations=0)  # and no sleeps: what is measured is not how long a CA takes
NO_LIMITS: Final = '"none"'

Tell = Callable[[str], None]
_numbers = itertools.count(1)


async def measure(folder: Path, ca: Ca, *, total: int, in_flight: int, workers: int, tell: Tell) -> AcmeOrders:
    """Start a Pebble and a service of their own, and place *total* orders of each kind, in rounds."""
    folder.mkdir(mode=0o700)
    async with (
        name_server(folder) as names,
        LabPebble(ca.program, folder / "pebble", hostility=CALM, dns_server=names.address) as pebble,
    ):
        files = {
            "issuers_file": write_issuers(folder, pebble, limits=NO_LIMITS),
            "catalogue_file": write_catalogue(folder),
        }
        async with ground(folder, workers=workers, made=WholeService, **files, **names.settings) as built:
            built.service.server, built.service.name_server = pebble.pid, names.pid
            await _add_zone(built, names)
            bare = BareAcme(pebble.directory_url, pebble.trusted_root_file, dns_server=names.address, key=names.key)
            results = AcmeOrders(title=ca.title, in_flight=in_flight, workers=workers)
            async with orders(built, total=total + WARM_UP, product=SINGLE, domain=LAB_SUFFIX) as placing:
                await unless_dead(built.service, _rounds(built, placing, bare, results, total=total, tell=tell))
            return results


async def _rounds(
    built: Ground, placing: Orders, bare: BareAcme, results: AcmeOrders, *, total: int, tell: Tell
) -> None:
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(results.in_flight) as threads:

        async def one() -> None:
            await loop.run_in_executor(threads, bare.order, f"bare{next(_numbers)}.{LAB_SUFFIX}")

        kinds = (("orders", results.ours, placing.certificate), ("bare loops", results.bare, one))
        for _, _, order in kinds:
            await lanes.run(built.service, Batch(), order, total=WARM_UP, in_flight=WARM_UP)
        done = 0
        for number in range(1, ROUNDS + 1):
            count = total * number // ROUNDS - done
            done += count
            for what, batch, order in kinds:
                tell(f"{results.title}, round {number} of {ROUNDS}: {count} {what}, {results.in_flight} in flight")
                await lanes.run(built.service, batch, order, total=count, in_flight=results.in_flight)


async def _add_zone(built: Ground, names: NameServer) -> None:
    """Let the service write into the zone."""
    headers = {"Authorization": f"Bearer {built.seed.customer_api_key}", "Idempotency-Key": "zone"}
    async with httpx.AsyncClient(base_url=await built.service.start_api(), trust_env=False) as http:
        (await http.post("/v1/zones", json=zone_form(names.address, names.key), headers=headers)).raise_for_status()
