"""Another key or server for a DNS zone, in the console."""

import re

import pytest

from tests.api.test_zone_change import OTHER_SECRET, secrets_of
from tests.api.test_zones import FORMS, SECRET, add
from tests.api.world import World
from tests.console.conftest import Meet
from tests.console.visitor import text_of


async def test_a_zone_gets_another_key(meet: Meet, world: World) -> None:
    """The form shows what is set now but no secret; afterwards the zone says so, and the old secret is gone."""
    zone = await add(world)
    visitor, path = await meet(), f"/zones/{zone['id']}/change"
    assert path in (await visitor.get(f"/zones/{zone['id']}")).text
    page = await visitor.get(path)
    assert 'value="ns1.example.net"' in page.text
    assert SECRET not in page.text
    typed = {**visitor.forms[path], "settings.server": "ns2.example.net", "settings.key_name": "newer"}
    page = await visitor.send(path, **typed, **{"credentials.secret": OTHER_SECRET})
    assert "the old credentials are destroyed here" in text_of(page)
    changed = await world.get(zone["links"]["self"])
    assert (changed["settings"]["server"], changed["settings"]["key_name"]) == ("ns2.example.net", "newer")
    assert (await secrets_of(world, zone))["secret"] == OTHER_SECRET


async def test_a_vendors_key_is_changed(meet: Meet, world: World) -> None:
    """The vendor stays."""
    zone = await add(world, "lexicon")
    visitor, path = await meet(), f"/zones/{zone['id']}/change"
    assert "Cloudflare" in text_of(await visitor.get(path))
    await visitor.send(path, **{"credentials.auth_token": "newer"})
    assert (await world.get(zone["links"]["self"]))["settings"] == FORMS["lexicon"]["settings"]
    assert (await secrets_of(world, zone))["options"] == {"auth_token": "newer"}


async def test_a_refusal_keeps_all_but_secrets(meet: Meet, world: World) -> None:
    """Each fault stands at its field, and nothing is changed."""
    zone = await add(world)
    visitor, path = await meet(), f"/zones/{zone['id']}/change"
    await visitor.get(path)
    typed = {"settings.server": "a b", "settings.key_name": "newer", "credentials.secret": OTHER_SECRET}
    page = await visitor.send(path, **typed)
    assert page.status_code == 422
    assert set(re.findall(r'id="fault-([\w.]+?)(?:-\d+)?"', page.text)) == {"settings.server"}
    assert 'value="newer"' in page.text
    assert OTHER_SECRET not in page.text
    assert await world.get(zone["links"]["self"]) == zone
    assert (await secrets_of(world, zone))["secret"] == SECRET


@pytest.mark.parametrize(("who", "status"), [("viewer", 403), ("stranger", 404)])
async def test_only_its_owner_changes_it(meet: Meet, world: World, who: str, status: int) -> None:
    """Others do not even see the form."""
    zone = await add(world)
    assert (await (await meet(who)).get(f"/zones/{zone['id']}/change")).status_code == status


async def test_a_manual_zone_has_nothing_to_change(meet: Meet, world: World) -> None:
    """Its page offers nothing, and the form's address leads back to it."""
    zone = await add(world, "manual")
    visitor = await meet()
    assert "/change" not in (await visitor.get(f"/zones/{zone['id']}")).text
    assert "published by us" not in text_of(await visitor.get(f"/zones/{zone['id']}/change"))
