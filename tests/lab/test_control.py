"""The lab's remote control over HTTP."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from lab.proofs import Proofs
from lab.world import LabWorld
from tests.validation.challenges import dns_challenge, http_challenge

BOTH = Proofs(challenges=(dns_challenge(), http_challenge())).model_dump(mode="json")


@pytest.fixture
async def lab() -> AsyncIterator[LabWorld]:
    async with LabWorld() as world:
        yield world


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as http:
        yield http


async def test_posted_proofs_are_published(lab: LabWorld, client: httpx.AsyncClient) -> None:
    """After a POST the web server serves the file, and the answer lists everything."""
    response = await client.post(lab.control_url, json=BOTH)

    page = await client.get(
        f"http://127.0.0.1:{lab.http_port}/.well-known/certloom-challenge/token-1", headers={"Host": "www.lab.test"}
    )
    assert (response.status_code, response.json()) == (200, BOTH)
    assert (page.status_code, page.text) == (200, "token-1")


async def test_posting_again_changes_nothing(lab: LabWorld, client: httpx.AsyncClient) -> None:
    """Publishing is repeatable."""
    await client.post(lab.control_url, json=BOTH)

    assert (await client.post(lab.control_url, json=BOTH)).json() == BOTH


async def test_deleted_proofs_are_gone(lab: LabWorld, client: httpx.AsyncClient) -> None:
    """A DELETE takes away what it names, and may be repeated."""
    await client.post(lab.control_url, json=BOTH)
    for _ in range(2):
        response = await client.request("DELETE", lab.control_url, json=BOTH)

    assert response.json() == {"challenges": []}
    assert lab.site.pages == {}
    assert lab.zone.records == {}


@pytest.mark.parametrize(
    "body",
    [
        "{}",
        "[]",
        "nonsense",
        '{"challenges": [{"name": "a", "type": "dns-01", "token": "t"}]}',
        '{"challenges": [{"name": "a", "type": "http-01", "token": "t", "url": "x", "content": "c"}]}',
        '{"challenges": [{"name": "a", "type": "dns-01", "token": "t", "record_name": "a..b", "record_value": "c"}]}',
    ],
)
async def test_what_is_no_challenge_is_refused_with_a_sentence(
    lab: LabWorld, client: httpx.AsyncClient, body: str
) -> None:
    """Bad input changes nothing and is explained."""
    response = await client.post(lab.control_url, content=body, headers={"Content-Type": "application/json"})

    assert response.status_code == 422
    assert response.json()["detail"]
    assert lab.board.published == ()


async def test_one_bad_challenge_keeps_the_good_ones_out(lab: LabWorld, client: httpx.AsyncClient) -> None:
    """A request is done as a whole or not at all."""
    bad = dns_challenge().model_copy(update={"record_name": None})
    body = Proofs(challenges=(dns_challenge(), bad)).model_dump(mode="json")

    assert (await client.post(lab.control_url, json=body)).status_code == 422
    assert lab.board.published == ()


async def test_pages_of_other_sites_cannot_steer_the_lab(lab: LabWorld, client: httpx.AsyncClient) -> None:
    """A browser's cross-site form and a rebound host name are refused."""
    form = await client.post(lab.control_url, content="{}", headers={"Content-Type": "text/plain"})
    rebound = await client.post(lab.control_url, json=BOTH, headers={"Host": "evil.example"})

    assert (form.status_code, rebound.status_code) == (415, 421)
    assert lab.board.published == ()


async def test_the_rest_is_refused(lab: LabWorld, client: httpx.AsyncClient) -> None:
    """Other paths and methods do not exist; health is told."""
    base = lab.control_url.removesuffix("/proofs")

    answers = [
        (await client.get(f"{base}/healthz")).status_code,
        (await client.get(f"{base}/other")).status_code,
        (await client.put(lab.control_url)).status_code,
    ]
    assert answers == [200, 404, 405]


async def test_proofs_outlive_a_restart(tmp_path: Path) -> None:
    """With a state file a new world publishes what the old one did, less what was retracted."""
    state = tmp_path / "lab.json"
    async with LabWorld(state=state) as first:
        first.publish(dns_challenge())
        first.publish(http_challenge())
        first.retract(dns_challenge())

    async with LabWorld(state=state) as second:
        assert second.board.published == (http_challenge(),)
        assert list(second.site.pages) == [("www.lab.test", "/.well-known/certloom-challenge/token-1")]


async def test_an_unreadable_state_file_starts_empty(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A broken file is said, and the lab starts all the same."""
    state = tmp_path / "lab.json"
    state.write_text("{", encoding="utf-8")

    async with LabWorld(state=state) as world:
        assert world.board.published == ()
    assert "starts empty" in capsys.readouterr().err


async def test_a_taken_port_leaves_nothing_open(lab: LabWorld) -> None:
    """A world that cannot start closes what it had opened."""
    other = LabWorld(http_port=lab.http_port)

    with pytest.raises(OSError, match="in use"):
        await other.start()
    async with LabWorld(dns_port=other.dns.port):
        pass
