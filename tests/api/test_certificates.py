"""The list, the counts, one certificate, its label, its tag, its tenant."""

from datetime import timedelta

import pytest

from tests.api.world import THEIRS, World, assert_problem, ok
from tests.lives import NOW

PATH = "/v1/certificates"
FIELDS = {
    "id", "version", "status", "group", "phase", "origin", "label", "product", "names", "account_id", "created_at",
    "updated_at", "payment", "plan", "application", "issuance", "validity", "renewal", "deployments_count",
    "placements", "revocation", "refund", "attention", "delay", "next_wake", "allowed_actions", "links",
}  # fmt: skip


async def test_the_view_has_the_fields_of_the_contract(world: World) -> None:
    """Others build on these names."""
    view = await world.issued()
    assert set(view) == FIELDS
    assert set(view["application"]) == {"id", "state", "outcome", "names", "validation", "challenges", "deadline"}
    assert set(view["plan"]) == {"paid_at", "started_at", "ends_at", "price"}
    assert set(view["issuance"]) == {
        "number", "serial", "fingerprint_sha256", "issuer", "key_type", "not_before", "not_after", "first_issued_at",
    }  # fmt: skip
    assert set(view["renewal"]) == {"next_at", "why", "last_error", "explanation_url"}
    assert set(view["refund"]) == {"amount", "state", "why"}
    assert set(view["next_wake"]) == {"at", "why"}


async def test_an_issued_certificate_says_what_is_next(world: World) -> None:
    """Validity, renewal and refund are computed from facts and now."""
    view = await world.issued()
    assert (view["status"], view["validity"]) == ("issued", "valid")
    assert view["renewal"]["why"] == "third_left"
    assert view["renewal"]["next_at"] == "2027-04-05T04:00:00Z"
    assert view["next_wake"] == {"at": "2027-03-22T04:00:00Z", "why": "proof_for_renewal"}
    assert view["refund"] == {
        "amount": {"amount": 900, "currency": "EUR"}, "state": "quoted", "why": "inside_window",
    }  # fmt: skip
    assert view["plan"]["started_at"] == NOW.isoformat().replace("+00:00", "Z")


async def test_validity_follows_the_clock(world: World) -> None:
    """In the last third a leaf is expiring, after its end it is lapsed."""
    view = await world.issued()
    world.clock.advance(days=140)
    assert (await world.get(f"{PATH}/{view['id']}"))["validity"] == "expiring"
    world.clock.advance(days=60)
    assert (await world.get(f"{PATH}/{view['id']}"))["validity"] == "lapsed"


async def test_the_refund_is_not_quoted_after_the_window(world: World) -> None:
    """A second after 30 days nothing would be paid back."""
    view = await world.issued()
    world.clock.advance(days=30, seconds=1)
    late = await world.get(f"{PATH}/{view['id']}")
    assert late["refund"] == {"amount": {"amount": 0, "currency": "EUR"}, "state": "none", "why": "window_over"}


async def test_unknown_and_foreign_look_the_same(world: World) -> None:
    """Nobody learns that another account's certificate exists."""
    theirs = await world.buy(who="stranger")
    unknown = assert_problem(await world.call("GET", f"{PATH}/cert_nobody"), 404, "not_found")
    assert assert_problem(await world.call("GET", f"{PATH}/{theirs['id']}"), 404, "not_found") == unknown
    assert_problem(await world.call("GET", f"{PATH}/%00"), 404, "not_found")


async def test_operators_see_all_accounts_and_the_way_to_temporal(world: World) -> None:
    """Only an operator is led into Temporal's UI."""
    view = await world.buy(who="stranger")
    seen = await world.get(f"{PATH}/{view['id']}", who="operator")
    assert seen["account_id"] == THEIRS
    url = f"https://temporal.test/namespaces/default/workflows/certificate-{view['id']}"
    assert seen["links"]["temporal_ui"] == url
    assert "temporal_ui" not in view["links"]


async def test_actions_are_those_of_the_role(world: World) -> None:
    """A viewer is offered nothing, an operator not the private key."""
    view = await world.issued()
    path = f"{PATH}/{view['id']}"
    assert view["allowed_actions"] == ["renew", "replace", "deploy", "download", "revoke", "delete"]
    assert (await world.get(path, who="viewer"))["allowed_actions"] == []
    assert (await world.get(path, who="operator"))["allowed_actions"] == ["renew", "revoke"]


