from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from certloom.domain.certificate import CertificateStatus
from certloom.domain.errors import Outage
from certloom.domain.state import CertificateState
from certloom.storage.engine import SqlStorage
from tests.lives import ordered
from workers import reconcile as room
from workers.reconcile import reconcile
from workflows.names import workflow_id


class Restarter:
    """Knows which workflows run; remembers what was asked and restored."""

    def __init__(self, *running: str, broken: Sequence[str] = (), deletes: SqlStorage | None = None) -> None:
        self._running = set(running)
        self._broken = broken
        self._deletes = deletes
        self.asked: list[str] = []
        self.restored: list[CertificateState] = []

    async def running(self, certificate_id: str) -> bool:
        self.asked.append(certificate_id)
        if certificate_id in self._broken:
            raise Outage("Temporal does not answer.")
        if self._deletes:
            await write(self._deletes, closed(certificate_id))
        return certificate_id in self._running

    async def restore(self, state: CertificateState) -> bool:
        self.restored.append(state)
        return True


def closed(certificate_id: str) -> CertificateState:
    update = {"status": CertificateStatus.DELETED, "version": 9}
    return ordered(certificate_id=certificate_id).model_copy(update=update)


async def write(storage: SqlStorage, *states: CertificateState) -> None:
    async with storage.begin() as tx:
        for state in states:
            await tx.certificates.write(state, [])


async def test_what_lost_its_workflow_is_restarted(storage: SqlStorage) -> None:
    """A certificate without a running workflow starts again from its row; one that runs is left alone."""
    await write(storage, ordered(certificate_id="cert_1"), ordered(certificate_id="cert_2"))
    client = Restarter("cert_1")
    report = await reconcile(storage, client)
    assert (report.living, report.restored, report.failed) == (2, ("cert_2",), ())
    assert client.restored == [ordered(certificate_id="cert_2")]


async def test_deleted_certificates_stay_deleted(storage: SqlStorage) -> None:
    """What was deleted is not even asked for."""
    await write(storage, closed("cert_1"))
    client = Restarter()
    assert await reconcile(storage, client) == (0, (), ())
    assert client.asked == []


async def test_a_certificate_deleted_meanwhile_is_not_brought_back(storage: SqlStorage) -> None:
    """Between reading the list and seeing the workflow gone, a deletion may end it: the row is read again after."""
    await write(storage, ordered(certificate_id="cert_1"))
    client = Restarter(deletes=storage)
    assert (await reconcile(storage, client)).restored == ()
    assert client.restored == []


async def test_one_that_cannot_be_restored_holds_up_no_other(storage: SqlStorage) -> None:
    """An outage at one certificate is reported and left to the next pass."""
    await write(storage, ordered(certificate_id="cert_1"), ordered(certificate_id="cert_2"))
    report = await reconcile(storage, Restarter(broken=["cert_1"]))
    assert (report.restored, report.failed) == (("cert_2",), ("cert_1",))


async def test_what_is_known_to_run_is_not_asked_for(storage: SqlStorage) -> None:
    """Temporal's list saves one question per certificate."""
    await write(storage, ordered(certificate_id="cert_1"), ordered(certificate_id="cert_2"))
    client = Restarter()
    await reconcile(storage, client, running=frozenset({workflow_id("cert_1")}))
    assert client.asked == ["cert_2"]


async def test_every_page_is_walked(storage: SqlStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many certificates there are, each is looked at once."""
    monkeypatch.setattr(room, "PAGE", 2)
    ids = [f"cert_{number}" for number in range(5)]
    await write(storage, *(ordered(certificate_id=name, at=datetime.now(UTC)) for name in ids))
    client = Restarter(*ids)
    assert (await reconcile(storage, client)).living == 5
    assert sorted(client.asked) == ids
