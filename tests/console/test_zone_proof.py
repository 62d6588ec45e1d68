"""Which way each proof goes, on the certificate's page: by us in a zone, behind an alias, or by hand."""

import re
from datetime import timedelta

import pytest

from certloom.domain import fact as f
from certloom.domain.application import Challenge, ValidationMethod
from certloom.domain.step import StepKind
from certloom.domain.zone import DELEGATED
from certloom.storage.records import LookRecord, PublishedRecord
from tests.api.test_zones import add as add_zone
from tests.api.world import DELEGATION, JSON, World
from tests.console.conftest import Meet
from tests.console.test_certificate import at
from tests.console.visitor import text_of
from tests.lives import NOW

RECORD = "_acme-challenge.example.com"
SCRIPT = "<script>alert(1)</script>"


def challenge(name: str, value: str) -> Challenge:
    base = name.removeprefix("*.")
    return Challenge(
        name=name,
        type=ValidationMethod.DNS_01,
        token=value,
        record_name=f"_acme-challenge.{base}",
        record_value=value,
    )


async def ordered(world: World, *names: str) -> JSON:
    """Open an application at a CA from outside, with one challenge per name."""
    view = await world.apply("multi", *(name for name in names if not name.startswith("*")))
    challenges = tuple(challenge(name, f"value-{number}") for number, name in enumerate(names))
    await world.client.happen(view["id"], f.Prepared(at=NOW, order_ref="order_1", challenges=challenges))
    return view


async def led(world: World) -> JSON:
    """Open one whose proofs go every way there is but one: published, not everywhere yet, and by hand twice."""
    zone = await add_zone(world)
    view = await ordered(world, "example.com", "*.example.com", "example.org", "*.example.org", "www.example.org")
    await published(world, view, "value-0", how=zone["id"])
    error = f"The proof is published at {RECORD}; these name servers do not have it yet: ns2.example.net."
    await looked(world, view, "example.com", "value-0", seen="on 1 of 2 name servers", error=error)
    return view


async def delayed(world: World, *, limit: bool = True) -> JSON:
    """Open one whose order waits."""
    view = await world.apply()
    why = f"letsencrypt allows 5 certificates for exactly these names (www.example.com{SCRIPT}) in 7 days."
    until = NOW + timedelta(hours=5)
    fact = f.Delayed(at=NOW, step=StepKind.PREPARE, why=why, until=until, limit=limit)
    await world.client.happen(view["id"], fact)
    return view


async def published(world: World, view: JSON, value: str, *, how: str, presented: bool = True) -> None:
    row = PublishedRecord(
        certificate_id=view["id"], attempt=1, how=how, record_name=RECORD, value=value, place=RECORD, created_at=NOW
    )
    async with world.storage.begin() as tx:
        await tx.published.want([row])
        if presented:
            await tx.published.presented([row], NOW)


async def looked(world: World, view: JSON, name: str, token: str, *, seen: str | None, error: str) -> None:
    look = LookRecord(
        certificate_id=view["id"], name=name, type="dns-01", token=token, at=NOW, proven=False, seen=seen, error=error
    )
    async with world.storage.begin() as tx:
        await tx.looks.put([look])


async def test_by_hand_is_told(meet: Meet, world: World) -> None:
    """The record stands open, with the ways that would need nobody."""
    view = await ordered(world, "example.com")
    page = await (await meet()).get(at(view))
    text = text_of(page)
    for words in (RECORD, "value-0", "published by you", "Add each TXT record", "DNS zones"):
        assert words in text
    assert f'{at(view)}/delegate"' in page.text


async def test_a_zone_of_ours_leaves_nothing_to_do(meet: Meet, world: World) -> None:
    """Whoever's zone is known reads that, since when it is published, and which name servers have it."""
    zone = await add_zone(world)
    view = await ordered(world, "example.com")
    visitor = await meet()
    text = text_of(await visitor.get(at(view)))
    assert "Nothing for you to do. We publish the proof" in text
    assert "Nothing for you to do. We publish the proof" in text_of(await visitor.get("/certificates"))
    assert "We publish it in your zone example.com" in text
    assert "It is not published yet." in text
    assert "CNAME" not in text
    await published(world, view, "value-0", how=zone["id"])
    error = f"The proof is published at {RECORD}; these name servers do not have it yet: ns2.example.net."
    await looked(world, view, "example.com", "value-0", seen="on 1 of 2 name servers", error=error)
    page = await visitor.get(at(view))
    for words in ("Published there since 2026-11-23 12:00 UTC", "on 1 of 2 name servers", "ns2.example.net"):
        assert words in text_of(page)
    assert f'href="/zones/{zone["id"]}"' in page.text


