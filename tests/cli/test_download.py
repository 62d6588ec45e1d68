"""Downloads: files that only their owner reads, and that replace nothing by accident."""

import io
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.api.world import World
from tests.cli.desk import Desk, serving

NAMES = {"README.txt", "www.example.com.key", "www.example.com.pem"}


async def test_files_are_readable_for_their_owner_alone(desk: Desk, world: World) -> None:
    """Every file of the bundle is written with mode 0600 into a folder of 0700."""
    await world.issued()
    done = await desk.ok("download", "www.example.com", "--format", "nginx", "--output", "tls")
    folder = desk.home / "tls"
    assert {path.name for path in folder.iterdir()} == NAMES
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert "PRIVATE KEY-----" in (folder / "www.example.com.key").read_text()
    assert "PRIVATE KEY" not in done.out + done.err


async def test_nothing_is_overwritten_without_force(desk: Desk, world: World) -> None:
    """When one file is there already, none is written; --force replaces it, and a link is replaced, not followed."""
    await world.issued()
    (desk.home / "tls").mkdir()
    precious = desk.home / "precious"
    precious.write_text("mine")
    (desk.home / "tls" / "www.example.com.key").symlink_to(precious)
    done = await desk.run("download", "www.example.com", "-f", "nginx", "-o", "tls")
    assert (done.code, "tls/www.example.com.key" in done.err) == (2, True)
    assert [path.name for path in (desk.home / "tls").iterdir()] == ["www.example.com.key"]
    await desk.ok("download", "www.example.com", "-f", "nginx", "-o", "tls", "--force")
    assert {path.name for path in (desk.home / "tls").iterdir()} == NAMES
    assert precious.read_text() == "mine"


async def test_a_zip_is_kept_as_it_came(desk: Desk, world: World) -> None:
    """Without --output the bundle lies here under its own name; --output names another."""
    await world.issued()
    await desk.ok("download", "www.example.com", "--format", "pem")
    await desk.ok("download", "www.example.com", "--format", "pem", "--output", "other.zip")
    found = sorted(path.name for path in desk.home.glob("*.zip"))
    assert len(found) == 2
    assert {stat.S_IMODE((desk.home / name).stat().st_mode) for name in found} == {0o600}
    assert "README.txt" in zipfile.ZipFile(desk.home / "other.zip").namelist()


async def test_a_password_comes_by_standard_input(desk: Desk, world: World) -> None:
    """With --password-stdin the bundle holds no password file, since the password is the customer's own."""
    await world.issued()
    word = "correct horse battery"
    arguments = ("download", "www.example.com", "-f", "iis", "-o", "iis", "--password-stdin")
    done = await desk.run(*arguments, stdin=f"{word}\n")
    assert done.code == 0, done
    assert {path.name for path in (desk.home / "iis").iterdir()} == {"README.txt", "www.example.com.pfx"}
    assert word not in done.out + done.err


async def test_there_is_nothing_to_download_yet(desk: Desk, world: World) -> None:
    """Before it is issued the refusal says so, and no file appears."""
    bought = await world.buy()
    done = await desk.run("download", bought["id"])
    assert (done.code, "There is nothing to download" in done.err) == (1, True)
    assert list(desk.home.glob("*.zip")) == []


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/b", ".bashrc"])
async def test_a_bundle_cannot_write_elsewhere(desk: Desk, world: World, name: str) -> None:
    """A member whose name leads out of the folder, or hides in it, is not written."""
    certificate = await world.issued()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as bundle:
        bundle.writestr("fine.pem", "x")
        bundle.writestr(name, "x")
    inner = desk.proxy
    assert inner

    async def evil(scope: Any, receive: Any, send: Any) -> None:
        if not scope["path"].endswith("/download"):
            await inner(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/zip")]})
        await send({"type": "http.response.body", "body": packed.getvalue()})

    async with serving(evil) as url:
        done = await desk.run("download", certificate["id"], "-o", "tls", CERTLOOM_URL=url)
    assert done.code == 1, done
    assert "not written" in done.err
    assert not (desk.home / "tls").exists()


async def test_an_upload_becomes_a_certificate(desk: Desk, world: World, tmp_path: Path) -> None:
    """What was downloaded in one place can be uploaded in another, under the file's name or a label."""
    await world.issued()
    await desk.ok("download", "www.example.com", "-f", "nginx", "-o", "tls")
    pair = ("--certificate", "tls/www.example.com.pem", "--private-key", "tls/www.example.com.key")
    uploaded = (await desk.ok("upload", *pair, "--json")).json
    assert (uploaded["origin"], uploaded["label"], uploaded["names"]) == (
        "uploaded", "www.example.com", ["www.example.com"]
    )  # fmt: skip
    swapped = await desk.run("upload", "--certificate", pair[3], "--private-key", pair[1], "--label", "x")
    assert (swapped.code, swapped.err.startswith("certloom: The input is not valid:\n  certificate: ")) == (1, True)
    body = (desk.home / pair[3]).read_text().splitlines()[1]
    assert body not in swapped.out + swapped.err