async def test_pages_follow_each_other(world: World) -> None:
    """Walking by cursor shows each certificate once, newest first."""
    bought = []
    for _ in range(5):
        bought.append((await world.buy())["id"])
        world.clock.advance(seconds=1)
    seen, cursor = [], ""
    while True:
        page = await world.get(f"{PATH}?limit=2{cursor}")
        assert len(page["items"]) <= 2
        seen += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == bought[::-1]


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "status=gone", "expires_before=2026-01-01"])
async def test_a_bad_filter_is_named(world: World, query: str) -> None:
    """A filter that means nothing is a fault of that parameter."""
    found = assert_problem(await world.call("GET", f"{PATH}?{query}"), 422, "invalid")
    assert found["errors"][0]["pointer"] == f"/{query.partition('=')[0]}"


async def test_a_bad_cursor_is_named(world: World) -> None:
    """A cursor that we never gave out is a fault."""
    found = assert_problem(await world.call("GET", f"{PATH}?cursor=%00nonsense"), 422, "invalid")
    assert found["errors"][0]["pointer"] == "/cursor"
    assert_problem(await world.call("GET", f"{PATH}?cursor=nonsense"), 422, "invalid")


async def test_lists_are_filtered(world: World) -> None:
    """Group, status, origin, end and the beginning of a name narrow the list."""
    issued = await world.issued("single", "shop.example.com")
    await world.buy(label="Shop of Ours")
    late = (NOW + timedelta(days=1000)).isoformat().replace("+00:00", "Z")
    for query, count in (
        ("group=issued", 1), ("status=paid", 1), ("origin=uploaded", 0), ("query=shop", 2), ("query=SHOP.ex", 1),
        (f"expires_before={late}", 1), (f"query={issued['id']}", 1), ("query=%25", 0),
    ):  # fmt: skip
        assert len((await world.get(f"{PATH}?{query}"))["items"]) == count, query


async def test_lists_stay_within_the_account(world: World) -> None:
    """An account lists its own, an operator all."""
    await world.buy()
    await world.buy(who="stranger")
    assert len((await world.get(PATH))["items"]) == 1
    assert len((await world.get(PATH, who="operator"))["items"]) == 2


async def test_the_summary_counts_per_status_and_group(world: World) -> None:
    """Every status and group is there, also those with none."""
    await world.buy()
    await world.issued()
    await world.buy(who="stranger")
    summary = await world.get(f"{PATH}/summary")
    assert summary["statuses"] == {
        "awaiting_payment": 0, "paid": 1, "pending_verification": 0, "issued": 1, "expired": 0, "revoked": 0,
        "cancelled": 0, "deleted": 0,
    }  # fmt: skip
    assert summary["groups"] == {"unpaid": 0, "ordered": 1, "issued": 1, "expired": 0, "closed": 0}


async def test_the_label_can_be_changed_and_removed(world: World) -> None:
    """The label is the customer's own, and null takes it away."""
    path = f"{PATH}/{(await world.buy(label='a'))['id']}"
    assert ok(await world.call("PATCH", path, {"label": "b"}))["label"] == "b"
    assert ok(await world.call("PATCH", path, {"label": None}))["label"] is None
    assert_problem(await world.call("PATCH", path, {}), 422, "invalid")
    assert_problem(await world.call("PATCH", path, {"label": "x" * 201}), 422, "invalid")
    assert_problem(await world.call("PATCH", path, {"label": "b"}, who="operator"), 403, "forbidden")


@pytest.mark.parametrize("label", ["a\nb", "a\u202eb", "a\x7fb"])
async def test_a_label_is_one_plain_line(world: World, label: str) -> None:
    """Control characters and turned reading direction are refused."""
    path = f"{PATH}/{(await world.buy())['id']}"
    found = assert_problem(await world.call("PATCH", path, {"label": label}), 422, "invalid")
    assert found["errors"] == [{"pointer": "/label", "code": "unprintable", "detail": "Leave out control characters."}]


async def test_a_tag_saves_a_transfer(world: World) -> None:
    """If-None-Match answers 304 while nothing changed, with the tag and nothing else."""
    path = f"{PATH}/{(await world.buy())['id']}"
    first = await world.call("GET", path)
    assert first.headers["etag"] == f'"{first.json()["version"]}"'
    assert "private" in first.headers["cache-control"]
    same = await world.call("GET", path, if_none_match=first.headers["etag"])
    assert (same.status_code, same.content) == (304, b"")
    await world.call("PATCH", path, {"label": "new"})
    assert (await world.call("GET", path, if_none_match=first.headers["etag"])).status_code == 200


