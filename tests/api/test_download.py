"""Bundles for web servers."""

import io
import zipfile

import pytest

from tests.api.csrs import csr
from tests.api.world import World, assert_problem


def path(view: dict[str, str]) -> str:
    return f"/v1/certificates/{view['id']}/download"


async def test_a_bundle_holds_leaf_chain_and_key(world: World) -> None:
    """nginx gets its two files; nothing on the way keeps them."""
    answer = await world.call("POST", path(await world.issued()), {"format": "nginx"})
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-disposition"] == 'attachment; filename="www.example.com_nginx.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as bundle:
        assert {"www.example.com.pem", "www.example.com.key"} <= set(bundle.namelist())
        assert b"PRIVATE KEY" in bundle.read("www.example.com.key")


async def test_a_wildcard_has_a_safe_file_name(world: World) -> None:
    """The star becomes an underscore."""
    answer = await world.call("POST", path(await world.issued("wildcard", "*.example.com")), {"format": "haproxy"})
    assert answer.headers["content-disposition"] == 'attachment; filename="_.example.com_haproxy.zip"'


async def test_every_download_is_written_down(world: World) -> None:
    """Who fetched which key, and when."""
    view = await world.issued()
    added = []
    async with world.storage.begin() as tx:
        kind = type(tx.audit)
    original = kind.add

    async def add(self: object, **line: object) -> None:
        added.append(line)
        await original(self, **line)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kind, "add", add)
        await world.call("POST", path(view), {"format": "pem"})
    assert [(line["actor"], line["action"]) for line in added] == [("keymember", "key.download")]
    assert added[0]["subject"] == f"{view['id']}/issuance/1 as pem"


async def test_a_password_is_for_keystores(world: World) -> None:
    """A given password locks a keystore; where nothing is locked by it, it is refused."""
    view = await world.issued()
    answer = await world.call("POST", path(view), {"format": "tomcat", "password": "correct horse battery"})
    assert answer.status_code == 200
    with zipfile.ZipFile(io.BytesIO(answer.content)) as bundle:
        assert not [name for name in bundle.namelist() if "password" in name]
    assert_problem(await world.call("POST", path(view), {"format": "nginx", "password": "secret"}), 422, "invalid")


async def test_with_a_csr_there_is_no_key_to_fetch(world: World) -> None:
    """The bundle holds certificates, and a format that needs the key is refused."""
    view = await world.issued("single", "www.example.com", key=None, csr=csr("www.example.com"))
    plain = await world.call("POST", path(view), {"format": "nginx"})
    assert plain.status_code == 200
    with zipfile.ZipFile(io.BytesIO(plain.content)) as bundle:
        assert not [name for name in bundle.namelist() if name.endswith(".key")]
    assert_problem(await world.call("POST", path(view), {"format": "iis"}), 422, "invalid")


async def test_before_issuance_there_is_nothing_to_download(world: World) -> None:
    """The refusal says what can be done instead."""
    found = assert_problem(await world.call("POST", path(await world.buy()), {"format": "nginx"}), 409, "illegal_state")
    assert found["allowed_actions"] == ["apply", "cancel_order"]


async def test_keys_are_for_members(world: World) -> None:
    """Neither a viewer nor an operator fetches a private key, nor another account."""
    view = await world.issued()
    for who in ("viewer", "operator"):
        assert_problem(await world.call("POST", path(view), {"format": "nginx"}, who=who), 403, "forbidden")
    assert_problem(await world.call("POST", path(view), {"format": "nginx"}, who="stranger"), 404, "not_found")


async def test_an_unknown_format_is_refused(world: World) -> None:
    """Formats are those of the list."""
    assert_problem(await world.call("POST", path(await world.issued()), {"format": "exe"}), 422, "invalid")
