"""One whole life at the command line, against the whole service with its lab."""

import json
from pathlib import Path

import httpx
import pytest

from lab.edge import CRT_LIST, LabEdge
from tests.cli.desk import Desk
from tests.e2e.stack import Customer, stack

NAME = "www.shop.lab.test"


def target(edge: LabEdge) -> str:
    """Describe the lab's edge."""
    settings = {
        "address": "127.0.0.1",
        "port": edge.admin_port,
        "file": f"/certs/{NAME}.pem",
        "crt_list": CRT_LIST,
        "replace_unknown_with_no_way_back": True,
    }
    endpoints = [{"host": NAME, "port": edge.tls_port}]
    return json.dumps({"name": "edge", "kind": "haproxy_tcp", "settings": settings, "endpoints": endpoints})


async def issue(desk: Desk, customer: Customer) -> str:
    """Buy, apply, publish the record once it is shown, and wait for the end; return the certificate's id."""
    bought = (await desk.ok("buy", "dv-single", "--label", "shop", "--yes", "--json")).json
    running = await desk.start("apply", "shop", NAME)
    await running.until("publish this DNS record")
    await customer.call("POST", "/v1/lab/proofs", {"certificate_id": bought["id"]})
    done = await running.end()
    assert (done.code, "✓ Issued." in done.out) == (0, True), done
    return str(bought["id"])


async def deploy(desk: Desk, edge: LabEdge) -> None:
    """Describe the edge, try it, put the certificate there, renew it, and see the renewed one there."""
    (desk.home / "target.json").write_text(target(edge))
    await desk.ok("targets", "create", "--file", "target.json")
    shown = await desk.run("targets", "test", "edge")
    assert "✓ crt list" in shown.out, shown
    done = await desk.ok("deploy", NAME, "edge")
    assert "✓ edge: deployed" in done.out
    assert "serves it" in done.out
    assert "Certificate number 2 is issued." in (await desk.ok("renew", "shop")).out
    assert "number 2 was proven there" in (await desk.ok("status", "shop", "--watch")).out


async def replace(desk: Desk, customer: Customer, certificate_id: str) -> None:
    """Replace it, and find the new leaf on the edge and every older one revoked when the command returns."""
    replaced = (await desk.ok("replace", "shop", "--reason", "key_compromise", "--yes", "--json")).json
    assert (replaced["status"], replaced["issuance"]["number"], replaced["placements"][0]["proven"]) == ("issued", 3, 3)
    leaves = (await customer.call("GET", f"/v1/certificates/{certificate_id}/issuances")).json()["items"]
    assert {leaf["number"]: leaf["state"] for leaf in leaves} == {1: "revoked", 2: "revoked", 3: "valid"}


async def end(desk: Desk, certificate_id: str) -> None:
    """Be refused while it is served, revoke nevertheless, have the money back, and delete."""
    refused = await desk.run("revoke", "shop", "--reason", "superseded", "--yes")
    assert (refused.code, "It is still in use" in refused.err) == (1, True), refused
    asked = await desk.typed("revoke", "shop", "--force", answers=[("for good?", "y\n")])
    assert (asked.code, "9.00 EUR, done" in asked.told) == (0, True), asked
    assert f"Revoke shop ({certificate_id}) for good?" in asked.told
    gone = await desk.typed("delete", "shop", answers=[(f"Type {NAME}", f"{NAME}\n")])
    assert (gone.code, "its private keys are destroyed" in gone.told) == (0, True), gone
    assert "The certificate was deleted" in (await desk.ok("events", certificate_id)).out


@pytest.mark.timeout(240)
async def test_a_whole_life(tmp_path: Path) -> None:
    """From login and purchase to revocation with refund, deletion and an upload, with a renewal and a replacement."""
    home = tmp_path / "home"
    home.mkdir()
    async with (
        LabEdge() as edge,
        stack(tmp_path / "service") as (_, seed, api),
        httpx.AsyncClient(base_url=api, timeout=30) as http,
    ):
        desk = Desk(home)
        signed_in = await desk.run("login", "--url", api, "--key-stdin", stdin=seed.customer_api_key)
        assert signed_in.code == 0, signed_in
        before = (await desk.ok("account", "--json")).json["balance"]
        customer = Customer(http, seed.customer_api_key)
        certificate_id = await issue(desk, customer)
        await desk.ok("download", "shop", "--format", "nginx", "--output", "tls")
        await deploy(desk, edge)
        await replace(desk, customer, certificate_id)
        await end(desk, certificate_id)
        assert (await desk.ok("account", "--json")).json["balance"] == before
        pair = ("--certificate", f"tls/{NAME}.pem", "--private-key", f"tls/{NAME}.key")
        assert "brought from elsewhere" in (await desk.ok("upload", *pair)).out
        await desk.ok("deploy", NAME, "edge")
