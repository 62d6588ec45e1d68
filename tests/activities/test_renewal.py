"""Asking issuers when they want leaves renewed: one that misbehaves harms neither itself nor others."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.testing import ActivityEnvironment

from activities.renewal import Asked, RenewalActivities
from certloom.domain import fact as f
from certloom.domain.errors import Later
from certloom.domain.evolve import evolve
from certloom.issuers.fake import FakeIssuer
from certloom.issuers.interface import Issuer, RenewalWindow
from certloom.storage.engine import SqlStorage
from certloom.storage.records import IssuanceRecord, RenewalRecord
from tests.databases import SQLITE, fresh_storage
from tests.lives import issued, leaf

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
TODAY = datetime.now(UTC)  # an activity outside of a server starts in 1970, and no window is that old


class Resting(FakeIssuer):
    """It answers 429 to every question."""

    def __init__(self) -> None:
        super().__init__(outside=True)
        self.asked = 0

    async def suggest_renewal(self, leaf_pem: str, *, now: datetime) -> RenewalWindow | None:
        self.asked += 1
        raise Later("Leave me in peace.", until=now + 365 * DAY)


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[SqlStorage]:
    async with fresh_storage(SQLITE, tmp_path) as made:
        yield made


async def keep(storage: SqlStorage, certificate_id: str, issuer: str, *, ends: datetime | None = None) -> None:
    """Store an issued certificate whose issuer is to be asked."""
    state = issued().model_copy(update={"certificate_id": certificate_id})
    state = state if ends is None else state.model_copy(update={"issuances": (leaf(ends=ends),)})
    assert state.issuance is not None
    assert state.application is not None
    record = IssuanceRecord(
        certificate_id=certificate_id,
        issuance=state.issuance,
        application_id=state.application.id,
        attempt=1,
        names=state.names,
        leaf_pem="leaf",
        chain_pem="",
        spki_sha256="00",
        key_ref=None,
    )
    asking = RenewalRecord(certificate_id=certificate_id, number=1, issuer=issuer, ask_at=STARTED)
    async with storage.begin() as tx:
        await tx.certificates.write(state, [])
        await tx.issuances.add(record)
        await tx.renewals.put(asking)


STARTED = ActivityEnvironment.default_info().started_time.astimezone(UTC)


async def ask(storage: SqlStorage, issuers: Mapping[str, Issuer]) -> Asked:
    return await ActivityEnvironment().run(RenewalActivities(storage=storage, issuers=issuers).ask_renewals)


async def record_of(storage: SqlStorage, certificate_id: str) -> RenewalRecord:
    async with storage.read() as tx:
        found = await tx.renewals.get(certificate_id)
    assert found is not None
    return found


def saying(start: datetime) -> FakeIssuer:
    issuer = FakeIssuer(outside=True)
    issuer.window = RenewalWindow(start=start, end=start + HOUR, ask_again_at=STARTED + timedelta(minutes=1))
    return issuer


async def test_an_issuer_that_was_taken_out_keeps_nobody_from_being_asked(storage: SqlStorage) -> None:
    """An operator who deletes a table of the issuers file does not end renewal information for all others."""
    await keep(storage, "cert_1", "gone")
    await keep(storage, "cert_2", "here")
    asked = await ask(storage, {"here": saying(TODAY)})
    assert [report.certificate_id for report in asked.reports] == ["cert_2"]
    assert (await record_of(storage, "cert_1")).ask_at > STARTED


async def test_nobody_asks_about_a_leaf_that_is_over(storage: SqlStorage) -> None:
    """RFC 9773 section 4.3.3 forbids it, also where the plan runs on and the renewal is still tried."""
    await keep(storage, "cert_1", "here", ends=STARTED)
    assert (await ask(storage, {"here": saying(TODAY)})).reports == ()
    async with storage.read() as tx:
        assert await tx.renewals.get("cert_1") is None


async def test_one_that_wants_peace_is_not_asked_again_in_the_same_batch(storage: SqlStorage) -> None:
    """After 429 the other leaves of that issuer wait without a question, and a year is a day."""
    issuer = Resting()
    for number in range(3):
        await keep(storage, f"cert_{number}", "busy")
    await ask(storage, {"busy": issuer})
    assert issuer.asked == 1
    for number in range(3):
        assert (await record_of(storage, f"cert_{number}")).ask_at <= STARTED + 1.1 * DAY


async def test_a_window_that_moves_each_time_is_not_news_each_minute(storage: SqlStorage) -> None:
    """Each news costs a line in the timeline, so after one that moved the issuer is asked an hour later."""
    await keep(storage, "cert_1", "wild")
    await ask(storage, {"wild": saying(TODAY)})
    first = await record_of(storage, "cert_1")
    async with storage.begin() as tx:
        await tx.renewals.put(first.model_copy(update={"ask_at": STARTED}))
    await ask(storage, {"wild": saying(TODAY + DAY)})
    moved = await record_of(storage, "cert_1")
    assert first.ask_at < STARTED + HOUR / 6
    assert moved.picked_at != first.picked_at
    assert moved.ask_at >= STARTED + HOUR


async def test_what_a_certificate_knows_is_not_told_again(storage: SqlStorage) -> None:
    """A report is repeated until the certificate's row has it, and no longer."""
    await keep(storage, "cert_1", "here")
    (report,) = (await ask(storage, {"here": saying(TODAY)})).reports
    async with storage.begin() as tx:
        state = await tx.certificates.get("cert_1")
        assert state is not None
        told = evolve(state, f.RenewalSuggested(at=state.updated_at, number=1, renew_at=report.renew_at))
        await tx.certificates.write(told, [])
        await tx.renewals.put((await record_of(storage, "cert_1")).model_copy(update={"ask_at": STARTED}))
    assert (await ask(storage, {"here": saying(TODAY)})).reports == ()
