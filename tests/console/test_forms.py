"""Forms of a certificate's page that are refused: each fault beside its field, and a page that goes on from there."""

import re

import pytest

from api.console.outlook import outlook
from api.lab import SUFFIX
from api.schemas.certificate import CertificateView, WakeView
from certloom.domain.step import WaitReason
from tests.api.places import add
from tests.api.world import CONTACT, ORGANIZATION, World, ok
from tests.console.conftest import Meet
from tests.console.test_certificate import APPLY, at
from tests.console.visitor import text_of
from workers.service import LAB_SUFFIX

SENT = {
    **APPLY,
    "names": "www.example.com",
    **{f"organization.{name}": value for name, value in ORGANIZATION.items()},
    **{f"contact.{name}": value for name, value in CONTACT.items()},
}


@pytest.mark.parametrize(
    ("field", "typed", "says"),
    [
        ("organization.locality", "", "An OV certificate needs the town, or the state or province."),
        ("organization.country", "Germany", "Write the country as two capital letters, such as DE."),
        ("contact.email", "erika", "Write an address such as name@example.com."),
        ("contact.name", "", "This is needed."),
    ],
)
async def test_a_fault_stands_beside_its_field(meet: Meet, world: World, field: str, typed: str, says: str) -> None:
    """It is described by the field, so that a reader hears it there, and nothing was sent."""
    view, visitor = await world.buy("ov"), await meet()
    await visitor.get(at(view))
    page = await visitor.send(at(view, "apply"), **{**SENT, field: typed})
    assert page.status_code == 422
    marked = f'aria-describedby="fault-apply-{field.replace(".", "-")}"'
    assert re.search(rf'name="{field}"[^>]* {marked}', page.text)
    assert says in text_of(page)
    assert (await world.client.row(view["id"])).application is None


async def test_a_faulty_form_that_is_over_is_told_so(meet: Meet, world: World) -> None:
    """Where the form is gone there is nothing to mend."""
    view, visitor = await world.buy(), await meet()
    await visitor.get(at(view))
    form = visitor.forms[at(view, "apply")]
    await visitor.send(at(view, "apply"), names="www.example.com", **APPLY)
    await world.client.prepare(view["id"])
    answer = await visitor.http.post(at(view, "apply"), data={**form, **APPLY, "names": "..", "once": "another"})
    assert "That is no longer possible: now it is pending verification." in text_of(answer)


async def test_a_refused_form_is_followed_at_its_page(meet: Meet, world: World) -> None:
    """The page asks again at an address that answers; as shown before, with what the address said."""
    view, visitor = await world.issued(), await meet()
    await add(world, "nginx_ssh")
    page = await visitor.get(f"{at(view)}?do=deploy")
    assert f'data-address="{at(view)}?do=deploy"' in page.text
    page = await visitor.send(at(view, "deploy"))
    assert page.status_code == 422
    assert f'data-address="{at(view)}"' in page.text


async def test_a_form_without_an_answer_keeps_its_number(meet: Meet, world: World) -> None:
    """Sent again, it is the same request."""
    view, visitor = await world.issued(), await meet()
    await visitor.get(at(view))
    number = visitor.forms[at(view, "renew")]["once"]
    world.client.silent = True
    page = await visitor.send(at(view, "renew"))
    assert page.status_code == 503
    assert visitor.forms[at(view, "renew")]["once"] == number
    assert visitor.forms[at(view, "revoke")]["once"] != number


async def test_one_who_applies_again_finds_the_names(meet: Meet, world: World) -> None:
    """They stand in the form; while the old key is still being destroyed, the page is about to change."""
    view, visitor = await world.proving(), await meet()
    await visitor.get(at(view))
    page = await visitor.send(at(view, "withdraw"))
    assert f">{view['names'][0]}</textarea>" in page.text
    assert 'data-poll="2"' in page.text


async def test_the_page_says_what_became_of_the_last_application(world: World) -> None:
    """Nobody is told that nobody applied when somebody did."""
    view = CertificateView.model_validate(await world.buy())
    ready = {"next_wake": WakeView(at=None, why=WaitReason.APPLICATION)}
    assert "nobody applied yet" in outlook(view.model_copy(update=ready)).why
    made = await world.proving()
    ok(await world.call("DELETE", f"/v1{at(made)}/application"))
    view = CertificateView.model_validate(await world.get(f"/v1{at(made)}"))
    assert "the last application was withdrawn" in outlook(view.model_copy(update=ready)).why


async def test_the_form_names_the_lab_where_there_is_one(meet: Meet, world: World) -> None:
    """A person in the lab learns which names it answers for; elsewhere nothing is said of it."""
    assert SUFFIX == LAB_SUFFIX
    view, visitor = await world.buy(), await meet()
    told = f"www.shop.{SUFFIX}" in text_of(await visitor.get(at(view)))
    assert told == (world.services.lab is not None)


async def test_a_forms_own_address_leads_back_to_it(meet: Meet, world: World) -> None:
    """After a refusal it stands in the address bar; who presses Enter there wants the page, not an error."""
    visitor = await meet("member")
    certificate_id = (await world.issued())["id"]
    for address, page in (
        (f"/certificates/{certificate_id}/apply", f"/certificates/{certificate_id}"),
        (f"/certificates/{certificate_id}/deployments/dep_1/rollback", f"/certificates/{certificate_id}"),
        ("/targets/tgt_1/test", "/targets/tgt_1"),
        ("/zones/zone_1/test", "/zones/zone_1"),
        ("/account/keys", "/account"),
    ):
        answer = await visitor.http.get(address)
        assert (answer.status_code, answer.headers["location"]) == (303, page)


async def test_nothing_is_led_anywhere_without_a_session(meet: Meet, world: World) -> None:
    """Who is not signed in sees the form to sign in, whatever is behind the address."""
    visitor = await meet("member")
    visitor.http.cookies.clear()
    assert (await visitor.http.get("/certificates/cert_1/apply")).status_code == 401
