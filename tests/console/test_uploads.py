"""Bringing a certificate from elsewhere, pasted or as files; the private key is never shown again."""

from typing import Any

import httpx
import pytest

from tests.api.world import World
from tests.console.conftest import Meet
from tests.console.visitor import Visitor, text_of
from tests.keys.authority import leaf, lower, middle

CHAIN = lower().pem + middle().pem


def pasted(**more: str) -> dict[str, str]:
    return {"label": "old shop", "certificate": leaf().pem, "chain": CHAIN, "private_key": leaf().key_pem, **more}


async def with_files(visitor: Visitor, files: dict[str, Any], **fields: str) -> httpx.Response:
    """Send the form as a browser sends one with files."""
    await visitor.get("/upload")
    named = {name: (f"{name}.pem", content) for name, content in files.items()}
    return await visitor.http.post("/upload", data={**visitor.forms["/upload"], **fields}, files=named)


async def test_one_pastes_it(meet: Meet, world: World) -> None:
    """It is issued at once, and its page says what can be done next."""
    visitor = await meet()
    await visitor.get("/upload")
    page = await visitor.send("/upload", **pasted())
    assert "It is uploaded, and its private key is sealed." in text_of(page)
    (view,) = (await world.get("/v1/certificates"))["items"]
    assert (view["origin"], view["label"]) == ("uploaded", "old shop")


async def test_one_chooses_files(meet: Meet, world: World) -> None:
    """Files count where nothing was pasted."""
    files = {"certificate_file": leaf().pem, "chain_file": CHAIN, "private_key_file": leaf().key_pem}
    answer = await with_files(await meet(), files, label="old shop", certificate="", chain="", private_key="")
    assert answer.status_code == 303
    (view,) = (await world.get("/v1/certificates"))["items"]
    assert view["names"] == ["www.example.com", "*.example.com"]


async def test_the_same_upload_twice_is_one(meet: Meet, world: World) -> None:
    """A second click leads to the first one's certificate."""
    visitor = await meet()
    await visitor.get("/upload")
    body = {**visitor.forms["/upload"], **pasted()}
    one, two = [await visitor.http.post("/upload", data=body) for _ in range(2)]
    assert one.headers["location"] == two.headers["location"]
    assert len((await world.get("/v1/certificates"))["items"]) == 1


@pytest.mark.parametrize("files", [True, False])
async def test_a_refusal_shows_no_key(meet: Meet, world: World, *, files: bool) -> None:
    """Label and certificates are still there, the key has to be given again."""
    other = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0c2VjcmV0\n-----END PRIVATE KEY-----"
    visitor = await meet()
    if files:
        page = await with_files(visitor, {"private_key_file": other}, **{**pasted(), "private_key": ""})
    else:
        await visitor.get("/upload")
        page = await visitor.send("/upload", **pasted(private_key=other))
    assert page.status_code == 422
    assert 'value="old shop"' in page.text
    assert leaf().pem.splitlines()[1] in page.text
    assert "c2VjcmV0" not in page.text
    assert 'id="fault-private_key"' in page.text
    assert not (await world.get("/v1/certificates"))["items"]


async def test_what_is_missing_stands_at_its_field(meet: Meet) -> None:
    """A label, a certificate and a key are needed."""
    visitor = await meet()
    await visitor.get("/upload")
    page = await visitor.send("/upload", label="", certificate="", chain="", private_key="")
    assert page.status_code == 422
    assert 'id="fault-label"' in page.text
    assert 'id="fault-certificate"' in page.text


async def test_a_file_that_is_no_text_is_told(meet: Meet) -> None:
    """Somebody chose a binary form; it says what is wanted instead."""
    page = await with_files(await meet(), {"certificate_file": b"\x30\x82\x00\xff\x00"}, **pasted(certificate=""))
    assert page.status_code == 422
    assert 'id="fault-certificate"' in page.text


async def test_files_that_are_too_large_are_refused(meet: Meet) -> None:
    """The size is counted before anybody looks inside."""
    page = await with_files(await meet(), {"certificate_file": b"x" * 300_000}, **pasted(certificate=""))
    assert page.status_code == 413


async def test_an_upload_needs_its_token(meet: Meet, world: World) -> None:
    """A form with files is held to it like any other."""
    visitor = await meet()
    await visitor.get("/upload")
    files = {"certificate_file": ("a.pem", leaf().pem)}
    answer = await visitor.http.post("/upload", data={**pasted(certificate=""), "csrf": "wrong"}, files=files)
    assert answer.status_code == 403
    assert not (await world.get("/v1/certificates"))["items"]


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=other"])
async def test_broken_parts_are_refused(meet: Meet, kind: str) -> None:
    """It is told as a page."""
    visitor = await meet()
    body = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n'
    answer = await visitor.http.post("/upload", content=body, headers={"content-type": kind})
    assert answer.status_code == 400
    assert "could not be read" in text_of(answer)


@pytest.mark.parametrize("who", ["viewer", "operator"])
async def test_only_members_upload(meet: Meet, who: str) -> None:
    """Others are told, and are not led there."""
    visitor = await meet(who)
    assert "/upload" not in (await visitor.get("/certificates")).text
    assert (await visitor.get("/upload")).status_code == 403
