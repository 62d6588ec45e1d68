"""The queue of OV and EV applications: what an operator must know, and one decision for each."""

import pytest

from api.console import reviews
from tests.api.world import OURS, World
from tests.console.conftest import Meet
from tests.console.operating import ORGANIZATION, waiting
from tests.console.visitor import text_of

SCRIPT = '"><script>alert(1)</script>'


async def test_everything_that_a_decision_needs_is_there(meet: Meet, world: World) -> None:
    """Who asks, for which names, at which level, since when, until when, and what is proven."""
    view = await waiting(world, "bank.example.com", "www.bank.example.com")
    page = await (await meet("operator")).get("/reviews")
    text = text_of(page)
    for words in (
        "Example GmbH", "Berlin, DE", "HRB 12345", "Erika Muster", "erika@example.com", "bank.example.com",
        "www.bank.example.com", "OV", "Not proven yet", OURS, "Applied 2026-11-23 12:00 UTC",
        "Closes by itself 2026-12-23 12:00 UTC",
    ):  # fmt: skip
        assert words in text, words
    assert f"/certificates/{view['id']}" in page.text
    assert f"/accounts/{OURS}" in page.text
    await world.client.prove(view["id"])
    assert "Control of all names proven" in text_of(await (await meet("operator")).get("/reviews"))


@pytest.mark.parametrize(("decision", "status"), [("approve", "pending_verification"), ("reject", "paid")])
async def test_a_decision_leaves_the_queue(meet: Meet, world: World, decision: str, status: str) -> None:
    """It is recorded, and the next one is shown."""
    view = await waiting(world)
    visitor = await meet("operator")
    await visitor.get("/reviews")
    page = await visitor.send(f"/reviews/{view['id']}", decision=decision, note="Seen in the register.")
    assert f"The {'organisation is approved' if decision == 'approve' else 'application is rejected'}." in text_of(page)
    assert "Nothing waits for a decision." in text_of(page)
    assert (await world.get(f"/v1/certificates/{view['id']}"))["status"] == status


@pytest.mark.parametrize("second", ["approve", "reject"])
async def test_two_operators_at_once(meet: Meet, world: World, second: str) -> None:
    """Who comes second learns who was first, and what he sent changes nothing."""
    view = await waiting(world)
    one, other = await meet("operator"), await meet("operator")
    for visitor in (one, other):
        await visitor.get("/reviews")
    await one.send(f"/reviews/{view['id']}", decision="reject", note="Not in the register.")
    before = await world.client.row(view["id"])
    page = await other.send(f"/reviews/{view['id']}", decision=second, note="Looks good.")
    assert page.status_code in (404, 409)
    assert "Key keyoperator rejected this application on 2026-11-23 12:00 UTC." in text_of(page)
    assert "Your decision changed nothing." in text_of(page)
    assert (await world.client.row(view["id"])).version == before.version


async def test_an_approval_after_an_approval_is_told(meet: Meet, world: World) -> None:
    """The proof is still looked for, and there is nothing more to approve."""
    view = await waiting(world)
    one, other = await meet("operator"), await meet("operator")
    for visitor in (one, other):
        await visitor.get("/reviews")
    await one.send(f"/reviews/{view['id']}", decision="approve", note="In the register.")
    page = await other.send(f"/reviews/{view['id']}", decision="approve", note="In the register.")
    assert page.status_code == 409
    assert "Key keyoperator approved this application" in text_of(page)


async def test_what_the_customer_withdrew_is_told(meet: Meet, world: World) -> None:
    """The sentence says how the certificate stands now."""
    view = await waiting(world)
    visitor = await meet("operator")
    await visitor.get("/reviews")
    await world.call("DELETE", f"/v1/certificates/{view['id']}/application")
    page = await visitor.send(f"/reviews/{view['id']}", decision="approve", note="In the register.")
    assert "This application does not wait any more: now the certificate is paid." in text_of(page)


async def test_a_decision_needs_a_note(meet: Meet, world: World) -> None:
    """The fault stands at that application, and nothing is decided."""
    first = await waiting(world)
    world.clock.advance(seconds=1)
    second = await waiting(world)
    visitor = await meet("operator")
    await visitor.get("/reviews")
    page = await visitor.send(f"/reviews/{second['id']}", decision="approve", note="")
    assert page.status_code == 422
    assert page.text.count('class="fault"') == 1
    assert page.text.index(first["id"]) < page.text.index(second["id"]) < page.text.index('class="fault"')
    assert f"/reviews/{second['id']}" in visitor.forms


async def test_a_note_comes_back(meet: Meet, world: World) -> None:
    """What was typed is not lost when the decision was refused."""
    view = await waiting(world)
    visitor = await meet("operator")
    await visitor.get("/reviews")
    page = await visitor.send(f"/reviews/{view['id']}", decision="maybe", note="A long note.")
    assert page.status_code == 422
    assert ">A long note.</textarea>" in page.text


async def test_one_turns_page_after_page(meet: Meet, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest come first, and each is on one page."""
    monkeypatch.setattr(reviews, "PAGE", 1)
    ids = []
    for _ in range(2):
        ids.append((await waiting(world))["id"])
        world.clock.advance(seconds=1)
    visitor = await meet("operator")
    page = await visitor.get("/reviews")
    assert f'id="{ids[0]}"' in page.text
    assert f'id="{ids[1]}"' not in page.text
    link = page.text.split('rel="next"')[0].rsplit('href="', 1)[1].rstrip('" ')
    page = await visitor.get(link)
    assert f'id="{ids[1]}"' in page.text
    assert "Oldest" in text_of(page)


@pytest.mark.parametrize("who", ["member", "viewer"])
async def test_customers_do_not_review(meet: Meet, world: World, who: str) -> None:
    """They neither see the queue nor decide about themselves; the navigation does not name it."""
    view = await waiting(world)
    visitor = await meet(who)
    assert "/reviews" not in (await visitor.get("/certificates")).text
    page = await visitor.get("/reviews")
    assert page.status_code == 403
    assert ORGANIZATION["name"] not in page.text
    form = {"csrf": visitor.forms["/session/end"]["csrf"], "decision": "approve", "note": "x", "application_id": "x"}
    assert (await visitor.http.post(f"/reviews/{view['id']}", data=form)).status_code == 403


async def test_what_applicants_typed_is_shown_as_text(meet: Meet, world: World) -> None:
    """Organisation, contact and a note that comes back hold no markup."""
    contact = {"name": SCRIPT, "email": '"><script>x</script>@example.com', "phone": SCRIPT}
    organization = {**ORGANIZATION, "name": SCRIPT, "locality": SCRIPT, "business_category": SCRIPT}
    view = await waiting(world, organization=organization, contact=contact)
    visitor = await meet("operator")
    found = [await visitor.get("/reviews")]
    found.append(await visitor.send(f"/reviews/{view['id']}", decision=SCRIPT, note=SCRIPT))
    found.append(await visitor.http.get("/reviews", params={"said": SCRIPT}))
    for page in found:
        assert "<script>alert" not in page.text
        assert "<script>x" not in page.text
    assert "alert(1)" in text_of(found[0])
