"""Applying, looking, withdrawing, deciding."""

from typing import Any

import pytest

from certloom.domain.key import KeyType
from tests.api.csrs import csr
from tests.api.world import CONTACT, DNS, ORGANIZATION, World, assert_problem, ok

REVIEWED: dict[str, Any] = {"organization": ORGANIZATION, "contact": CONTACT}


def path(view: dict[str, Any], rest: str = "") -> str:
    return f"/v1/certificates/{view['id']}/application{rest}"


async def test_an_application_begins_with_preparing(world: World) -> None:
    """Applying answers 202; the challenges come when phase leaves preparing."""
    view = await world.apply("single", "WWW.Example.com.")
    assert (view["status"], view["phase"], view["names"]) == ("pending_verification", "preparing", ["www.example.com"])
    assert view["application"]["challenges"] == []
    await world.client.prepare(view["id"])
    shown = (await world.get(f"/v1/certificates/{view['id']}"))["application"]
    record = {"name": "_certloom-challenge.www.example.com", "type": "TXT", "value": "value"}
    assert shown["state"] == "proving"
    assert shown["challenges"] == [
        {
            "name": "www.example.com", "type": "dns-01", "state": "pending", "record": record, "file": None,
            "seen": None, "error": None, "next_look_at": None, "published_by": "customer", "own": False,
        }
    ]  # fmt: skip


async def test_a_file_is_shown_for_http_01(world: World) -> None:
    """With http-01 the challenge is a file."""
    view = await world.proving(validation="http-01")
    challenge = view["application"]["challenges"][0]
    url = "http://www.example.com/.well-known/certloom-challenge/token"
    assert (challenge["record"], challenge["file"]) == (None, {"url": url, "content": "content"})


async def test_what_was_seen_is_shown(world: World) -> None:
    """The last look tells what it saw instead, and when the next is."""
    view = await world.proving()
    await world.client.look(view["id"], seen="other")
    shown = await world.get(f"/v1/certificates/{view['id']}")
    challenge = shown["application"]["challenges"][0]
    assert (challenge["seen"], challenge["error"]) == ("other", "The record is another one.")
    assert shown["next_wake"] == {"at": challenge["next_look_at"], "why": "proof"}


async def test_applying_twice_is_not_possible(world: World) -> None:
    """The second application says what can be done instead, and leaves no form behind."""
    view = await world.apply()
    answer = await world.call("POST", path(view), {"names": ["www.example.com"], **DNS})
    found = assert_problem(answer, 409, "illegal_state")
    assert (found["current"], found["allowed_actions"]) == ("pending_verification", ["withdraw"])


@pytest.mark.parametrize("name", ["*.com", "\U0001f512.example.com", "a b.com", "10.0.0.1", "localhost", ""])
async def test_a_bad_name_is_refused_with_its_place(world: World, name: str) -> None:
    """Each bad name is told by its index; the good one beside it is not."""
    view = await world.buy("multi")
    answer = await world.call("POST", path(view), {"names": ["www.example.com", name], **DNS})
    faults = assert_problem(answer, 422, "invalid")["errors"]
    assert [fault["pointer"] for fault in faults] == ["/names/1"]


async def test_too_many_names_are_refused(world: World) -> None:
    """200 names do not fit a product for one, and 201 fit none."""
    view = await world.buy()
    names = [f"n{number}.example.com" for number in range(201)]
    answer = await world.call("POST", path(view), {"names": names[:200], **DNS})
    assert assert_problem(answer, 422, "invalid")["errors"][0]["code"] == "too_many_names"
    assert_problem(await world.call("POST", path(view), {"names": names, **DNS}), 422, "invalid")


async def test_200_names_fit_the_product_for_them(world: World) -> None:
    """The largest application is taken."""
    names = [f"n{number}.example.com" for number in range(200)]
    assert len((await world.apply("multi", *names))["names"]) == 200


async def test_a_wildcard_needs_dns(world: World) -> None:
    """A file proves nothing about the names under a star."""
    view = await world.buy("wildcard")
    form = {"names": ["*.example.com"], **DNS, "validation": "http-01"}
    found = assert_problem(await world.call("POST", path(view), form), 422, "invalid")
    assert found["errors"][0]["pointer"] == "/validation"
    ok(await world.call("POST", path(view), {**form, "validation": "dns-01"}))


