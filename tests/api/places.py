"""Targets as people describe them, and deployments brought to their end as the workflow and its activities do."""

from itertools import count
from typing import Any

from certloom.domain.deployment import DeploymentReport, DeploymentState
from certloom.domain.look import Look, Sight
from certloom.domain.target import Endpoint
from certloom.storage.records import DeploymentRecord
from certloom.targets.interface import Standing
from tests.api.world import JSON, OURS, World, ok

TARGETS = "/v1/targets"
_files = count(1)
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAAsecret\n-----END OPENSSH PRIVATE KEY-----\n"
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
SECRET = "LTAIsecretOfTheCloud30"
ACCESS = {"access_key_id": "LTAI5tExample", "access_key_secret": SECRET}
FORMS: dict[str, JSON] = {
    "haproxy": {"settings": {"host": "edge-1", "file": "/etc/haproxy/certs/www.pem"}},
    "haproxy_tcp": {"settings": {"address": "lb.example.com", "port": 9999, "file": "/etc/haproxy/certs/www.pem"}},
    "nginx": {"settings": {"host": "edge-1", "folder": "/etc/nginx/certloom/www"}},
    "nginx_ssh": {
        "settings": {
            "address": "web.example.com", "user": "deploy", "host_key": HOST_KEY, "folder": "/etc/nginx/certloom/www",
        },
        "credentials": {"private_key": KEY},
    },
    "alibaba_cdn": {"settings": {"domain": "www.example.com"}, "credentials": ACCESS},
    "alibaba_slb": {"settings": {"load_balancer_id": "lb-1"}, "credentials": ACCESS},
}  # fmt: skip


def form(kind: str = "haproxy_tcp", **changes: Any) -> JSON:
    endpoints = [{"host": "www.example.com"}]
    return {"name": f"a {kind}", "kind": kind, **FORMS[kind], "endpoints": endpoints, **changes}


async def add(world: World, kind: str = "haproxy_tcp", *, who: str = "member", **changes: Any) -> JSON:
    if who == "operator":
        changes = {"account_id": OURS, **changes}
    if kind == "haproxy_tcp":  # each in a place of its own
        settings = {**FORMS[kind]["settings"], "file": f"/etc/haproxy/certs/www{next(_files)}.pem"}
        changes = {"settings": settings, **changes}
    return ok(await world.call("POST", TARGETS, form(kind, **changes), who=who))


async def deploy(world: World, certificate: JSON, *targets: JSON, **headers: str) -> list[JSON]:
    path = f"/v1/certificates/{certificate['id']}/deployments"
    answer = await world.call("POST", path, {"targets": [target["id"] for target in targets]}, **headers)
    assert answer.status_code == 202, answer.text
    items: list[JSON] = answer.json()["items"]
    return items


def look(fingerprint: str | None, *, host: str = "www.example.com") -> Look:
    sight = Sight.SERVED if fingerprint else Sight.UNREACHABLE
    detail = "" if fingerprint else "Nobody answers."
    endpoint = Endpoint(host=host)
    return Look(endpoint=endpoint, sight=sight, address="192.0.2.1", fingerprint_sha256=fingerprint, detail=detail)


async def row(world: World, deployment_id: str) -> DeploymentRecord:
    async with world.storage.read() as tx:
        record = await tx.deployments.get(deployment_id)
    assert record is not None
    return record


async def end(
    world: World,
    deployment_id: str,
    outcome: DeploymentState = DeploymentState.DEPLOYED,
    *,
    before: str | None = "ee" * 32,
    seen: str | None = None,
    why: str | None = None,
    tell: bool = True,
) -> JSON:
    """Bring it to its end in the rows, and tell the certificate unless that is yet to come; return its view."""
    at, record = world.clock(), await row(world, deployment_id)
    async with world.storage.begin() as tx:
        await tx.deployments.begin(
            deployment_id, served_before=[look(before)], before=Standing(fingerprint_sha256=before), at=at
        )
        await tx.deployments.progress(deployment_id, DeploymentState.PROVING, seen=[look(seen)], at=at)
        await tx.deployments.end(deployment_id, outcome, why=why, at=at)
        if outcome is DeploymentState.DEPLOYED:
            served = None if record.number is None else deployment_id
            await tx.targets.settle(record.target_id, served)
    if tell:
        await world.client.tell(report(await row(world, deployment_id)))
    return await world.get(f"/v1/deployments/{deployment_id}")


def report(record: DeploymentRecord) -> DeploymentReport:
    return DeploymentReport(
        deployment_id=record.id,
        certificate_id=record.certificate_id,
        target_id=record.target_id,
        number=record.number,
        outcome=record.state,
        why=record.why,
    )


async def served(world: World, *names: str, target: JSON | None = None) -> tuple[JSON, JSON, JSON]:
    """Return a certificate, a target, and the deployment that was proven there."""
    certificate = await world.issued("single", *names)
    place = target or await add(world)
    (deployment,) = await deploy(world, certificate, place)
    return certificate, place, await end(world, deployment["id"], seen=certificate["issuance"]["fingerprint_sha256"])
