"""What operators see of issuers: limits, what is left, and who waits."""

from datetime import timedelta

from certloom.domain.budget import LETS_ENCRYPT, Urgency
from certloom.domain.budget_queue import Wish
from tests.api.world import World, assert_problem
from tests.lives import NOW


async def reserve(world: World, key: str, *, urgency: Urgency = Urgency.NEW) -> None:
    wish = Wish(key=key, names=("www.example.com",), urgency=urgency)
    async with world.storage.begin() as tx:
        await tx.budget.reserve(wish, issuer="letsencrypt", limits=LETS_ENCRYPT, now=NOW)


async def test_an_issuer_without_limits(world: World) -> None:
    """The private CA is listed with what it sells and what it signed."""
    await world.issued()
    (found,) = (await world.get("/v1/issuers", who="operator"))["items"]
    assert (found["name"], found["kind"], found["limits"], found["waiting"]) == ("private", "private", [], 0)
    assert "single" in found["products"]
    assert found["issued_in_30_days"] == 1


async def test_what_limits_leave(world: World) -> None:
    """Each limit with how much is used and free; when nothing is, the moment at which something will be."""
    for number in range(5):
        await reserve(world, f"cert_{number}/order/1")
    found = (await world.get("/v1/issuers", who="operator"))["items"][0]
    limits = {limit["scope"]: limit for limit in found["limits"]}
    assert (found["name"], found["kind"]) == ("letsencrypt", "acme")
    assert limits["orders"]["buckets"] == [{"title": "", "used": 5, "free": 295, "next_free_at": None}]
    assert limits["domain"]["buckets"] == [{"title": "example.com", "used": 5, "free": 45, "next_free_at": None}]
    (names,) = limits["name_set"]["buckets"]
    assert (names["title"], names["used"], names["free"]) == ("www.example.com", 5, 0)
    assert names["next_free_at"] == (NOW + timedelta(hours=33.6)).isoformat().replace("+00:00", "Z")
    assert limits["failures"] | {"buckets": []} == {
        "scope": "failures", "count": 5, "period": 3600.0, "renewals_count": True, "buckets": [],
    }  # fmt: skip


async def test_who_waits(world: World) -> None:
    """Orders that wait are listed in the order of service, with the sentence that their owners read."""
    for number in range(6):
        await reserve(world, f"cert_{number}/order/1")
    await reserve(world, "cert_urgent/order/1", urgency=Urgency.OVERDUE)
    await reserve(world, "cert_5/order/1")
    found = (await world.get("/v1/issuers", who="operator"))["items"][0]
    assert found["waiting"] == 2
    assert [(one["certificate_id"], one["urgency"], one["ahead"]) for one in found["waiters"]] == [
        ("cert_urgent", "overdue", 0),
        ("cert_5", "new", 1),
    ]
    assert found["waiters"][1]["why"].startswith(
        "letsencrypt allows 5 certificates for exactly these names (www.example.com) in 7 days; the next is possible on"
    )
    assert found["waiters"][1]["why"].endswith(" 1 more urgent order goes first.")


async def test_customers_do_not_see_issuers(world: World) -> None:
    """Whose orders wait is the operators' business."""
    assert_problem(await world.call("GET", "/v1/issuers"), 403, "forbidden")
