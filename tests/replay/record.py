"""Records one history per kind of life: `python -m tests.replay.record` overwrites tests/replay/*.json.

Until version 0.1 histories are recorded anew whenever the workflow's shape changes; from 0.1 on they are frozen.
"""

import asyncio
import json
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHandle
from temporalio.exceptions import ApplicationError

from certloom.domain import command as c
from certloom.domain.application import Decision
from certloom.domain.budget import Limit, Limits, LimitScope
from certloom.domain.certificate import CertificateStatus, Phase
from certloom.domain.issuance import RevocationReason
from certloom.domain.key import KeyType
from certloom.domain.product import Level, NameMode
from certloom.domain.renewal import RenewalReport
from certloom.issuers.fake import Script
from certloom.targets.fake import Trouble
from tests.lives import product
from tests.workflows.ground import temporal, world
from tests.workflows.trouble import BrokenPayments
from tests.workflows.world import World
from workflows.names import RENEWAL_SUGGESTED, deployment_workflow_id, workflow_id

HERE = Path(__file__).parent
S = CertificateStatus


async def year(built: World) -> str:
    certificate_id = await built.issued()
    plan = (await built.row(certificate_id)).plan
    assert plan is not None
    await built.live_on(certificate_id, plan.ends_at)
    await built.reaches(certificate_id, S.EXPIRED)
    await built.ask(certificate_id, c.Delete)
    return certificate_id


async def revoked(built: World) -> str:
    certificate_id = await built.issued()
    await built.handle(certificate_id).signal("nonsense", args=[1, 2])
    await built.handle(certificate_id).cancel()
    await built.ask(certificate_id, c.Relabel, label="mine")
    await built.revoke(certificate_id)
    await built.ask(certificate_id, c.Delete)
    return certificate_id


async def withdrawn(built: World) -> str:
    certificate_id = await built.buy()
    await built.apply(certificate_id)
    await built.until(certificate_id, lambda state: state.phase is Phase.PROVING)
    await built.ask(certificate_id, c.CheckNow)
    await built.ask(certificate_id, c.Withdraw)
    await built.until(certificate_id, lambda state: not state.discard)
    await built.ask(certificate_id, c.CancelOrder)
    return certificate_id


async def not_proven(built: World) -> str:
    certificate_id = await built.buy()
    await built.apply(certificate_id)
    await built.until(certificate_id, lambda state: state.phase is Phase.PROVING)
    await built.forward(certificate_id, timedelta(days=8))
    await built.reaches(certificate_id, S.PAID)
    return certificate_id


async def replaced(built: World) -> str:
    certificate_id = await built.issued()
    await built.ask(certificate_id, c.Replace, reason=RevocationReason.KEY_COMPROMISE, key_type=KeyType.RSA_2048)
    await built.until(certificate_id, lambda state: len(state.issuances) == 2 and state.phase is Phase.IDLE)
    return certificate_id


async def parked(built: World) -> str:
    built.methods["broken"] = BrokenPayments(ApplicationError("surprise", non_retryable=True), times=1)
    certificate_id = await built.buy(method="broken")
    await built.until(certificate_id, lambda state: state.attention is not None)
    await built.handle(certificate_id).signal("resume")
    await built.reaches(certificate_id, S.PAID)
    return certificate_id


async def reviewed(built: World) -> str:
    certificate_id = await built.buy(product(level=Level.OV, name_mode=NameMode.MULTI_DOMAIN, max_names=5))
    await built.file_organization(certificate_id)
    state = await built.until(certificate_id, lambda state: state.phase is Phase.PROVING)
    assert state.application is not None
    await built.prove(certificate_id)
    await built.until(certificate_id, lambda state: state.phase is Phase.REVIEWING)
    await built.ask(certificate_id, c.Decide, application_id=state.application.id, decision=Decision.APPROVE)
    await built.reaches(certificate_id, S.ISSUED)
    return certificate_id


async def uploaded(built: World) -> str:
    certificate_id = await built.uploaded(ends_in=timedelta(days=40))
    await built.forward(certificate_id, timedelta(days=41))
    await built.reaches(certificate_id, S.EXPIRED)
    await built.ask(certificate_id, c.Delete)
    return certificate_id


