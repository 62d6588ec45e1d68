"""How long the API takes to show what is stored: one client over HTTP, one request at a time, calls in turn."""

import time
from collections.abc import Callable, Mapping
from typing import Final

import httpx

from tests.bench.seeds import certificate_id, domain

WARM_UP: Final = 10  # requests of each kind that do not count

Path = Callable[[int], str]


def calls(count: int) -> Mapping[str, Path]:
    """Return what is asked, by name; each request asks for another object among *count*."""
    step = 7919  # a prime, so that requests wander over all rows
    return {
        "list, 50": lambda _: "/v1/certificates",
        "list, 50 issued": lambda _: "/v1/certificates?status=issued",
        "get one": lambda n: f"/v1/certificates/{certificate_id(n * step % count)}",
        "summary": lambda _: "/v1/certificates/summary",
        "search, one name": lambda n: f"/v1/certificates?query={domain(n * step % count)}",
        "search, 1 in 10": lambda n: f"/v1/certificates?query=www{n % 9 + 1}",
    }


async def read(api_url: str, token: str, *, count: int, requests: int) -> Mapping[str, list[float]]:
    """Return seconds per request by name; raises when an answer is not 200."""
    wanted = calls(count)
    seconds: dict[str, list[float]] = {name: [] for name in wanted}
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=api_url, headers=headers, timeout=30, trust_env=False) as http:
        for number in range(WARM_UP + requests):
            for name, path in wanted.items():
                began = time.perf_counter()
                answer = await http.get(path(number))
                took = time.perf_counter() - began
                answer.raise_for_status()
                if number >= WARM_UP:
                    seconds[name].append(took)
    return seconds