async def test_what_keeps_us_from_publishing_is_told_as_text(meet: Meet, world: World) -> None:
    """The server's own words hold no markup; the zone can be tried, and the record is there to publish."""
    zone = await add_zone(world)
    view = await ordered(world, "example.com")
    await looked(world, view, "example.com", "value-0", seen=SCRIPT, error=f"The key is refused: {SCRIPT}.")
    page = await (await meet()).get(at(view))
    text = text_of(page)
    assert "The key is refused" in text
    assert "try the zone" in text
    assert "value-0" in text
    assert "<script>alert" not in page.text
    assert f'href="/zones/{zone["id"]}">try' in page.text


async def test_a_manual_zone_is_the_customers(meet: Meet, world: World) -> None:
    """Neither do we write it, nor is an alias offered that would not be followed."""
    await add_zone(world, zone="example.com")
    await add_zone(world, "manual", zone="shop.example.com")
    view = await ordered(world, "example.com", "www.shop.example.com")
    page = await (await meet()).get(at(view))
    assert "Add the TXT records that are left to you" in text_of(page)
    assert "published by us" in text_of(page)
    assert "published by you" in text_of(page)
    assert "/delegate" not in page.text


async def test_a_label_is_drawn_only_when_asked_for(meet: Meet, world: World) -> None:
    """Looking at the page draws none; the button draws one per name, and shows where each CNAME leads."""
    view = await ordered(world, "example.com", "www.example.com")
    visitor = await meet()
    await visitor.get(at(view))
    async with world.storage.read() as tx:
        assert await tx.delegations.count(view["account_id"]) == 0
    page = await visitor.send(at(view, "delegate"))
    aliases = re.findall(rf">([a-z2-7]{{26}}\.{re.escape(DELEGATION)}\.)</code>", page.text)
    assert len(set(aliases)) == 2
    assert "Publish each CNAME below" in text_of(page)
    assert "/delegate" not in page.text
    expected = (await world.get("/v1/delegations?name=example.com"))["record"]["value"]
    assert expected in aliases


async def test_an_alias_that_leads_to_us_leaves_nothing_to_do(meet: Meet, world: World) -> None:
    """Once it was followed, the page says so instead of asking for records."""
    view = await ordered(world, "example.com")
    await world.get("/v1/delegations?name=example.com")
    visitor = await meet()
    assert "Or once for all: a CNAME" in text_of(await visitor.get(at(view)))
    await published(world, view, "value-0", how=DELEGATED, presented=False)
    assert "published by you" in text_of(await visitor.get(at(view)))
    await published(world, view, "value-0", how=DELEGATED)
    text = text_of(await visitor.get(at(view)))
    assert "Your CNAME leads it to us" in text
    assert "Or once for all" not in text


@pytest.mark.parametrize("who", ["viewer", "operator"])
async def test_only_a_member_draws_a_label(meet: Meet, world: World, who: str) -> None:
    """Others see which way it goes, without the button."""
    view = await ordered(world, "example.com")
    page = await (await meet(who)).get(at(view))
    assert "published by you" in text_of(page)
    assert "/delegate" not in page.text


async def test_two_proofs_of_one_record_stand_beside_each_other(meet: Meet, world: World) -> None:
    """A wildcard and the name under it share a record name: both values are shown, each with its own look."""
    view = await ordered(world, "example.com", "*.example.com")
    await looked(world, view, "*.example.com", "value-1", seen="something", error="It lacks the second value.")
    visitor = await meet()
    page = await visitor.get(at(view))
    text = text_of(page)
    for words in ("value-0", "value-1", "*.example.com", "Publish both values beside each other"):
        assert words in text
    assert text.count("It lacks the second value.") == 1
    marks = re.findall(r'\sid="([^"]+)"', page.text)
    assert len(marks) == len(set(marks))
    page = await visitor.send(at(view, "delegate"))
    assert text_of(page).count("Or once for all: a CNAME") == 1


async def test_without_a_zone_of_the_service_no_alias_is_offered(meet: Meet, world: World) -> None:
    """Nobody is led to what there is not."""
    object.__setattr__(world.services, "delegation_zone", None)
    view = await ordered(world, "example.com")
    page = await (await meet()).get(at(view))
    assert "/delegate" not in page.text
    assert "CNAME" not in text_of(page)


