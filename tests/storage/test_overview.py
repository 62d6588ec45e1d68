"""What the overview counts, and that it counts from indexes."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from certloom.domain import fact as f
from certloom.domain.certificate import CertificateStatus
from certloom.domain.deployment import DeploymentState
from certloom.domain.fact import Entry
from certloom.domain.state import Attention, CertificateState
from certloom.domain.step import StepKind
from certloom.domain.tally import TallyKind
from certloom.storage.engine import SqlStorage
from certloom.storage.overview import ending, per_day, troubled
from certloom.storage.records import DayTally
from certloom.storage.revision import config
from tests.databases import POSTGRES, fresh_url
from tests.lives import issued
from tests.storage.rows import NOW, authority, certificate, ids, issuance, keep, order
from tests.storage.test_plans import plan

WEEK = timedelta(weeks=1)
ATTENTION = Attention(since=NOW, step=StepKind.ISSUE, why="odd")


def entries(*facts: f.Fact) -> list[Entry]:
    return [Entry(version=number, fact=fact) for number, fact in enumerate(facts, 1)]


async def happen(storage: SqlStorage, state: CertificateState, *facts: f.Fact) -> None:
    async with storage.begin() as tx:
        await tx.certificates.write(state, entries(*facts))


async def test_ends_are_counted_between_moments(storage: SqlStorage) -> None:
    """The first moment belongs to its span and the last to none; what is not issued ends nowhere."""
    await keep(
        storage,
        certificate("cert_a", not_after=NOW),
        certificate("cert_b", not_after=NOW + WEEK),
        certificate("cert_c", not_after=NOW + 2 * WEEK),
        certificate("cert_d", not_after=NOW + WEEK, account_id="acct_2"),
        certificate("cert_e", not_after=NOW + WEEK, status=CertificateStatus.REVOKED),
        certificate("cert_f"),
    )
    moments = [NOW, NOW + WEEK, NOW + 2 * WEEK]
    async with storage.read() as tx:
        assert list(await tx.overview.expiring(None, moments)) == [1, 2]
        assert list(await tx.overview.expiring("acct_2", moments)) == [0, 1]


async def test_what_happened_is_counted_once(storage: SqlStorage) -> None:
    """Per day, kind and cause; a row that is written again counts no second time."""
    state = issued(at=NOW)
    leaf = state.issuance
    assert leaf is not None
    facts = (
        f.Issued(at=NOW, issuance=leaf, plan_days=365),
        f.ApplicationRefused(at=NOW, reason="caa", detail="x"),
        f.ApplicationRefused(at=NOW + timedelta(days=1), reason="caa", detail="x"),
        f.Withdrawn(at=NOW),
    )
    for _ in range(2):
        await happen(storage, state, *facts)
    await happen(storage, certificate("cert_2", account_id="acct_2"), f.NotProven(at=NOW))
    today = NOW.date()
    async with storage.read() as tx:
        found = await tx.overview.tallies(None, since=today)
        assert [tuple(dict(one).values()) for one in found] == [
            (today, TallyKind.ISSUED, "private", 1),
            (today, TallyKind.NOT_PROVEN, "", 1),
            (today, TallyKind.REFUSED, "caa", 1),
            (today + timedelta(days=1), TallyKind.REFUSED, "caa", 1),
        ]
        own = await tx.overview.tallies("acct_2", since=today)
        assert own == [DayTally(day=today, kind=TallyKind.NOT_PROVEN, cause="", count=1)]
        assert len(await tx.overview.tallies(None, since=today + timedelta(days=1))) == 1


async def test_trouble_is_listed_newest_first(storage: SqlStorage) -> None:
    """Of all accounts, or of one; what was mended is not there."""
    for number, owner in enumerate(("acct_1", "acct_2", "acct_1")):
        state = certificate(f"cert_{number}", account_id=owner, created_at=NOW + timedelta(seconds=number))
        await keep(storage, state.model_copy(update={"attention": ATTENTION}))
    await keep(storage, certificate("cert_0", version=2))
    async with storage.read() as tx:
        assert ids(await tx.overview.in_trouble(None, limit=9)) == ["cert_2", "cert_1"]
        assert ids(await tx.overview.in_trouble("acct_1", limit=9)) == ["cert_2"]
        assert ids(await tx.overview.in_trouble(None, limit=1)) == ["cert_2"]


async def test_serials_are_counted_per_authority(storage: SqlStorage) -> None:
    """An order counts once it has a serial."""
    async with storage.begin() as tx:
        await tx.authorities.put(authority())
        for number in range(3):
            await tx.authorities.add_order(order(f"key{number}", ref=f"order{number}"))
        for number in range(2):
            await tx.authorities.reserve(
                f"order{number}", authority_id="ecdsa", serial=f"{number:x}", not_before=NOW, not_after=NOW
            )
    async with storage.read() as tx:
        assert await tx.overview.signed() == {"ecdsa": 2}


@pytest.mark.parametrize("account_id", ["acct_1", None])
async def test_counts_read_no_rows(storage: SqlStorage, kind: str, account_id: str | None) -> None:
    """Ends and happenings are counted from indexes alone."""
    for statement in (ending(account_id, [NOW, NOW + WEEK]), per_day(account_id, NOW.date())):
        found = await plan(storage, kind, statement)
        # to PostgreSQL all fitting indexes of an empty table cost the same
        assert re.search(r"Index (Only )?Scan" if kind == POSTGRES else r"COVERING INDEX ix_\w+ \([^)]*>", found)
        assert "TEMP B-TREE" not in found


@pytest.mark.parametrize("account_id", ["acct_1", None])
async def test_trouble_is_found_without_a_search(storage: SqlStorage, kind: str, account_id: str | None) -> None:
    """The index holds nothing but what needs attention."""
    found = await plan(storage, kind, troubled(account_id))
    assert "ix_certificates_attention" in found or kind == POSTGRES
    assert "TEMP B-TREE" not in found


async def test_what_happened_before_is_counted_too(kind: str, tmp_path: Path) -> None:
    """The migration counts the facts that are there."""
    engine = create_async_engine(await fresh_url(kind, tmp_path, migrated=False))
    facts = (
        f.ApplicationRefused(at=NOW, reason="caa", detail='it said "issued"'),
        f.Relabelled(at=NOW, label='"issued"'),
        f.DeploymentEnded(at=NOW, deployment_id="d", target_id="t", number=1, outcome=DeploymentState.DEPLOYED),
        f.DeploymentEnded(at=NOW, deployment_id="d", target_id="t", number=1, outcome=DeploymentState.FAILED),
        f.Issued(at=NOW, issuance=issuance(NOW), plan_days=365),
    )
    async with engine.begin() as connection:
        await connection.run_sync(upgrade, "0004")
        at = NOW if kind == POSTGRES else str(NOW)
        await connection.execute(_CERTIFICATE, {"at": at, "state": certificate().model_dump_json()})
        for entry in entries(*facts):
            await connection.execute(_EVENT, {"version": entry.version, "fact": entry.fact.model_dump_json()})
        await connection.run_sync(upgrade, "0007")
        found = await connection.execute(text("SELECT version, account_id, kind, cause FROM tallies ORDER BY version"))
        assert [tuple(row) for row in found] == [
            (1, "acct_1", "refused", "caa"),
            (4, "acct_1", "deployment_failed", "failed"),
            (5, "acct_1", "issued", "private"),
        ]
    await engine.dispose()


_CERTIFICATE = text(
    "INSERT INTO certificates (id, account_id, version, status, status_group, origin, hidden, needs_attention, "
    "created_at, state) VALUES ('cert_1', 'acct_1', 1, 'paid', 'ordered', 'purchased', false, false, :at, :state)"
)
_EVENT = text("INSERT INTO certificate_events (certificate_id, version, fact) VALUES ('cert_1', :version, :fact)")


def upgrade(connection: Connection, revision: str) -> None:
    made = config()
    made.attributes["connection"] = connection
    command.upgrade(made, revision)
