"""One certificate's page: what it tells, and its forms, which do what the API does."""

import io
import zipfile

import pytest

from tests.api.places import add, deploy, end
from tests.api.places import served as deployed
from tests.api.world import JSON, World
from tests.console.conftest import Meet
from tests.console.visitor import text_of

APPLY = {"validation": "dns-01", "key_from": "type", "key_type": "ecdsa-p256"}


def at(view: JSON, form: str = "") -> str:
    return f"/certificates/{view['id']}" + (f"/{form}" if form else "")


async def test_one_applies(meet: Meet, world: World) -> None:
    """The form opens the application that the API would."""
    view = await world.buy("multi")
    visitor = await meet()
    await visitor.get(at(view))
    page = await visitor.send(at(view, "apply"), names="www.example.com, example.com\nshop.example.com", **APPLY)
    assert "The application is sent." in text_of(page)
    state = await world.client.row(view["id"])
    assert state.names == ("www.example.com", "example.com", "shop.example.com")


async def test_what_is_wrong_stands_beside_what_was_typed(meet: Meet, world: World) -> None:
    """Nothing is lost: the form comes back open, filled in, with a sentence per fault."""
    view = await world.buy()
    visitor = await meet()
    await visitor.get(at(view))
    page = await visitor.send(at(view, "apply"), names="bad_name..example.com", **{**APPLY, "key_type": "rsa-3072"})
    assert page.status_code == 422
    assert '<details id="apply" open' in page.text
    assert "bad_name..example.com</textarea>" in page.text
    assert 'value="rsa-3072" selected' in page.text
    assert 'class="fault"' in page.text
    assert (await world.client.row(view["id"])).application is None


async def test_ov_asks_for_the_organisation(meet: Meet, world: World) -> None:
    """Its fields reach the draft that an operator reads."""
    view = await world.buy("ov")
    visitor = await meet()
    await visitor.get(at(view))
    fields = {"organization.name": "Example GmbH", "organization.country": "de", "organization.locality": "Berlin"}
    person = {"contact.name": "Erika Muster", "contact.email": "erika@example.com"}
    page = await visitor.send(at(view, "apply"), names="www.example.com", **APPLY, **fields)
    assert "needs the contact" in text_of(page)
    await visitor.send(at(view, "apply"), names="www.example.com", **APPLY, **fields, **person)
    await world.client.prepare(view["id"])
    (waiting,) = (await world.get("/v1/reviews", who="operator"))["items"]
    assert waiting["organization"]["name"] == "Example GmbH"
    assert waiting["contact"]["email"] == "erika@example.com"


async def test_one_withdraws(meet: Meet, world: World) -> None:
    """The order is paid again."""
    view = await world.proving()
    visitor = await meet()
    await visitor.get(at(view))
    page = await visitor.send(at(view, "withdraw"))
    assert "the order stays paid" in text_of(page)
    assert (await world.client.row(view["id"])).status == "paid"


async def test_what_came_in_between_is_told(meet: Meet, world: World) -> None:
    """A form that is no longer possible says what it is now."""
    view = await world.proving()
    visitor = await meet()
    await visitor.get(at(view))
    await world.client.prove(view["id"])
    await world.client.issue(view["id"])
    page = await visitor.send(at(view, "withdraw"))
    assert page.status_code == 409
    assert "That is no longer possible: now it is issued." in text_of(page)
    assert at(view, "withdraw") not in visitor.forms


async def test_one_deploys_and_follows_it(meet: Meet, world: World) -> None:
    """Targets are chosen by name; each deployment tells how far it is and what was seen."""
    view, target = await world.issued(), await add(world, "nginx_ssh", name="Edge in Paris")
    visitor = await meet()
    page = await visitor.get(at(view))
    assert "Edge in Paris" in text_of(page)
    page = await visitor.send(at(view, "deploy"), targets=[target["id"]])
    assert "The deployment began." in text_of(page)
    assert "Waiting" in text_of(page)
    (one,) = (await world.get(f"/v1{at(view)}/deployments"))["items"]
    await end(world, one["id"], seen=view["issuance"]["fingerprint_sha256"])
    text = text_of(await visitor.get(at(view)))
    assert "Deployed served now" in text
    assert "serves it" in text
    assert "is served by every endpoint of the target Edge in Paris" in text


async def test_deploying_nowhere_is_told(meet: Meet, world: World) -> None:
    """With no target chosen the form says what is missing."""
    view = await world.issued()
    await add(world, "nginx_ssh")
    visitor = await meet()
    await visitor.get(at(view))
    page = await visitor.send(at(view, "deploy"))
    assert page.status_code == 422
    assert '<details id="deploy" open' in page.text
    assert 'class="fault"' in page.text


async def test_one_puts_back_what_was_there(meet: Meet, world: World) -> None:
    """The newest deployment of a target can be rolled back."""
    view, _, first = await deployed(world, target=await add(world, "nginx_ssh"))
    visitor = await meet()
    await visitor.get(at(view))
    page = await visitor.send(at(view, f"deployments/{first['id']}/rollback"))
    assert "is being put back" in text_of(page)


async def test_one_downloads(meet: Meet, world: World) -> None:
    """The bundle is the API's, and is kept nowhere."""
    view = await world.issued()
    visitor = await meet()
    page = await visitor.get(at(view))
    assert "ssl_certificate_key" in page.text
    answer = await visitor.send(at(view, "download"), format="nginx", password="")
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["cache-control"] == "no-store"
    assert "www.example.com.key" in zipfile.ZipFile(io.BytesIO(answer.content)).namelist()


async def test_one_renews(meet: Meet, world: World) -> None:
    """A second renewal within a day is told to be too soon."""
    view = await world.issued()
    visitor = await meet()
    await visitor.get(at(view))
    assert "The renewal began." in text_of(await visitor.send(at(view, "renew")))


