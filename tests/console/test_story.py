"""What is long on a certificate's page has pages of its own; chain, workflow and reasons are told."""

import re

import pytest
from cryptography.hazmat.primitives.hashes import SHA256

from api.console import story
from api.console.words import RENEWALS
from api.schemas.certificate import RenewalReason
from tests.api.places import add, deploy
from tests.api.world import World, fresh, ok
from tests.console.conftest import Meet
from tests.console.test_certificate import at
from tests.console.visitor import text_of
from tests.keys.authority import leaf, lower


async def test_a_long_timeline_has_pages(meet: Meet, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Older entries are one step away, each shown once, and back again."""
    monkeypatch.setattr(story, "EVENTS", 3)
    view = await world.issued()
    visitor = await meet()
    page, seen = await visitor.get(at(view)), []
    for _ in range(9):
        seen += re.findall(r'<p class="when"><time.*?</p>\s*<p>(.*?)</p>', page.text)
        older = re.search(r'href="([^"]+)" rel="next" aria-label="Older entries"', page.text)
        page = await visitor.get(older[1]) if older else page
    assert len(dict.fromkeys(seen)) == len((await world.get(f"/v1/certificates/{view['id']}/events"))["items"])
    assert f'href="{at(view)}#timeline" aria-label="Newest entries"' in page.text


async def test_many_deployments_have_pages(meet: Meet, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Older ones are one step away."""
    monkeypatch.setattr(story, "DEPLOYMENTS", 1)
    view = await world.issued()
    for number in range(2):
        world.clock.advance(seconds=1)
        await deploy(world, view, await add(world, name=f"Edge {number}"))
    visitor = await meet()
    page = await visitor.get(at(view))
    assert '">Edge 1</a></h3>' in page.text
    assert '">Edge 0</a></h3>' not in page.text
    older = re.search(r'href="([^"]+)" rel="next" aria-label="Older deployments"', page.text)
    assert older
    page = await visitor.get(older[1])
    assert '">Edge 0</a></h3>' in page.text
    assert '">Edge 1</a></h3>' not in page.text


async def test_many_targets_can_all_be_chosen(meet: Meet, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The form shows so many at once and leads to the rest; all that are named keep their names."""
    monkeypatch.setattr(story, "TARGETS", 1)
    view = await world.issued()
    first = await add(world, name="Edge one")
    await deploy(world, view, first)
    world.clock.advance(seconds=1)
    await add(world, name="Edge two")
    visitor = await meet()
    page = await visitor.get(f"{at(view)}?do=deploy")
    assert "<strong>Edge two</strong>" in page.text
    assert "<strong>Edge one</strong>" not in page.text
    assert "is being put on the target Edge one" in text_of(page)
    older = re.search(r'href="([^"]+)">Older targets', page.text)
    assert older
    page = await visitor.get(older[1].replace("&amp;", "&"))
    assert "<strong>Edge one</strong>" in page.text


async def test_a_bad_cursor_of_a_part_is_told(meet: Meet, world: World) -> None:
    """It is none that the page handed out."""
    view = await world.issued()
    visitor = await meet()
    for part in ("events", "deployments", "targets"):
        assert (await visitor.get(f"{at(view)}?{part}=nonsense")).status_code == 422


async def test_the_chain_is_told(meet: Meet, world: World) -> None:
    """Who signed it, until when, and the fingerprint as OpenSSL writes it."""
    between = lower()
    body = {"label": "old", "certificate": leaf().pem, "chain": between.pem, "private_key": leaf().key_pem}
    view = ok(await world.call("POST", "/v1/uploads", body, idempotency_key=fresh()))
    page = await (await meet()).get(at(view))
    assert "Chain: 1 certificate above it" in text_of(page)
    assert between.certificate.subject.rfc4514_string() in text_of(page)
    assert between.certificate.fingerprint(SHA256()).hex(":").upper() in page.text.replace("<wbr>", "")


async def test_operators_are_led_to_the_workflow(meet: Meet, world: World) -> None:
    """Customers see no link to it."""
    view = await world.issued()
    assert "https://temporal.test/namespaces/" in (await (await meet("operator")).get(at(view))).text
    assert "temporal.test" not in (await (await meet()).get(at(view))).text


@pytest.mark.parametrize("why", RenewalReason)
def test_every_reason_for_a_renewal_has_words(why: RenewalReason) -> None:
    """A new one must not be forgotten."""
    assert RENEWALS[why].endswith(".")
