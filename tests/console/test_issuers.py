"""Issuers: who signs what is sold, and how the private CA's authorities and CRLs stand."""

import re
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from api.app import create_app
from certloom.domain.budget import Limit, Limits, LimitScope, Urgency
from certloom.domain.budget_queue import Wish
from certloom.domain.product import Catalogue
from tests.api.world import CATALOGUE, HOST, World
from tests.console.conftest import Meet
from tests.console.operating import authorities
from tests.console.visitor import Visitor, text_of
from tests.lives import NOW

SCRIPT = '"><script>alert(1)</script>'


async def test_the_private_ca_tells_how_it_stands(meet: Meet, world: World) -> None:
    """What it is sold as, what it issued, that it has no limits, and each authority's validity and CRL."""
    authorities(world)
    await world.issued()
    text = text_of(await (await meet("operator")).get("/issuers"))
    assert "Private CA of this service" in text
    assert "single (DV)" in text
    assert "Issued in the last 30 days 1" in text
    assert "Limits No limits" in text
    assert "CN=Certloom ecdsa,O=Example,C=DE" in text
    assert "from 2026-08-15 to 2035-02-09 (in 3000 days)" in text
    assert "Number 1 signed 3 hours ago" in text


async def test_a_crl_that_is_over_stands_out(meet: Meet, world: World) -> None:
    """Nobody believes it any more."""
    authorities(world)
    page = await (await meet("operator")).get("/issuers")
    assert page.text.count(">Over</span>") == 1
    assert "Over Number 3, signed 9 days ago" in text_of(page)


async def test_without_a_ca_it_says_so(meet: Meet) -> None:
    """An empty table would leave somebody guessing."""
    assert "The CA does not exist yet" in text_of(await (await meet("operator")).get("/issuers"))


async def test_another_issuer_has_no_authorities_here(world: World) -> None:
    """It is told apart from our own CA, and that none of its limits is used."""
    authorities(world)
    other = CATALOGUE.items[0].model_copy(update={"id": "public", "title": "Public", "issuer": "elsewhere"})
    services = replace(world.services, catalogue=Catalogue(items=(CATALOGUE.items[1], other)))
    transport = httpx.ASGITransport(create_app(services))
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as http:
        visitor = Visitor(http)
        await visitor.sign_in(world.tokens["operator"])
        page = await visitor.get("/issuers")
    _, public, private = re.split(r"<section ", page.text)
    assert "No limits" in private
    assert "elsewhere" in public
    assert "CA elsewhere" in public
    assert "None configured, or none used yet" in public
    assert "CRL" not in public


@pytest.mark.parametrize("who", ["member", "viewer"])
async def test_customers_do_not_see_issuers(meet: Meet, who: str) -> None:
    """The page is refused, and the navigation does not name it."""
    visitor = await meet(who)
    assert "/issuers" not in (await visitor.get("/certificates")).text
    assert (await visitor.get("/issuers")).status_code == 403


async def test_what_a_catalogue_says_is_shown_as_text(world: World) -> None:
    """A product's title and an authority's subject hold no markup."""
    authorities(world)
    world.files.shown[0] = world.files.shown[0].model_copy(update={"subject": SCRIPT})
    bad = CATALOGUE.items[0].model_copy(update={"title": SCRIPT, "issuer": SCRIPT})
    services = replace(world.services, catalogue=Catalogue(items=(bad, CATALOGUE.items[1])))
    transport = httpx.ASGITransport(create_app(services))
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as http:
        visitor = Visitor(http)
        await visitor.sign_in(world.tokens["operator"])
        page = await visitor.get("/issuers")
    assert "<script>alert" not in page.text
    assert text_of(page).count("alert(1)") == 3


async def test_what_is_left_and_who_waits(meet: Meet, world: World) -> None:
    """A used-up limit is told with the time of the next order, and who waits for it, as text whatever it says."""
    limits = Limits(items=(Limit(scope=LimitScope.DOMAIN, count=1, period=timedelta(days=7)),))
    async with world.services.storage.begin() as tx:
        for number in (1, 2):
            wish = Wish(key=f"cert_{number}/order/1", names=("www.example.com",), urgency=Urgency.NEW)
            await tx.budget.reserve(wish, issuer="private", limits=limits, now=NOW)
    page = await (await meet("operator")).get("/issuers")
    text = text_of(page)
    assert "1 certificates a domain in 168 hours" in text
    assert "example.com 1 none" in text
    assert "1 waiting" in text
    assert 'href="/certificates/cert_2"' in page.text
