"""The worker dies at each moment of an ACME order; afterwards the CA itself has one order and one certificate."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from certloom.issuers.acme import AcmeIssuer
from lab.acme import ISSUER, SINGLE
from lab.pebble import Hostility
from tests.e2e.acme import Shop, shop
from tests.e2e.killing_acme import MOMENTS, name_of
from tests.issuers.acme.asking import orders_at, serial_of
from tests.issuers.acme.pebbles import OLD

DEADLY: Final = ("deadly", "deadly-too")
# So long that nothing comes back while the test runs.
LIMITS: Final = '[{scope = "orders", count = 100, period = "365d"}, {scope = "name_set", count = 5, period = "365d"}]'
SLOWLY: Final = 0.5  # s until the CA gets an answer, so that the order it is about is pending for a moment


@asynccontextmanager
async def killed(running: Shop, marks: Path) -> AsyncIterator[None]:
    """Have two deadly workers work, and start each again when it has died."""
    stack = running.up.running
    key = stack._env["CERTLOOM_ISSUER_KEY_FILE"]
    for name in DEADLY:
        await stack.also(name, "tests.e2e.killing_acme", ISSUER_KEY_FILE=key, TEST_MARKS=str(marks))

    async def start_again(name: str) -> None:
        while True:
            await stack.until_gone(name)
            await stack.again(name)

    starting = [asyncio.create_task(start_again(name)) for name in DEADLY]
    try:
        yield
    finally:
        for task in starting:
            task.cancel()
        await asyncio.gather(*starting, return_exceptions=True)


async def at_the_ca(issuer: AcmeIssuer, names: Sequence[str]) -> list[tuple[str, str]]:
    """Return status and serial of each order that the CA has for these names."""
    return [(order.status, await serial_of(issuer, order)) for order in await orders_at(issuer, tuple(names))]


async def spent(running: Shop) -> dict[str, list[int]]:
    """Return what of each limit is used, by what it counts."""
    found = (await running.up.operator.call("GET", "/v1/issuers")).json()["items"]
    (issuer,) = (one for one in found if one["name"] == ISSUER)
    return {limit["scope"]: [bucket["used"] for bucket in limit["buckets"]] for limit in issuer["limits"]}


@pytest.mark.timeout(200)
async def test_each_order_ends_in_one_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked for the account's orders, the CA has one for each name, with our serial; each used the limits once."""
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)  # a worker that starts so often shall start fast
    marks = tmp_path / "marks"
    marks.mkdir()
    names = [name_of(moment) for moment in MOMENTS]
    async with shop(tmp_path, OLD, hostility=Hostility(bad_nonces=5), limits=LIMITS) as running:
        ids = await asyncio.gather(*(running.buy(SINGLE, key=name) for name in names))
        running.zone.delay(f"_acme-challenge.{name_of('pending:after')}", SLOWLY)
        await running.up.running.kill("worker")
        async with killed(running, marks):
            await asyncio.gather(*map(running.apply, ids, names))
            views = await asyncio.gather(*map(running.issued, ids))
        async with running.asking() as issuer:
            found = [await at_the_ca(issuer, view["names"]) for view in views]
        used = await spent(running)
        async with asyncio.timeout(30):
            while any(running.proofs(name) for name in names):
                await asyncio.sleep(0.2)

    assert {mark.name for mark in marks.iterdir()} == set(MOMENTS)
    assert [view["issuance"]["number"] for view in views] == [1] * len(names)
    assert found == [[("valid", view["issuance"]["serial"])] for view in views]
    assert used == {"orders": [len(names)], "name_set": [1] * len(names)}
