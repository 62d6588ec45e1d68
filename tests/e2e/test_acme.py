"""Certificates of a real ACME CA, bought from the whole service: Debian's Pebble at its most hostile."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import pytest

from lab.acme import ADDRESS, CAA_IDENTITY, MULTI, SINGLE, WILDCARD
from lab.relying_party import read_chain, require_trust
from tests.e2e.acme import Shop, shop
from tests.e2e.stack import JSON
from tests.issuers.acme.asking import orders_at
from tests.issuers.acme.pebbles import NEW, OLD

BLOCKED = "blocked.lab.test"
STRICT = "strict.lab.test"
BY_HAND = "hand.lab.test"


@pytest.fixture(scope="module")
async def hostile(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    async with shop(tmp_path_factory.mktemp("acme"), OLD, blocked=(BLOCKED,)) as running:
        yield running


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.1)


async def test_purchases_reach_their_leaf_with_nobody_publishing_anything(hostile: Shop) -> None:
    """At a CA that rejects nonces and mixes old proofs with new ones, all are issued, and DNS is clean afterwards."""
    wanted: list[tuple[str, tuple[str, ...]]] = [(SINGLE, (f"one{number}.lab.test",)) for number in range(4)]
    wanted += [(WILDCARD, (f"star{number}.lab.test", f"*.star{number}.lab.test")) for number in range(3)]
    wanted += [(MULTI, tuple(f"{host}.many.lab.test" for host in ("a", "b", "c", "d")))]
    views = await asyncio.gather(*(hostile.order(product, *names) for product, names in wanted))

    now, root = datetime.now(UTC), hostile.ca.root()
    for view, (_, names) in zip(views, wanted, strict=True):
        chain = read_chain(await hostile.chain(view["id"]))
        for name in names:
            require_trust(chain, root, name=name.replace("*", "any"), now=now)
        assert not hostile.ca.is_revoked(view["issuance"]["serial"])
    await until(lambda: not any(hostile.proofs(name.removeprefix("*.")) for _, names in wanted for name in names))


async def test_a_name_that_the_ca_rejects_is_told_in_a_sentence(hostile: Shop) -> None:
    """The customer reads which name it is and what to do; the order stays paid and may be used for another name."""
    certificate_id = await hostile.buy(SINGLE, key=BLOCKED)
    await hostile.apply(certificate_id, BLOCKED)
    view = await hostile.up.customer.until(certificate_id, lambda view: view["phase"] == "idle")
    told = await hostile.sentences(certificate_id)

    assert view["status"] == "paid"
    assert "apply" in view["allowed_actions"]
    assert any(
        f"The CA does not issue certificates for {BLOCKED}" in one and "Ask for another name" in one for one in told
    )
    await hostile.apply(certificate_id, "allowed.lab.test")
    assert (await hostile.issued(certificate_id))["names"] == ["allowed.lab.test"]


async def test_a_caa_record_that_forbids_the_ca_delays_the_order(hostile: Shop) -> None:
    """The CA hears nothing of it; the customer reads the record and the line to add, and with it all goes on."""
    hostile.zone.add(STRICT, "CAA", '0 issue "other.example"')
    certificate_id = await hostile.buy(SINGLE, key=STRICT)
    await hostile.apply(certificate_id, STRICT)
    delayed = await hostile.up.customer.until(certificate_id, lambda view: view["delay"] is not None)
    async with hostile.asking() as issuer:
        orders = await orders_at(issuer, (STRICT,))
    hostile.zone.add(STRICT, "CAA", f'0 issue "{CAA_IDENTITY}"')

    assert f"The CAA record at {STRICT} forbids us" in delayed["delay"]["why"]
    assert 'it permits only others: issue "other.example"' in delayed["delay"]["why"]
    assert f'To permit us, add there: {STRICT}. CAA 0 issue "{CAA_IDENTITY}"' in delayed["delay"]["why"]
    assert delayed["delay"]["limit"] is False
    assert orders == []
    assert (await hostile.issued(certificate_id))["status"] == "issued"


async def test_a_customer_may_publish_by_hand(hostile: Shop) -> None:
    """Where a part of a zone is not ours to write, the customer's own record is looked for and never touched."""
    await hostile.add_zone({"zone": BY_HAND, "kind": "manual"})
    certificate_id = await hostile.buy(SINGLE, key=BY_HAND)
    await hostile.apply(certificate_id, BY_HAND)
    view = await hostile.up.customer.until(certificate_id, lambda view: view["phase"] == "proving")
    (challenge,) = view["application"]["challenges"]
    nothing = hostile.proofs(BY_HAND)
    hostile.zone.add(challenge["record"]["name"], "TXT", challenge["record"]["value"])
    await hostile.up.customer.call("POST", f"/v1/certificates/{certificate_id}/application/check", key="check")
    issued = await hostile.issued(certificate_id)

    assert nothing == 0
    assert issued["status"] == "issued"
    assert hostile.proofs(BY_HAND) == 1


async def test_an_address_lives_beside_a_name(hostile: Shop) -> None:
    """Proven by files, also anew for the renewal, certified as an address, and revoked at the CA."""
    names = ("127.0.0.1", "addr.lab.test")

    def issued(number: int) -> Callable[[JSON], bool]:
        def holds(view: JSON) -> bool:
            hostile.put_files(view)
            return bool(view["issuance"] and view["issuance"]["number"] == number and view["phase"] == "idle")

        return holds

    certificate_id = await hostile.buy(ADDRESS, key="address")
    path = f"/v1/certificates/{certificate_id}"
    await hostile.apply(certificate_id, *names, validation="http-01")
    first = await hostile.up.customer.until(certificate_id, issued(1))
    await hostile.up.customer.call("POST", f"{path}/renewal", key="renew-address")
    second = await hostile.up.customer.until(certificate_id, issued(2))
    chain = read_chain(await hostile.chain(certificate_id))
    await hostile.up.customer.call("POST", f"{path}/revocation", {"reason": "superseded"}, key="revoke-address")
    await hostile.up.customer.until(certificate_id, lambda view: view["status"] == "revoked")

    assert second["names"] == list(names)
    for name in names:
        require_trust(chain, hostile.ca.root(), name=name, now=datetime.now(UTC))
    assert all(hostile.ca.is_revoked(view["issuance"]["serial"]) for view in (first, second))


async def test_a_window_in_the_past_renews_at_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What the current Pebble says is heard, the old certificate serves meanwhile, and the CA knows which it was."""
    async with shop(tmp_path_factory.mktemp("acme-new"), NEW) as running:
        first = await running.order(WILDCARD, "ari.lab.test", "*.ari.lab.test")
        now, leaf = datetime.now(UTC), (await running.chain(first["id"])).decode()
        running.ca.suggest(leaf, now - timedelta(days=2), now - timedelta(days=1), why="https://ca.lab.test/why")
        await running.ask_renewals()
        seen: set[str] = set()

        def renewed(view: JSON) -> bool:
            seen.add(view["status"])
            return bool(view["issuance"]["number"] == 2 and view["phase"] == "idle")

        second = await running.up.customer.until(first["id"], renewed)
        told = await running.sentences(first["id"])
        replaced = running.ca.has_replaced()
        await until(lambda: running.proofs("ari.lab.test") == 0)

    assert seen == {"issued"}
    assert second["issuance"]["serial"] != first["issuance"]["serial"]
    assert any("https://ca.lab.test/why" in one for one in told)
    assert replaced
