"""The account's page: what it tells, and its forms."""

import re

import pytest

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
