"""Targets that take a certificate and do not serve it: each is rolled back by itself, and the others are done."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from lab.edge import AdminTrouble, EdgeTrouble, LabEdge
from tests.e2e.edges import fingerprint_at, issued
from tests.e2e.service import Service, service
from tests.e2e.stack import JSON
from tests.targets.pairs import pair

NAME = "www.shop.lab.test"
FILE = "/certs/www.pem"
SEED = 100

# What goes wrong, at which of three listeners (None: at all), and the words in which a person reads it.
TROUBLES: Sequence[tuple[EdgeTrouble | AdminTrouble | None, int | None, str]] = (
    (None, None, ""),
    (EdgeTrouble.KEEPS_OLD, None, "served the certificate from before"),
    (EdgeTrouble.WRONG_NAME, None, "(for elsewhere.lab.test; serial"),
    (EdgeTrouble.HANGS, None, "gave no certificate"),
    (EdgeTrouble.KEEPS_OLD, 1, "served the certificate from before"),
    (AdminTrouble.RUBBISH, None, "HAProxy"),
    (AdminTrouble.CLOSES, None, "HAProxy"),
)


async def target(up: Service, edge: LabEdge, number: int) -> str:
    """Describe an edge as its owner does: over TCP, with three endpoints, in place of a certificate from elsewhere."""
    settings = {"address": "127.0.0.1", "port": edge.admin_port, "file": FILE, "replace_unknown_with_no_way_back": True}
    form = {
        "name": f"edge-{number}",
        "kind": "haproxy_tcp",
        "settings": settings,
        "endpoints": [{"host": NAME, "port": port} for port in edge.tls_ports],
        "prove_within": 4,
    }
    answer = await up.customer.call("POST", "/v1/targets", form, key=f"edge-{number}")
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def last(up: Service, certificate_id: str, target_id: str) -> JSON:
    """Wait for the end of the second deployment to a target."""
    async with asyncio.timeout(120):
        while True:
            page = (await up.customer.call("GET", f"/v1/certificates/{certificate_id}/deployments")).json()["items"]
            mine: list[JSON] = [one for one in page if one["target_id"] == target_id and one["issuance"] == 2]
            if mine and mine[-1]["ended_at"]:
                return mine[-1]
            await asyncio.sleep(0.2)


async def test_each_bad_target_goes_back_and_says_why(tmp_path: Path) -> None:
    """On a renewal every bad target ends in a proven rollback with what was seen where, and the good one is done."""
    async with AsyncExitStack() as kept:
        places = [await kept.enter_async_context(LabEdge(tls_ports=(0, 0, 0))) for _ in TROUBLES]
        for edge in places:
            seed = pair(NAME, SEED)
            edge.load(FILE, f"{seed.leaf_pem}{seed.key_pem}")
        up = await kept.enter_async_context(service(tmp_path))
        view = await issued(up.customer, NAME)
        old = view["issuance"]["fingerprint_sha256"]
        ids = [await target(up, edge, number) for number, edge in enumerate(places)]
        first = [await up.ended(one) for one in await up.deploy(view["id"], *ids)]
        for edge, (trouble, listener, _) in zip(places, TROUBLES, strict=True):
            if isinstance(trouble, AdminTrouble):
                edge.admin_trouble(trouble)
            else:
                edge.trouble(trouble, listener=listener)
        await up.customer.call("POST", f"/v1/certificates/{view['id']}/renewal", key="renew")
        ends = [await last(up, view["id"], one) for one in ids]
        new = (await up.customer.view(view["id"]))["issuance"]["fingerprint_sha256"]
        for edge in places:
            edge.trouble(None)
        served = [{await fingerprint_at(port, NAME) for port in edge.tls_ports} for edge in places]

    assert [one["state"] for one in first] == ["deployed"] * len(TROUBLES), [one["why"] for one in first]
    assert [one["state"] for one in ends] == ["deployed"] + ["rolled_back"] * (len(TROUBLES) - 1), ends
    assert served == [{new}] + [{old}] * (len(TROUBLES) - 1)
    for end, edge, (_, listener, words) in zip(ends, places, TROUBLES, strict=True):
        assert words in (end["why"] or ""), end["why"]
        assert listener is None or f":{edge.tls_ports[listener]}" in end["why"]