async def test_a_tag_changes_with_what_was_seen(world: World) -> None:
    """A new look makes no new version, and must not be hidden by a 304."""
    view = await world.proving()
    path = f"{PATH}/{view['id']}"
    before = await world.call("GET", path)
    await world.client.look(view["id"], seen="nothing")
    after = await world.call("GET", path, if_none_match=before.headers["etag"])
    assert after.status_code == 200
    assert after.json()["version"] == before.json()["version"]


async def test_a_change_can_be_bound_to_a_version(world: World) -> None:
    """If-Match lets a change happen at one version only."""
    view = await world.buy()
    path = f"{PATH}/{view['id']}"
    stale = await world.call("PATCH", path, {"label": "x"}, if_match=f'"{view["version"] - 1}"')
    assert_problem(stale, 412, "precondition_failed")
    ok(await world.call("PATCH", path, {"label": "x"}, if_match=f'"{view["version"]}"'))
    assert_problem(await world.call("PATCH", path, {"label": "y"}, if_match="nonsense"), 412, "precondition_failed")
    ok(await world.call("PATCH", path, {"label": "y"}, if_match="*"))


async def test_the_product_list_shows_prices_and_refunds(world: World) -> None:
    """What is on sale is told with its price and policy."""
    items = (await world.get("/v1/products", who="viewer"))["items"]
    assert items[0]["price"] == {"amount": 900, "currency": "EUR"}
    assert items[0]["refund"] == {"days": 30, "clock": "issuance"}


async def test_the_timeline_tells_the_story(world: World) -> None:
    """Events come newest first, with words, and page like lists."""
    view = await world.issued()
    path = f"{PATH}/{view['id']}/events"
    events = (await world.get(path))["items"]
    assert [event["what"] for event in events] == ["issued", "proven", "prepared", "applied", "paid", "ordered"]
    assert events[-1]["who"] == "keymember"
    assert events[-2]["sentence"] == "9.00 EUR were paid."
    first = await world.get(f"{path}?limit=2")
    second = await world.get(f"{path}?limit=10&cursor={first['next_cursor']}")
    assert first["items"] + second["items"] == events


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-01:00"])
async def test_a_moment_beyond_the_calendar_is_refused(world: World, moment: str) -> None:
    """The ends of the calendar are bad input, in every zone."""
    assert_problem(await world.call("GET", f"/v1/certificates?expires_before={moment}"), 422, "invalid")


async def test_a_leaf_that_ended_is_expired(world: World) -> None:
    """The list of leaves follows the clock, though nothing was written about the leaf since."""
    view = await world.issued()
    world.clock.advance(days=400)

    assert (await world.get(f"/v1/certificates/{view['id']}/issuances"))["items"][0]["state"] == "expired"


async def test_issuances_and_chain_are_shown(world: World) -> None:
    """All leaves are listed, and the newest comes with its chain."""
    path = f"{PATH}/{(await world.issued())['id']}"
    leaf = (await world.get(f"{path}/issuances"))["items"][0]
    assert (leaf["number"], leaf["state"], leaf["key"]) == (1, "valid", "service")
    chain = await world.call("GET", f"{path}/chain.pem", who="viewer")
    assert chain.headers["content-type"] == "application/pem-certificate-chain"
    assert chain.text.count("BEGIN CERTIFICATE") == 2
    assert (await world.get(f"{path}/deployments")) == {"items": [], "next_cursor": None}


async def test_before_issuance_there_is_no_chain(world: World) -> None:
    """Nothing issued, nothing to fetch."""
    path = f"{PATH}/{(await world.buy())['id']}"
    assert_problem(await world.call("GET", f"{path}/chain.pem"), 404, "not_found")
    assert (await world.get(f"{path}/issuances"))["items"] == []


@pytest.mark.parametrize(
    ("sort", "expected"),
    [("newest", ["b.example.com", "a.example.com"]), ("name", ["a.example.com", "b.example.com"])],
)
async def test_one_chooses_the_order(world: World, sort: str, expected: list[str]) -> None:
    """The order holds from page to page; a cursor of another order is refused."""
    await world.issued("single", "a.example.com")
    world.clock.advance(seconds=1)
    await world.issued("single", "b.example.com")
    first = await world.get(f"/v1/certificates?sort={sort}&limit=1")
    second = await world.get(f"/v1/certificates?sort={sort}&limit=1&cursor={first['next_cursor']}")
    assert [view["names"][0] for view in (*first["items"], *second["items"])] == expected
    wrong = await world.call("GET", f"/v1/certificates?sort=expiry&cursor={first['next_cursor']}")
    assert assert_problem(wrong, 422, "invalid")["errors"][0]["pointer"] == "/cursor"
