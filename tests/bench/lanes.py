"""Things to do in lanes: so many at once, each timed, with the CPU that every process used meanwhile."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from certloom.domain.errors import Outage
from tests.bench.figures import Batch
from tests.bench.ground import BenchService

PATIENCE: Final = 120.0  # seconds for one

Order = Callable[[], Awaitable[object]]


async def nothing_more() -> None:
    """What is to be waited for before CPU is read, when there is nothing."""


async def run(
    service: BenchService,
    batch: Batch,
    order: Order,
    *,
    total: int,
    in_flight: int,
    settled: Order = nothing_more,
) -> None:
    """Do *order* so often, never more than *in_flight* at once, and add it to the batch.

    CPU is counted until *settled* returns, so that what is tidied up after the last one counts, too.
    """
    tickets = iter(range(total))
    begun: list[float] = []
    latencies: list[float] = []
    ended: list[float] = []

    async def lane() -> None:
        for _ in tickets:
            begun.append(time.perf_counter())
            mine = begun[-1]
            await _patiently(order)
            ended.append(time.perf_counter())
            latencies.append(ended[-1] - mine)

    cpu, began = service.cpu(), time.perf_counter()
    await asyncio.gather(*(lane() for _ in range(in_flight)))
    wall = time.perf_counter() - began
    await settled()
    after = service.cpu()
    batch.add(latencies, wall=wall, cpu={name: after[name] - cpu[name] for name in after})
    batch.add_full(ended[min(in_flight, total) - 1 :], until=begun[-1])


async def _patiently(order: Order) -> None:
    try:
        await asyncio.wait_for(order(), PATIENCE)
    except TimeoutError:
        raise Outage(f"One of them took more than {PATIENCE:.0f} s; ask for fewer in flight.") from None