async def test_an_open_page_learns_that_it_was_published(meet: Meet, world: World) -> None:
    """Its tag changes, although the certificate's version does not."""
    zone = await add_zone(world)
    view = await ordered(world, "example.com")
    visitor = await meet()
    tag = (await visitor.get(at(view))).headers["etag"]
    assert (await visitor.get(at(view), if_none_match=tag)).status_code == 304
    await published(world, view, "value-0", how=zone["id"])
    assert (await visitor.get(at(view), if_none_match=tag)).status_code == 200


@pytest.mark.parametrize(("limit", "words"), [(True, "waits for room in the issuer's limits"), (False, "tried again")])
async def test_why_a_step_waits_is_told(meet: Meet, world: World, limit: bool, words: str) -> None:  # noqa: FBT001 - a parameter
    """On the page, on the card and in the list: until when, and the issuer's own reason as text."""
    view = await delayed(world, limit=limit)
    visitor = await meet()
    for path in (at(view), "/certificates?layout=cards", "/certificates?layout=list"):
        page = await visitor.get(path)
        text = text_of(page)
        assert words in text, path
        assert "2026-11-23 17:00 UTC" in text, path
        assert "letsencrypt allows 5 certificates for exactly these names" in text, path
        assert "<script>alert" not in page.text


async def test_a_deadline_before_the_next_try_is_told(meet: Meet, world: World) -> None:
    """Nobody is promised a try that the end of the application will not let happen."""
    view = await world.proving()
    deadline = view["application"]["deadline"]
    until = NOW + timedelta(days=90)
    await world.client.happen(view["id"], f.Delayed(at=NOW, step=StepKind.LOOK, why="It is away.", until=until))
    text = text_of(await (await meet()).get(at(view)))
    assert f"comes before that, on {deadline[:10]}" in text


async def test_who_buys_from_a_ca_elsewhere_is_told_about_renewals(meet: Meet, world: World) -> None:
    """The form to apply leads to DNS zones; that of the private CA need not."""
    private = await world.buy()
    items = tuple(
        one.model_copy(update={"issuer": "elsewhere"}) if one.id == "multi" else one
        for one in world.services.catalogue.items
    )
    object.__setattr__(world.services, "catalogue", world.services.catalogue.model_copy(update={"items": items}))
    outside = await world.buy("multi")
    visitor = await meet()
    sentence = "may want a new proof for every renewal"
    assert sentence in text_of(await visitor.get(at(outside)))
    assert sentence not in text_of(await visitor.get(at(private)))


async def test_a_proof_of_this_account_is_explained(meet: Meet, world: World) -> None:
    """Where another account wants the name, too, there is a second record of the same name, with its reason."""
    view = await world.apply()
    own = challenge("www.example.com", "value-1").model_copy(update={"own": True})
    both = (challenge("www.example.com", "value-0"), own)
    await world.client.happen(view["id"], f.Prepared(at=NOW, order_ref="order_1", challenges=both))
    text = text_of(await (await meet()).get(at(view)))
    assert text.count("Another account here has ordered this name") == 1
    assert "Publish both values beside each other" in text


async def test_a_renewal_that_needs_the_proof_again_asks_for_it(meet: Meet, world: World) -> None:
    """On the page of a certificate in force the record stands until it was found; the card says whose turn it is."""
    view = await world.issued("single", "www.example.com")
    visitor = await meet()
    assert "Nothing for you to do. We look for the proof again" in text_of(await visitor.get("/certificates"))
    assert "_certloom-challenge.www.example.com" not in text_of(await visitor.get(at(view)))
    await world.client.happen(view["id"], f.ProofWanted(at=NOW, renewal_at=NOW))
    text = text_of(await visitor.get(at(view)))
    for words in ("_certloom-challenge.www.example.com", "needs the proof again", "Nothing was found yet."):
        assert words in text
    assert "The application closes" not in text
    assert "Publish the proof again: the renewal on" in text_of(await visitor.get("/certificates"))
    await world.client.happen(view["id"], f.ProofRefreshed(at=NOW))
    assert "Nothing for you to do." in text_of(await visitor.get(at(view)))


async def test_the_card_of_what_an_alias_leads_to_us_asks_for_nothing(meet: Meet, world: World) -> None:
    """Once it was followed, the list knows it as the page does."""
    view = await ordered(world, "example.com")
    visitor = await meet()
    assert "Publish the proof; we look for it" in text_of(await visitor.get("/certificates"))
    await published(world, view, "value-0", how=DELEGATED)
    assert "Nothing for you to do. We publish the proof" in text_of(await visitor.get("/certificates"))