async def test_an_internal_name_needs_its_suffix(world: World) -> None:
    """Names outside the public list are certified only under the configured suffixes."""
    ok(await world.call("POST", path(await world.buy()), {"names": ["www.lab.test"], **DNS}))
    answer = await world.call("POST", path(await world.buy()), {"names": ["www.other.test"], **DNS})
    assert_problem(answer, 422, "invalid")


@pytest.mark.parametrize("form", [{}, {"key": {"type": "ecdsa-p256"}, "csr": "x"}])
async def test_exactly_one_of_key_and_csr(world: World, form: dict[str, Any]) -> None:
    """Neither, or both, is a fault of /key."""
    view = await world.buy()
    body = {"names": ["www.example.com"], "validation": "dns-01", **form}
    answer = await world.call("POST", path(view), body)
    assert assert_problem(answer, 422, "invalid")["errors"][0]["code"] == "key_or_csr"


async def test_a_csr_brings_its_own_key(world: World) -> None:
    """The CSR is stored, its key type shown, and no key is asked for."""
    body = {"names": ["www.example.com"], "validation": "dns-01", "csr": csr("www.example.com")}
    view = ok(await world.call("POST", path(await world.buy()), body))
    row = await world.client.row(view["id"])
    assert row.application is not None
    assert (row.application.csr, row.application.key_type) == (True, KeyType.ECDSA_P256)
    async with world.storage.read() as tx:
        draft = await tx.drafts.get(row.application.id)
    assert draft is not None
    assert draft.csr_pem == body["csr"]


async def test_a_csr_must_hold_the_names(world: World) -> None:
    """A CSR for other names is refused with the difference."""
    body = {"names": ["www.example.com"], "validation": "dns-01", "csr": csr("www.example.com", "b.example.com")}
    answer = await world.call("POST", path(await world.buy()), body)
    fault = assert_problem(answer, 422, "invalid")["errors"][0]
    assert (fault["pointer"], fault["code"]) == ("/csr", "csr_names_differ")
    assert "b.example.com" in fault["detail"]


async def test_a_broken_csr_is_refused(world: World) -> None:
    """What is no CSR is told so."""
    body = {"names": ["www.example.com"], "validation": "dns-01", "csr": "-----BEGIN NONSENSE-----"}
    answer = await world.call("POST", path(await world.buy()), body)
    assert assert_problem(answer, 422, "invalid")["errors"][0]["pointer"] == "/csr"


async def test_ov_needs_organization_and_contact(world: World) -> None:
    """Both are named when they are missing, and kept in SQL when they are there."""
    view = await world.buy("ov")
    body = {"names": ["www.example.com"], **DNS}
    found = assert_problem(await world.call("POST", path(view), body), 422, "invalid")
    assert [fault["pointer"] for fault in found["errors"]] == ["/organization", "/contact"]
    ok(await world.call("POST", path(view), {**body, **REVIEWED}))


@pytest.mark.parametrize(("organization", "places"), [({}, ["/organization/locality"]), ({"state": "Berlin"}, [])])
async def test_what_the_organisation_lacks_is_told_by_field(
    world: World, organization: dict[str, str], places: list[str]
) -> None:
    """It is told before the application is open, since the issuer would refuse it."""
    view = await world.buy("ov")
    given = {"name": "Example GmbH", "country": "DE", **organization}
    body = {"names": ["www.example.com"], **DNS, "contact": CONTACT, "organization": given}
    answer = await world.call("POST", path(view), body)
    assert answer.status_code == (422 if places else 202)
    assert [fault["pointer"] for fault in answer.json().get("errors", ())] == places


async def test_a_form_is_printable(world: World) -> None:
    """An organisation with control characters is refused at its place."""
    view = await world.buy("ov")
    body = {"names": ["www.example.com"], **DNS, **REVIEWED, "organization": {"name": "a\tb", "country": "DE"}}
    assert (
        assert_problem(await world.call("POST", path(view), body), 422, "invalid")["errors"][0]["code"] == "unprintable"
    )


async def test_looking_now_is_limited(world: World) -> None:
    """A second request within ten seconds is told when to come back."""
    view = await world.proving()
    assert (await world.call("POST", path(view, "/check"))).status_code == 202
    world.clock.advance(seconds=4)
    soon = await world.call("POST", path(view, "/check"))
    assert_problem(soon, 429, "too_soon")
    assert soon.headers["retry-after"] == "6"
    world.clock.advance(seconds=6)
    assert (await world.call("POST", path(view, "/check"))).status_code == 202


