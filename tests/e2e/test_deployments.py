"""Deployments by the whole service to a real HAProxy and a real nginx, while a client shakes hands without pause."""

import asyncio
from pathlib import Path

from tests.e2e.edges import Shaker, edges, fingerprint_at, issued
from tests.e2e.service import Service, service
from tests.e2e.stack import JSON

NAMES = [f"www{number}.shop.lab.test" for number in range(20)]
AT_ONCE = 8


async def bought(up: Service, names: list[str]) -> list[JSON]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(name: str) -> JSON:
        async with gate:
            return await issued(up.customer, name)

    return list(await asyncio.gather(*(one(name) for name in names)))


async def test_renewals_everywhere_without_a_failed_handshake(tmp_path: Path) -> None:
    """Twenty names on each server are deployed and renewed in parallel, and no client ever meets a wrong leaf."""
    async with edges(tmp_path, NAMES) as places, service(tmp_path / "home", targets_file=places.targets_file()) as up:
        views = await bought(up, NAMES)
        slots = [[await up.target(form) for form in places.forms(name, up.account_id)] for name in NAMES]
        shaker = Shaker(places.ports, NAMES)
        with shaker.shaking():
            await asyncio.gather(*(up.deploy(view["id"], *both) for view, both in zip(views, slots, strict=True)))
            await asyncio.gather(*(up.proven(view["id"], 1, 2) for view in views))
            for view in views:
                await up.customer.call("POST", f"/v1/certificates/{view['id']}/renewal", key=f"renew-{view['id']}")
            renewed = await asyncio.gather(*(up.proven(view["id"], 2, 2) for view in views))
        wanted = {name: view["issuance"]["fingerprint_sha256"] for name, view in zip(NAMES, renewed, strict=True)}
        found = {
            kind: {name: await fingerprint_at(port, name) for name in NAMES} for kind, port in places.ports.items()
        }

    assert shaker.faults == []
    assert found == {"haproxy": wanted, "nginx": wanted}
    assert min(shaker.count.values()) > 500
    assert max(len(leaves) for leaves in shaker.seen.values()) <= 3


async def test_a_restart_keeps_what_was_proven(tmp_path: Path) -> None:
    """Servers that are restarted after a deployment serve the new leaf from disk."""
    names = NAMES[:1]
    async with edges(tmp_path, names) as places, service(tmp_path / "home", targets_file=places.targets_file()) as up:
        (view,) = await bought(up, names)
        ids = [await up.target(form) for form in places.forms(names[0], up.account_id)]
        for deployment in await up.deploy(view["id"], *ids):
            assert (await up.ended(deployment))["state"] == "deployed"
        await places.haproxy.restart()
        await places.nginx.restart()
        found = [await fingerprint_at(port, names[0]) for port in places.ports.values()]

    assert found == [view["issuance"]["fingerprint_sha256"]] * 2


# What each worker dies of, once: kind of target, step and moment. The steps of a rollback come to those that cannot
# be proven, because their second endpoint serves something else.
MOMENTS = (
    ("haproxy", "install", "before"),
    ("nginx", "install", "middle"),
    ("haproxy", "install", "middle"),
    ("nginx", "install", "after"),
    ("haproxy", "prove", "before"),
    ("nginx", "prove", "after"),
    ("haproxy", "clean_up", "before"),
    ("nginx", "clean_up", "after"),
    ("haproxy", "roll_back", "before"),
    ("nginx", "roll_back", "middle"),
    ("haproxy", "roll_back", "middle"),
    ("nginx", "roll_back", "after"),
    ("haproxy", "prove_rollback", "before"),
    ("nginx", "prove_rollback", "after"),
)
BACK = {"roll_back", "prove_rollback"}


async def test_a_worker_killed_at_each_step_leaves_nothing_half_done(tmp_path: Path) -> None:
    """Whenever its worker dies, a target serves in the end what is recorded, and nothing is left of the attempt."""
    names = [f"kill{number}.shop.lab.test" for number in range(len(MOMENTS))]
    async with edges(tmp_path, names) as places, service(tmp_path / "home") as up:
        seeds = {name: await fingerprint_at(places.ports["haproxy"], name) for name in names}
        views = await bought(up, names)
        waiting = []
        for number, (kind, step, moment) in enumerate(MOMENTS):
            host = f"edge-{number}"
            mark = tmp_path / f"{host}.mark"
            given = {"TARGETS_FILE": str(places.targets_file(host)), "TEST_KILL": f"{step}:{moment}"}
            await up.running.also(host, "tests.e2e.killing", **given, TEST_MARK=str(mark))
            forms = {form["kind"]: form for form in places.forms(names[number], up.account_id, host)}
            waiting.append(_deployed(up, forms, kind, views[number], back=step in BACK, host=host))
        ends = await asyncio.gather(*waiting)
        found = [
            await fingerprint_at(places.ports[kind], name) for name, (kind, _, _) in zip(names, MOMENTS, strict=True)
        ]
        pending = await places.haproxy.say("show ssl cert\n")
        files = sorted(path.name for path in places.haproxy.certs.iterdir())
        halves = [path for path in places.nginx.slots.rglob("*") if path.name.endswith(".new")]

    states = ["rolled_back" if step in BACK else "deployed" for _, step, _ in MOMENTS]
    new = [view["issuance"]["fingerprint_sha256"] for view in views]
    expected = [
        seeds[name] if back == "rolled_back" else leaf for name, back, leaf in zip(names, states, new, strict=True)
    ]
    assert [end["state"] for end in ends] == states, [end["why"] for end in ends]
    assert found == expected
    assert files == sorted(f"{name}.pem" for name in names)
    assert "\n*" not in pending
    assert halves == []


async def _deployed(up: Service, forms: dict[str, JSON], kind: str, view: JSON, *, back: bool, host: str) -> JSON:
    """Deploy with a worker that dies on the way, start it again, and return the end."""
    form = {**forms[kind], "prove_within": 3 if back else 60}
    if back:  # the other server keeps its own leaf for the name: never proven
        form["endpoints"] = [one for each in forms.values() for one in each["endpoints"]]
    (deployment,) = await up.deploy(view["id"], await up.target(form))
    async with asyncio.timeout(120):  # each killed nginx holds up the next ones until it is missed
        await up.running.until_gone(host)
    await up.running.again(host)
    return await up.ended(deployment)
