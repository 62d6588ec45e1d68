"""The kill matrix: whichever exchange of an order a process dies at, the CA ends with one order and one certificate."""

from collections.abc import Awaitable, Callable
from typing import Any, Literal

import pytest
import requests

from certloom.domain.errors import Outage
from certloom.issuers.acme import AcmeIssuer
from certloom.issuers.interface import OrderRequest
from certloom.storage.interface import Storage
from lab.pebble import Hostility
from tests.issuers.acme.asking import key_of, orders_at
from tests.issuers.acme.fake_ca import FakeCa
from tests.issuers.acme.pebbles import NEW, OLD, AcmeServer, Pebbles, issuer_at
from tests.issuers.orders import NOW, order, signed

MOST = 40  # exchanges of one order; it has about twelve
CALM = Hostility(bad_nonces=0, reused_authorizations=50, always_valid=True)

When = Literal["before", "after"]


class Killed(Exception):
    """The process is gone."""


def deadly(issuer: AcmeIssuer, nth: int, when: When, error: Callable[[], Exception]) -> Callable[[], bool]:
    """Let the nth exchange fail before it is sent, or after the CA acted; return whether it came to that."""
    transport = issuer._client.transport
    send, seen = transport.send, [0]

    def sending(*args: Any, **kwargs: Any) -> requests.Response:
        seen[0] += 1
        if seen[0] != nth:
            return send(*args, **kwargs)
        if when == "after":
            send(*args, **kwargs)
        raise error()

    transport.send = sending  # type: ignore[method-assign]
    return lambda: seen[0] >= nth


async def survive(server: AcmeServer, storage: Storage, request: OrderRequest, nth: int, when: When) -> bool:
    """Die at the nth exchange, and finish in a new process; False when there were not that many exchanges."""
    with issuer_at(server, storage) as first:
        came_to_it = deadly(first, nth, when, Killed)
        try:
            await signed(first, request)
        except Killed:
            pass
        else:
            assert not came_to_it()
            return False
    with issuer_at(server, storage) as second:
        await signed(second, request)
    return True


async def every_exchange(
    server: AcmeServer, storage: Storage, when: When, check: Callable[[OrderRequest], Awaitable[None]]
) -> int:
    """Go through all of them, each with an order of its own; return how many there were."""
    for nth in range(1, MOST):
        names = (f"{when}-{nth}.example.com", f"*.{when}-{nth}.example.com")
        request = order(*names, key=f"{when}-{nth}")
        if not await survive(server, storage, request, nth, when):
            return nth - 1
        await check(request)
    raise AssertionError("an order does not end")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", [OLD, NEW])
async def test_pebble_has_one_order_and_one_certificate(
    pebbles: Pebbles, storage: Storage, kind: str, when: When
) -> None:
    """Asked for the account's orders, a real CA that never merges any lists one for each key, and it is valid."""
    pebble = await pebbles.get(kind, hostility=CALM)
    with issuer_at(pebble, storage) as asking:

        async def check(request: OrderRequest) -> None:
            found = await orders_at(asking, request.names)
            assert [item.status for item in found] == ["valid"]
            assert await key_of(asking, found[0]) == request.spki

        assert await every_exchange(pebble, storage, when, check) >= 8


@pytest.mark.parametrize("when", ["before", "after"])
async def test_boulder_has_one_order_and_one_certificate(ca: FakeCa, storage: Storage, when: When) -> None:
    """A CA that lists no orders and merges equal ones has one for each key, and signed it once."""

    async def check(request: OrderRequest) -> None:
        found = [item for item in ca.orders.all if set(item.names) == set(request.names)]
        assert [item.status for item in found] == ["valid"]

    assert await every_exchange(ca, storage, when, check) >= 8
    assert len(ca.orders.leaves) == len(ca.orders.all)
    assert len(ca.accounts) == 1


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_connection_that_dies_is_an_outage(ca: FakeCa, storage: Storage, when: When) -> None:
    """The same process goes on after an exchange whose connection broke, with the same order."""
    nth, came_to_it = 0, True
    while came_to_it:
        nth += 1
        request = order(f"{when}-{nth}.example.com", key=f"{when}-{nth}")
        with issuer_at(ca, storage) as issuer:
            reached = deadly(issuer, nth, when, lambda: Outage("The connection broke."))
            try:
                await signed(issuer, request)
            except Outage:
                await signed(issuer, request)
            came_to_it = reached()
    assert nth >= 8
    assert [item.status for item in ca.orders.all] == ["valid"] * nth


async def test_a_lost_order_that_is_not_ours_is_left_alone(pebbles: Pebbles, storage: Storage) -> None:
    """An open order with the same names that a row of ours has is never taken for a lost one."""
    pebble = await pebbles.get(OLD, hostility=CALM)
    with issuer_at(pebble, storage) as issuer:
        kept = await issuer.begin(order(key="kept"), now=NOW)
        deadly(issuer, 1, "after", Killed)  # a nonce is there, so this is newOrder
        with pytest.raises(Killed):
            await issuer.begin(order(key="lost"), now=NOW)
        found = await issuer.begin(order(key="lost"), now=NOW)
        assert {item.token for item in found.challenges}.isdisjoint(item.token for item in kept.challenges)
        assert len(await orders_at(issuer, ("www.example.com",))) == 2
