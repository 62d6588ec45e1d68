"""The account's and the targets' pages: what they tell, and their forms."""

import re

import pytest

from certloom.domain.look import Finding, Tried
from tests.api.places import add, deploy, look, served
from tests.api.world import World
from tests.console.conftest import Meet
from tests.console.visitor import text_of


async def test_the_account_tells_its_money_and_keys(meet: Meet, world: World) -> None:
    """Balance, statement and keys, without anybody else's."""
    await world.buy()
    visitor = await meet()
    text = text_of(await visitor.get("/account"))
    assert "Balance 9991.00 EUR" in text
    assert "\N{MINUS SIGN}9.00 EUR" in text
    assert "keymember" in text
    assert "this session" in text
    assert "keystranger" not in text
    assert "keyoperator" in text_of(await (await meet("operator")).get("/account"))


async def test_targets_tell_what_is_there(meet: Meet, world: World) -> None:
    """Each with its endpoints and the certificate that is deployed."""
    certificate, target, _ = await served(world, target=await add(world, "nginx_ssh"))
    page = await (await meet()).get("/targets")
    assert target["name"] in text_of(page)
    assert "www.example.com:443" in text_of(page)
    assert f"/certificates/{certificate['id']}" in page.text
    assert target["name"] not in text_of(await (await meet("stranger")).get("/targets"))


async def test_a_new_key_is_shown_once(meet: Meet, world: World) -> None:
    """It works; the same form again makes no other and shows nothing."""
    visitor = await meet()
    await visitor.get("/account")
    body = {**visitor.forms["/account/keys"], "label": "robot", "role": "viewer", "days": "30"}
    page = await visitor.http.post("/account/keys", data=body)
    secret = re.search(r"clm_key\w+_[\w-]{43}", page.text)
    assert secret is not None
    answer = await world.http.get("/v1/account", headers={"Authorization": f"Bearer {secret[0]}"})
    assert answer.status_code == 200
    again = await visitor.http.post("/account/keys", data=body)
    assert again.status_code == 200
    assert secret[0] not in again.text
    assert "This form was sent before" in text_of(again)
    made = [one for one in (await world.get("/v1/account/keys"))["items"] if one["label"] == "robot"]
    assert len(made) == 1


@pytest.mark.parametrize("form", [{"days": "soon"}, {"days": "0"}, {"label": ""}, {"role": "operator"}])
async def test_a_bad_key_is_told(meet: Meet, world: World, form: dict[str, str]) -> None:
    """Nothing is made, and what was typed is still there."""
    visitor = await meet()
    await visitor.get("/account")
    page = await visitor.send("/account/keys", **{"label": "robot", "role": "viewer", "days": "", **form})
    assert page.status_code == 422
    assert 'role="alert"' in page.text
    assert len((await world.get("/v1/account/keys"))["items"]) == 2


async def test_a_key_is_revoked(meet: Meet, world: World) -> None:
    """Another account's key does not exist; one's own ends at once, and with it the session that it opened."""
    visitor = await meet()
    await visitor.get("/account")
    token = visitor.forms["/session/end"]["csrf"]
    foreign = await visitor.http.post("/account/keys/keystranger/revoke", data={"csrf": token})
    assert foreign.status_code == 404
    await visitor.get("/account")
    assert "The key is revoked" in text_of(await visitor.send("/account/keys/keyviewer/revoke"))
    assert (await visitor.send("/account/keys/keymember/revoke")).status_code == 401


async def test_a_target_is_tried(meet: Meet, world: World) -> None:
    """What was found is told on its card."""
    target = await add(world, "nginx_ssh")
    world.client.tried = Tried(
        findings=(Finding(what="address", works=False, detail="Nobody <answers> there."),), looks=(look(None),)
    )
    visitor = await meet()
    await visitor.get("/targets")
    page = await visitor.send(f"/targets/{target['id']}/test")
    assert "It does not work yet" in text_of(page)
    assert "Nobody &lt;answers&gt; there." in page.text


async def test_a_target_is_forgotten(meet: Meet, world: World) -> None:
    """While a deployment is under way the page says so instead."""
    view, target = await world.issued(), await add(world, "nginx_ssh")
    other = await add(world, "alibaba_cdn", name="another one")
    await deploy(world, view, target)
    visitor = await meet()
    await visitor.get("/targets")
    busy = await visitor.send(f"/targets/{target['id']}/delete")
    assert busy.status_code == 409
    assert "is under way; wait for its end" in text_of(busy)
    page = await visitor.send(f"/targets/{other['id']}/delete")
    assert "The target is forgotten" in text_of(page)
    assert "another one" not in text_of(page)
