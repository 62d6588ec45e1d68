"""A real Temporal server with skipped time, and everything behind the workflow over one database."""

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from temporalio.testing import TimeSkippingConfig, WorkflowEnvironment

from certloom.domain.money import Money
from certloom.issuers.authorities import create_authorities
from certloom.issuers.fake import FakeIssuer
from certloom.issuers.private_ca import PrivateCa
from certloom.keys.keyring import parse_keyring
from certloom.keys.payload import SealedPayloadCodec, make_data_converter
from certloom.keys.sealing import AesGcmSealer
from certloom.payments.balance import BalancePayments
from certloom.payments.interface import PaymentRequest
from certloom.storage.engine import SqlStorage
from certloom.storage.records import Account
from certloom.validation.fake import FakeValidator
from tests.databases import SQLITE, fresh_url
from tests.workflows.steps import activities
from tests.workflows.world import ACCOUNT, World
from workflows.client import CertificateClient
from workflows.search_attributes import KEYS

TEMPORAL = Path(__file__).parents[2] / ".venv" / "bin" / "temporal"
RING = parse_keyring("QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=")
PUBLIC_URL = "https://pki.certloom-example.com"
DEPOSIT = 10**9


@asynccontextmanager
async def temporal(**more: Any) -> AsyncIterator[WorkflowEnvironment]:
    """Run a real server with skipped time, our search attributes and our codec."""
    environment: Awaitable[WorkflowEnvironment] = WorkflowEnvironment.start_time_skipping_v2(
        ts_config=TimeSkippingConfig(enabled=False, max_session_skip_count=2_000),
        dev_server_existing_path=str(TEMPORAL),
        dev_server_log_level="never",
        dev_server_startup_timeout=timedelta(seconds=30),
        search_attributes=list(KEYS),
        data_converter=make_data_converter(SealedPayloadCodec(RING)),
        dev_server_extra_args=[
            "--dynamic-config-value", "frontend.WorkflowTimeSkippingEnabled=true",
            "--dynamic-config-value", 'history.timerProcessorMaxTimeShift="5ms"',
        ],
        **more,
    )  # fmt: skip
    async with await environment as env:
        yield env


@asynccontextmanager
async def world(env: WorkflowEnvironment, folder: Path, *, database: str = SQLITE) -> AsyncIterator[World]:
    """Build everything behind the workflow over one database; the caller runs the worker."""
    storage = SqlStorage(await fresh_url(database, folder))
    sealer = AesGcmSealer(RING)
    await create_authorities(storage, sealer, public_url=PUBLIC_URL, now=datetime.now(UTC))
    payments = BalancePayments(storage)
    stranger = FakeIssuer(outside=True)
    built = World(
        env=env,
        storage=storage,
        validator=FakeValidator(),
        client=CertificateClient(env.client),
        payments=payments,
        issuers={"private": PrivateCa(storage, sealer, public_url=PUBLIC_URL), "stranger": stranger},
        stranger=stranger,
        methods={"balance": payments},
    )
    built.activities = activities(
        storage,
        sealer,
        issuers=built.issuers,
        methods=built.methods,
        validator=built.validator,
        targets=built.targets,
        board=built.board,
    )
    await _open_account(built)
    yield built
    await storage.close()


async def _open_account(built: World) -> None:
    now = datetime.now(UTC)
    async with built.storage.begin() as tx:
        await tx.accounts.add(Account(id=ACCOUNT, name="World", currency="EUR", created_at=now))
    deposit = Money(amount=DEPOSIT, currency="EUR")
    await built.payments.deposit(
        PaymentRequest(key="deposit-world", account_id=ACCOUNT, amount=deposit, reference="opening"), now=now
    )
