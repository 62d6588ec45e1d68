"""Restarts certificates whose workflow is gone, signs CRLs before they grow old, forgets old answers.

A plain loop in a process of its own, because it must work on the day when Temporal's database was lost, with all its
schedules. One is enough; several do no harm.
"""

import argparse
import logging
import sys
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, Protocol

from temporalio.client import Client
from temporalio.service import RPCError

from activities.contest import REMEMBERED
from activities.sweep import FORGOTTEN, Sweep
from certloom import wiring
from certloom.domain.errors import CertloomError, Outage
from certloom.domain.state import CertificateState
from certloom.logs import start_logging
from certloom.process import leave, run
from certloom.settings import Settings, read_settings
from certloom.storage.interface import Storage
from certloom.storage.records import DeploymentRecord
from workers.chores import Chore, keep_doing
from workers.ready import say_ready
from workers.steps import zone_writers
from workers.temporal import connect
from workflows.client import CertificateClient
from workflows.names import WORKFLOW_TYPE, workflow_id

PAGE: Final = 500
YOUNG: Final = timedelta(seconds=30)  # since anything happened to a deployment
ANSWERS_KEPT: Final = timedelta(days=30)  # DESIGN 6
ORDERS_COUNTED: Final = timedelta(days=60)  # longer than any CA's limit looks back

logger = logging.getLogger(__name__)


class Restarts(Protocol):
    """What reconcile needs of workflows.client.CertificateClient."""

    async def running(self, certificate_id: str) -> bool:
        """Whether the certificate's workflow runs now."""
        ...

    async def restore(self, state: CertificateState) -> bool:
        """Start again what has no running workflow; False when it runs already."""
        ...


class RestartsDeployments(Protocol):
    """What the restart of deployments needs of it."""

    async def deploying(self, deployment_id: str) -> bool:
        """Whether the deployment's workflow runs now."""
        ...

    async def restore_deployment(self, deployment_id: str) -> bool:
        """Start again a deployment without a running workflow; False when it runs already."""
        ...


class Report(NamedTuple):
    """What one pass found. `failed` ones are tried again by the next pass."""

    living: int
    restored: tuple[str, ...]
    failed: tuple[str, ...]


async def reconcile(storage: Storage, client: Restarts, *, running: frozenset[str] = frozenset()) -> Report:
    """Restart from its row every undeleted certificate that has no running workflow; may be called at any time.

    `running` are workflow ids that are known to run, to save asking for each. Raises Outage when the database does
    not answer; a certificate that Temporal refuses is left for the next pass.
    """
    living, restored, failed = 0, [], []
    async for state in _living(storage):
        living += 1
        if workflow_id(state.certificate_id) in running:
            continue
        try:
            if await _restore(storage, client, state.certificate_id):
                restored.append(state.certificate_id)
        except Outage as outage:
            logger.warning("%s cannot be restored now: %s", state.certificate_id, outage.detail)
            failed.append(state.certificate_id)
    return Report(living, tuple(restored), tuple(failed))


async def reconcile_deployments(storage: Storage, client: RestartsDeployments, *, now: datetime) -> Sequence[str]:
    """Restart every deployment that has no end and no workflow, and return which; may be called at any time.

    So a target is never held for ever by one that somebody terminated. Young ones are just being started.
    """
    restored: list[str] = []
    after: str | None = None
    while True:
        async with storage.read() as tx:
            page = await tx.deployments.unfinished(after=after, limit=PAGE)
        restored += [record.id for record in page if await _restore_deployment(client, record, now)]
        if len(page) < PAGE:
            return restored
        after = page[-1].id


async def reconcile_reports(storage: Storage, client: RestartsDeployments, *, now: datetime) -> Sequence[str]:
    """Restart what has ended and was never told to its certificate, which still waits for it; it only tells then."""
    restored: list[str] = []
    async for state in _living(storage):
        for deployment_id in state.deploying:
            async with storage.read() as tx:
                record = await tx.deployments.get(deployment_id)
            if record is not None and record.ended and await _restore_deployment(client, record, now):
                restored.append(deployment_id)
    return restored


async def _restore_deployment(client: RestartsDeployments, record: DeploymentRecord, now: datetime) -> bool:
    if record.updated_at >= now - YOUNG or await client.deploying(record.id):
        return False
    return await client.restore_deployment(record.id)


