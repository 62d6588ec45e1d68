"""New credentials for a target, in the console."""

import pytest

from tests.api.places import ACCESS, SECRET, add
from tests.api.test_target_credentials import NEWER, secrets_of
from tests.api.world import World
from tests.console.conftest import Meet
from tests.console.visitor import text_of

TYPED = {f"credentials.{name}": value for name, value in NEWER.items()}


async def test_they_are_replaced(meet: Meet, world: World) -> None:
    """From the target's page and back to it; no secret is on any page."""
    target = await add(world, "alibaba_cdn")
    visitor, path = await meet(), f"/targets/{target['id']}/credentials"
    assert path in (await visitor.get(f"/targets/{target['id']}")).text
    page = await visitor.get(path)
    assert SECRET not in page.text
    page = await visitor.send(path, **TYPED)
    assert "The credentials are changed" in text_of(page)
    assert NEWER["access_key_secret"] not in page.text
    assert await secrets_of(world, target) == NEWER


async def test_what_is_wrong_stands_at_its_field(meet: Meet, world: World) -> None:
    """Nothing of it comes back, and the old ones stay."""
    target = await add(world, "alibaba_cdn")
    visitor, path = await meet(), f"/targets/{target['id']}/credentials"
    await visitor.get(path)
    page = await visitor.send(path, **{**TYPED, "credentials.access_key_id": "a b"})
    assert page.status_code == 422
    assert 'id="fault-credentials.access_key_id"' in page.text
    assert NEWER["access_key_secret"] not in page.text
    assert await secrets_of(world, target) == ACCESS


@pytest.mark.parametrize(("who", "status"), [("viewer", 403), ("stranger", 404)])
async def test_only_its_owner_changes_them(meet: Meet, world: World, who: str, status: int) -> None:
    """Others do not even see the form."""
    target = await add(world, "alibaba_cdn")
    assert (await (await meet(who)).get(f"/targets/{target['id']}/credentials")).status_code == status


async def test_a_target_that_needs_none_has_no_form(meet: Meet, world: World) -> None:
    """Its page offers nothing, and the form's address leads back to it."""
    target = await add(world)
    visitor = await meet()
    assert "/credentials" not in (await visitor.get(f"/targets/{target['id']}")).text
    assert "Change the credentials" not in text_of(await visitor.get(f"/targets/{target['id']}/credentials"))