async def test_a_withdrawn_order_is_paid_again(world: World) -> None:
    """Withdrawing gives the order back."""
    view = ok(await world.call("DELETE", path(await world.proving())))
    assert (view["status"], view["application"]["outcome"], view["application"]["state"]) == (
        "paid", "withdrawn", "closed",
    )  # fmt: skip


async def test_after_issuance_nothing_is_withdrawn(world: World) -> None:
    """An issued certificate cannot be taken back, only revoked."""
    found = assert_problem(await world.call("DELETE", path(await world.issued())), 409, "illegal_state")
    assert found["current"] == "issued"
    assert "revoke" in found["allowed_actions"]


async def test_while_issuing_it_is_too_late_to_withdraw(world: World) -> None:
    """From the first call that may sign, there is no way back."""
    view = await world.proving()
    await world.client.prove(view["id"])
    assert_problem(await world.call("DELETE", path(view)), 409, "illegal_state")


async def test_viewers_apply_for_nothing(world: World) -> None:
    """A viewer's key reads."""
    view = await world.buy()
    answer = await world.call("POST", path(view), {"names": ["www.example.com"], **DNS}, who="viewer")
    assert_problem(answer, 403, "forbidden")


async def test_operators_see_what_waits_and_decide(world: World) -> None:
    """A review shows the form, takes a decision with a note, and then waits no more."""
    view = await world.proving("ov", "www.example.com", **REVIEWED)
    waiting = (await world.get("/v1/reviews", who="operator"))["items"]
    assert [item["certificate_id"] for item in waiting] == [view["id"]]
    assert waiting[0]["organization"]["name"] == "Example GmbH"
    decision = {"application_id": view["application"]["id"], "decision": "approve", "note": "Register checked.\n"}
    ok(await world.call("POST", f"/v1/certificates/{view['id']}/review", decision, who="operator"))
    assert (await world.get("/v1/reviews", who="operator"))["items"] == []
    again = await world.call("POST", f"/v1/certificates/{view['id']}/review", decision, who="operator")
    assert_problem(again, 409, "illegal_state")


async def test_a_rejected_application_closes(world: World) -> None:
    """A rejection leaves the order paid."""
    view = await world.proving("ov", "www.example.com", **REVIEWED)
    decision = {"application_id": view["application"]["id"], "decision": "reject", "note": "No such company."}
    closed = ok(await world.call("POST", f"/v1/certificates/{view['id']}/review", decision, who="operator"))
    assert (closed["status"], closed["application"]["outcome"]) == ("paid", "refused")


async def test_only_operators_review(world: World) -> None:
    """A customer neither decides nor sees what waits."""
    view = await world.proving("ov", "www.example.com", **REVIEWED)
    decision = {"application_id": view["application"]["id"], "decision": "approve", "note": "Please."}
    assert_problem(await world.call("POST", f"/v1/certificates/{view['id']}/review", decision), 403, "forbidden")
    assert_problem(await world.call("GET", "/v1/reviews"), 403, "forbidden")


async def test_another_application_is_not_decided(world: World) -> None:
    """A decision names the application it was made about."""
    view = await world.proving("ov", "www.example.com", **REVIEWED)
    decision = {"application_id": "appl_other", "decision": "approve", "note": "?"}
    answer = await world.call("POST", f"/v1/certificates/{view['id']}/review", decision, who="operator")
    assert_problem(answer, 404, "not_found")


async def test_a_lost_answer_to_an_application_finds_it_again(world: World) -> None:
    """The same key after a lost answer shows the application that was made, not a refusal."""
    view = await world.buy()
    body = {"names": ["www.example.com"], **DNS}
    world.client.lost_answers = True
    first = await world.call("POST", path(view), body, idempotency_key="k")
    world.client.lost_answers = False
    second = await world.call("POST", path(view), body, idempotency_key="k")
    assert (assert_problem(first, 503, "outcome_unknown")["outcome"], second.status_code) == ("unknown", 202)
    kept = (await world.get(f"/v1/certificates/{view['id']}"))["application"]
    assert kept["id"] == second.json()["application"]["id"]