async def deployed(built: World) -> str:
    certificate_id = await built.issued()
    good, bad = await built.target(), await built.target(prove_within=timedelta(seconds=1))
    for one in await built.deploy(certificate_id, good, bad):
        await built.ended(one)
    await built.until(certificate_id, lambda state: not state.deploying)
    built.targets.trouble(bad.id, Trouble.STALE, endpoint=0)
    await built.ask(certificate_id, c.Renew)
    await built.until(certificate_id, lambda state: any(one.failures for one in state.placements))
    built.targets.heal(bad.id)
    built.targets.serve(good.id, "f" * 64)
    await built.watch()
    await built.until(
        certificate_id, lambda state: any(one.proven == 2 and not one.drifted_at for one in state.placements)
    )
    await built.forward(certificate_id, timedelta(minutes=6))
    await built.until(certificate_id, lambda state: [one.proven for one in state.placements] == [2, 2])
    await built.ask(certificate_id, c.Replace, reason=RevocationReason.SUPERSEDED, key_type=KeyType.ECDSA_P256)
    await built.until(certificate_id, lambda state: state.phase is Phase.IDLE and len(state.issuances) == 3)
    async with built.storage.read() as tx:
        last = next(iter((await tx.deployments.of_certificate(certificate_id, limit=1)).items))
    await built.roll_back(certificate_id, last, number=None)
    await built.until(certificate_id, lambda state: not state.deploying)
    await built.ask(certificate_id, c.Detach, target_id=good.id)
    await built.ask(certificate_id, c.Revoke, reason=RevocationReason.SUPERSEDED, force=True)
    await built.reaches(certificate_id, S.REVOKED)
    return certificate_id


async def elsewhere(built: World) -> str:
    """At somebody else's CA: wait for a limit, outlive an order, renew at its word, be revoked."""
    hour = timedelta(hours=1)
    built.stranger.script = Script(fresh_challenges=True, orders_last=8 * hour)
    built.stranger.limits = Limits(items=(Limit(scope=LimitScope.ORDERS, count=1, period=3 * hour),))
    sold = product(issuer="stranger")
    await built.issued(sold)
    certificate_id = await built.buy(sold)
    await built.apply(certificate_id)
    await built.until(certificate_id, lambda state: state.delay is not None)
    built.stranger.limits = Limits()
    await built.forward(certificate_id, 3 * hour)
    await built.until(certificate_id, lambda state: state.phase is Phase.PROVING)
    await built.forward(certificate_id, 8 * hour)
    await built.until(certificate_id, lambda state: state.attempts == 2 and state.phase is Phase.PROVING)
    await built.forward(certificate_id, timedelta(minutes=1))
    await built.prove(certificate_id)
    await built.reaches(certificate_id, S.ISSUED)
    now = await built.now(certificate_id)
    report = RenewalReport(certificate_id=certificate_id, number=2, renew_at=now - hour)
    await built.handle(certificate_id).signal(RENEWAL_SUGGESTED, report)
    await built.until(certificate_id, lambda state: len(state.issuances) == 2 and state.phase is Phase.IDLE)
    await built.revoke(certificate_id)
    await built.reaches(certificate_id, S.REVOKED)
    return certificate_id


LIVES: Mapping[str, Callable[[World], Awaitable[str]]] = {
    "year": year,
    "revoked": revoked,
    "withdrawn": withdrawn,
    "not_proven": not_proven,
    "replaced": replaced,
    "parked": parked,
    "reviewed": reviewed,
    "uploaded": uploaded,
    "deployed": deployed,
    "elsewhere": elsewhere,
}


async def save(built: World, kind: str, certificate_id: str) -> int:
    """Write every run of a life, and every deployment of it; return how many there were."""
    await asyncio.sleep(1)  # visibility is eventual, and this is no test
    async with built.storage.read() as tx:
        page = await tx.deployments.of_certificate(certificate_id, limit=50)
    for index, record in enumerate(reversed(page.items)):
        handle = built.env.client.get_workflow_handle(deployment_workflow_id(record.id))
        await write(handle, f"{kind}-deployment-{index + 1}")
    runs = [run async for run in built.env.client.list_workflows(f'WorkflowId="{workflow_id(certificate_id)}"')]
    for index, run in enumerate(sorted(runs, key=lambda run: run.start_time)):
        await write(built.env.client.get_workflow_handle(run.id, run_id=run.run_id), f"{kind}-{index + 1}")
    return len(runs) + len(page.items)


async def write(handle: WorkflowHandle[Any, Any], name: str) -> None:
    """Write one history."""
    history = await handle.fetch_history()
    text = json.dumps(json.loads(history.to_json()), separators=(",", ":"))
    (HERE / f"{name}.json").write_text(text + "\n")


async def main() -> None:
    for old in HERE.glob("*.json"):
        old.unlink()
    with tempfile.TemporaryDirectory() as folder:
        async with temporal() as env, world(env, Path(folder)) as built, built.worker():
            for kind, live in LIVES.items():
                runs = await save(built, kind, await live(built))
                print(f"{kind}: {runs} run(s)")


if __name__ == "__main__":
    asyncio.run(main())