async def test_one_replaces(meet: Meet, world: World) -> None:
    """It stays issued while a new key comes."""
    view = await world.issued()
    visitor = await meet()
    await visitor.get(at(view))
    page = await visitor.send(at(view, "replace"), reason="key_compromise", key_from="type", key_type="rsa-2048")
    assert "The replacement began." in text_of(page)
    state = await world.client.row(view["id"])
    assert state.order is not None
    assert (state.status, state.order.key_type) == ("issued", "rsa-2048")


async def test_one_revokes_and_is_paid_back(meet: Meet, world: World) -> None:
    """The quote is on the form, and the money comes back."""
    before = await world.balance()
    view = await world.issued()
    visitor = await meet()
    page = await visitor.get(at(view))
    assert "9.00 EUR are paid back" in text_of(page)
    page = await visitor.send(at(view, "revoke"), reason="superseded")
    assert "Revoked" in text_of(page)
    assert "9.00 EUR were paid back." in text_of(page)
    assert await world.balance() == before


async def test_a_deployment_under_way_holds_a_revocation_up(meet: Meet, world: World) -> None:
    """The page says which, and the box that forces it revokes."""
    view = await world.issued()
    (going,) = await deploy(world, view, await add(world, "nginx_ssh"))
    visitor = await meet()
    await visitor.get(at(view))
    page = await visitor.send(at(view, "revoke"), reason="superseded")
    assert page.status_code == 409
    assert going["id"] in text_of(page)
    page = await visitor.send(at(view, "revoke"), reason="superseded", force="yes")
    assert page.status_code == 200
    assert (await world.client.row(view["id"])).status == "revoked"


async def test_deleting_needs_the_name(meet: Meet, world: World) -> None:
    """Anything else deletes nothing; a refund is lost only where that was ticked."""
    view = await world.issued()
    visitor = await meet()
    await visitor.get(at(view))
    page = await visitor.send(at(view, "delete"), confirm="www.example.org")
    assert page.status_code == 422
    assert "Type www.example.com to delete it." in text_of(page)
    page = await visitor.send(at(view, "delete"), confirm="www.example.com")
    assert page.status_code == 409
    assert "Deleting loses a refund" in text_of(page)
    assert (await world.client.row(view["id"])).status == "issued"
    page = await visitor.send(at(view, "delete"), confirm="www.example.com", forfeit_refund="yes")
    assert "Nothing: it is deleted." in text_of(page)
    assert (await world.client.row(view["id"])).closed


async def test_one_cancels(meet: Meet, world: World) -> None:
    """A paid order goes back whole."""
    before = await world.balance()
    view = await world.buy()
    visitor = await meet()
    await visitor.get(at(view))
    await visitor.send(at(view, "cancel_order"))
    assert await world.balance() == before


@pytest.mark.parametrize("words", ["my shop", ""])
async def test_one_relabels(meet: Meet, world: World, words: str) -> None:
    """An empty label takes it away."""
    view = await world.buy(label="before")
    visitor = await meet()
    await visitor.get(at(view))
    await visitor.send(at(view, "label"), label=words)
    assert (await world.client.row(view["id"])).label == (words or None)


async def test_an_operator_reviews(meet: Meet, world: World) -> None:
    """The decision reaches the application; the customer has no such form."""
    view = await world.proving(
        "ov",
        "www.example.com",
        organization={"name": "Example GmbH", "country": "DE", "locality": "Berlin"},
        contact={"name": "E", "email": "e@example.com"},
    )
    customer, operator = await meet(), await meet("operator")
    await customer.get(at(view))
    assert at(view, "review") not in customer.forms
    page = await operator.get(at(view))
    assert "In the Temporal UI" in text_of(page)
    await operator.send(at(view, "review"), decision="approve", note="checked")
    state = await world.client.row(view["id"])
    assert state.application is not None
    assert state.application.review is not None


async def test_a_form_sent_twice_is_one_request(meet: Meet, world: World) -> None:
    """A second click changes nothing and leads to the same page."""
    view = await world.issued()
    visitor = await meet()
    await visitor.get(at(view))
    body = dict(visitor.forms[at(view, "renew")])
    first, second = [await visitor.http.post(at(view, "renew"), data=body) for _ in range(2)]
    assert first.status_code == second.status_code == 303
    assert first.headers["location"] == second.headers["location"]
    attempts = [one for one in (await world.get(f"/v1{at(view)}/events"))["items"] if one["what"] == "renewal_started"]
    assert len(attempts) == 1


async def test_an_open_page_asks_for_news_only(meet: Meet, world: World) -> None:
    """While nothing changed the answer is 304, with the same policy; then it is the page."""
    view = await world.buy()
    visitor = await meet()
    page = await visitor.get(at(view))
    same = await visitor.http.get(at(view), headers={"If-None-Match": page.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    assert same.headers["content-security-policy"] == page.headers["content-security-policy"]
    await world.call("PATCH", f"/v1{at(view)}", {"label": "news"})
    news = await visitor.http.get(at(view), headers={"If-None-Match": page.headers["etag"]})
    assert news.status_code == 200
    assert "news" in news.text


async def test_a_deleted_one_still_tells_its_story(meet: Meet, world: World) -> None:
    """The tombstone has a page with a timeline and no form."""
    view = await world.buy()
    for path in ("cancellation",):
        await world.call("POST", f"/v1{at(view)}/{path}")
    await world.call("DELETE", f"/v1{at(view)}")
    visitor = await meet()
    page = await visitor.get(at(view))
    assert "Nothing: it is deleted." in text_of(page)
    assert set(visitor.forms) == {"/session/end"}