async def running_ids(temporal: Client) -> frozenset[str]:
    """Return the ids of the workflows that run, as visibility tells them: a little late, so only to save questions."""
    query = f'WorkflowType = "{WORKFLOW_TYPE}" AND ExecutionStatus = "Running"'
    try:
        return frozenset([found.id async for found in temporal.list_workflows(query, page_size=1000)])
    except RPCError as error:
        logger.warning("Temporal's list does not answer, so every certificate is asked for: %s", error.message)
        return frozenset()


async def _living(storage: Storage) -> AsyncIterator[CertificateState]:
    after: str | None = None
    while True:
        async with storage.read() as tx:
            page = await tx.certificates.living(after=after, limit=PAGE)
        for state in page:
            yield state
        if len(page) < PAGE:
            return
        after = page[-1].certificate_id


async def _restore(storage: Storage, client: Restarts, certificate_id: str) -> bool:
    """Restart one. The row is read after the workflow was seen gone: nobody can write a newer one then.

    The other way round, a certificate deleted in between would be started again from the past.
    """
    if await client.running(certificate_id):
        return False
    async with storage.read() as tx:
        state = await tx.certificates.get(certificate_id)
    return state is not None and not state.closed and await client.restore(state)


def chores(settings: Settings, storage: Storage, temporal: Client) -> Sequence[Chore]:
    """Return what this process does over and over."""
    client = CertificateClient(temporal)
    sealer = wiring.issuer_sealer(settings)

    async def restart() -> str:
        report = await reconcile(storage, client, running=await running_ids(temporal))
        return f"restored {', '.join(report.restored)} of {report.living}" if report.restored else ""

    async def restart_deployments() -> str:
        now = datetime.now(UTC)
        restored = [
            *await reconcile_deployments(storage, client, now=now),
            *await reconcile_reports(storage, client, now=now),
        ]
        return f"restored the deployments {', '.join(restored)}" if restored else ""

    async def crls() -> str:
        renewed = await wiring.refresh_crls(storage, sealer, now=datetime.now(UTC))
        return f"signed the CRL of {', '.join(renewed)}" if renewed else ""

    sweep = Sweep(storage=storage, writers=zone_writers(settings), clock=lambda: datetime.now(UTC))
    return (
        Chore("reconcile", settings.reconcile_interval, restart),
        Chore("deployments", settings.reconcile_interval, restart_deployments),
        Chore("crls", settings.crl_interval, crls),
        Chore("dns", settings.sweep_interval, sweep),
        *_purges(settings, storage),
    )


def _purges(settings: Settings, storage: Storage) -> Sequence[Chore]:
    """Return what forgets: answers, and what issuers' limits and accounts' names were used for long ago."""

    async def answers() -> str:
        async with storage.begin() as tx:
            count = await tx.idempotency.purge(datetime.now(UTC) - ANSWERS_KEPT)
        return f"forgot {count} answers" if count else ""

    async def limits() -> str:
        now = datetime.now(UTC)
        async with storage.begin() as tx:
            count = await tx.budget.purge(now - ORDERS_COUNTED, now=now)
            count += await tx.contests.purge(now - REMEMBERED)
            await tx.published.expire(now - FORGOTTEN, now)
        return f"forgot {count} entries of issuers' limits" if count else ""

    return Chore("purge", settings.purge_interval, answers), Chore("limits", settings.purge_interval, limits)


async def serve(settings: Settings, *, once: bool) -> None:
    """Do all chores once, or until SIGTERM or SIGINT."""
    storage = wiring.storage(settings)
    try:
        found = chores(settings, storage, await connect(settings))
        say_ready()
        await keep_doing(found, once=once)
    finally:
        await storage.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the process; 1 with one sentence on stderr when it cannot start or, with --once, when a chore fails."""
    parser = argparse.ArgumentParser(prog="python -m workers.reconcile", description="Restart lost workflows.")
    parser.add_argument("--once", action="store_true", help="do everything once and end")
    options = parser.parse_args(arguments)
    try:
        settings = read_settings()
        start_logging(settings)
        run(serve(settings, once=options.once))
    except CertloomError as error:
        sys.stderr.write(f"certloom reconcile: {error.detail}\n")
        return 1
    return 0


if __name__ == "__main__":
    leave(main())
