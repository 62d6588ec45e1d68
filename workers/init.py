"""Prepares everything a service leans on, once: schema, CA, namespace, search attributes, first operator's key.

May run at every start and in several replicas at once; what is there already stays as it is.
"""

import argparse
import asyncio
import logging
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from temporalio.client import Client

from certloom import wiring
from certloom.domain.errors import CertloomError
from certloom.domain.role import Role
from certloom.logs import start_logging
from certloom.process import leave
from certloom.settings import Settings, read_settings
from certloom.storage.interface import Storage
from workers.seed import Seed, api_key_row, ensure_demo, new_api_key, read_seed
from workers.temporal import connect, prepare_namespace
from workers.watch_schedule import ensure_watch
from workflows.names import RENEWAL_WATCH_ID, RENEWAL_WATCH_TYPE, WATCH_ID, WATCH_TYPE

logger = logging.getLogger(__name__)


async def prepare(settings: Settings, *, seed: Seed | None) -> str | None:
    """Prepare all; return the first operator's key when this call made it, to be shown once.

    With *seed* the demo account and its keys are made sure of instead. Raises BadSetting, KeyringInvalid, Outage.
    """
    wiring.check(settings)
    connecting = asyncio.create_task(connect(settings))  # the server may still be starting
    try:
        await wiring.migrate(settings)
        storage = wiring.storage(settings)
        try:
            operator_key = await _prepare_database(settings, storage, seed)
        finally:
            await storage.close()
        await _prepare_temporal(settings, await connecting)
    finally:
        connecting.cancel()
    return operator_key


async def _prepare_database(settings: Settings, storage: Storage, seed: Seed | None) -> str | None:
    now = datetime.now(UTC)
    if await wiring.create_authorities(settings, storage, now=now):
        logger.info("private CA made; its addresses start with %s", settings.base_url)
    if seed:
        await ensure_demo(storage, wiring.balances(storage), wiring.catalogue(settings), seed, now=now)
        return None
    return await first_operator_key(storage, now=now)


async def _prepare_temporal(settings: Settings, client: Client) -> None:
    await prepare_namespace(client, retention=timedelta(days=settings.retention_days))
    for schedule_id, workflow_type, seconds in (
        (WATCH_ID, WATCH_TYPE, settings.watch_interval),
        (RENEWAL_WATCH_ID, RENEWAL_WATCH_TYPE, settings.renewal_interval),
    ):
        every = timedelta(seconds=seconds)
        if await ensure_watch(client, schedule_id=schedule_id, workflow_type=workflow_type, every=every):
            logger.info("%s runs every %s s", schedule_id, seconds)


async def first_operator_key(storage: Storage, *, now: datetime) -> str | None:
    """Make an operator's key unless there was one ever, and return it: nobody can show it again."""
    key_id, key = new_api_key()
    async with storage.begin() as tx:
        if await tx.accounts.keys(None):
            return None
        await tx.accounts.add_key(
            api_key_row(key, account_id=None, role=Role.OPERATOR, label="first operator", now=now)
        )
        await tx.audit.add(at=now, actor="init", action="api_key.created", account_id=None, subject=key_id)
    return key


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 1 with one sentence on stderr when something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m workers.init", description="Prepare database, CA and Temporal.")
    parser.add_argument("--seed", type=Path, help="file with the demo account's keys, as `make run` writes it")
    options = parser.parse_args(arguments)
    try:
        settings = read_settings()
        start_logging(settings)
        seed = read_seed(options.seed) if options.seed else None
        operator_key = asyncio.run(prepare(settings, seed=seed))
    except CertloomError as error:
        sys.stderr.write(f"certloom init: {error.detail}\n")
        return 1
    if operator_key:
        sys.stdout.write(f"The first operator's API key, shown this once: {operator_key}\n")
    return 0


if __name__ == "__main__":
    leave(main())
