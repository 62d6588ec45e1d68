"""What every database keeps of the contract in storage/interface.py."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from certloom.domain import fact as f
from certloom.domain.budget import LETS_ENCRYPT, Limit, Limits, LimitScope, Urgency, counted_by
from certloom.domain.budget_queue import Wish
from certloom.domain.certificate import CertificateStatus
from certloom.domain.errors import InvalidInput
from certloom.domain.issuance import IssuanceState
from certloom.domain.product import Level
from certloom.storage.engine import SqlStorage
from certloom.storage.records import Draft, IdempotencyClaim, IssuanceRecord, LookRecord
from tests.databases import KINDS, fresh_storage
from tests.lives import product, proving
from tests.storage.rows import NOW, certificate, ids, issuance, keep


@pytest.fixture(params=KINDS)
async def storage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqlStorage]:
    async with fresh_storage(request.param, tmp_path) as made:
        yield made


def relabelled(version: int, label: str) -> f.Entry:
    return f.Entry(version=version, fact=f.Relabelled(at=NOW, label=label))


class TestTransactions:
    async def test_rolls_back(self, storage: SqlStorage) -> None:
        """A block that raises leaves nothing behind."""

        async def fail() -> None:
            async with storage.begin() as tx:
                await tx.secrets.put("ref", owner="cert_1", sealed=b"x")
                raise KeyError

        with pytest.raises(KeyError):
            await fail()
        async with storage.read() as tx:
            assert await tx.secrets.get("ref") is None

    async def test_read_refuses_writes(self, storage: SqlStorage) -> None:
        """A reading transaction cannot write, by mistake or otherwise."""
        with pytest.raises(DBAPIError):
            async with storage.read() as tx:
                await tx.secrets.put("ref", owner="cert_1", sealed=b"x")

    async def test_read_is_one_snapshot(self, storage: SqlStorage) -> None:
        """What commits while a reading transaction is open is not seen in it."""
        async with storage.read() as tx:
            before = await tx.secrets.count_owned("cert_1")
            async with storage.begin() as other:
                await other.secrets.put("ref", owner="cert_1", sealed=b"x")
            assert await tx.secrets.count_owned("cert_1") == before

    async def test_ping(self, storage: SqlStorage) -> None:
        """A migrated database that answers is well."""
        await storage.ping()


class TestCertificates:
    async def test_comes_back(self, storage: SqlStorage) -> None:
        """A state comes back as it was written, to the microsecond."""
        state = certificate(not_after=NOW + timedelta(days=90), label="Ünï \0 label")
        await keep(storage, state)
        async with storage.read() as tx:
            assert await tx.certificates.get("cert_1") == state

    async def test_older_version_changes_nothing(self, storage: SqlStorage) -> None:
        """A row is never overwritten by an older version."""
        await keep(storage, certificate(version=3, label="new"), certificate(version=2, label="old"))
        async with storage.read() as tx:
            state = await tx.certificates.get("cert_1")
            assert state is not None
            assert state.label == "new"
            assert not (await tx.certificates.search(account_id=None, query="old")).items

    async def test_timeline_keeps_the_first(self, storage: SqlStorage) -> None:
        """A version's entry is written once; repeating it changes nothing."""
        async with storage.begin() as tx:
            await tx.certificates.write(certificate(version=2), [relabelled(1, "a"), relabelled(2, "b")])
            await tx.certificates.write(certificate(version=2), [relabelled(2, "other")])
        async with storage.read() as tx:
            page = await tx.certificates.timeline("cert_1", limit=10)
        labels = [(entry.version, entry.fact.label) for entry in page.items if isinstance(entry.fact, f.Relabelled)]
        assert labels == [(2, "b"), (1, "a")]

    async def test_timeline_pages(self, storage: SqlStorage) -> None:
        """The timeline is cut into pages, newest first, and ends."""
        async with storage.begin() as tx:
            await tx.certificates.write(certificate(version=5), [relabelled(n, str(n)) for n in range(1, 6)])
        async with storage.read() as tx:
            first = await tx.certificates.timeline("cert_1", limit=3)
            second = await tx.certificates.timeline("cert_1", limit=3, cursor=first.next_cursor)
        assert [entry.version for entry in first.items + second.items] == [5, 4, 3, 2, 1]
        assert second.next_cursor is None

    async def test_living_leaves_out_deleted(self, storage: SqlStorage) -> None:
        """Reconcile walks all but the deleted, by id."""
        await keep(storage, *(certificate(f"cert_{n}") for n in (3, 1, 2)))
        await keep(storage, certificate("cert_4", status=CertificateStatus.DELETED))
        async with storage.read() as tx:
            assert ids(await tx.certificates.living(after=None, limit=2)) == ["cert_1", "cert_2"]
            assert ids(await tx.certificates.living(after="cert_2", limit=2)) == ["cert_3"]

    async def test_in_review(self, storage: SqlStorage) -> None:
        """Only what an operator must decide waits in the review list."""
        reviewed = proving(of=product(level=Level.OV))
        await keep(storage, reviewed, proving().model_copy(update={"certificate_id": "cert_2"}))
        async with storage.read() as tx:
            page = await tx.certificates.in_review(limit=1)
        assert ids(page.items) == ["cert_1"]
        assert page.next_cursor is None


class TestClaims:
    async def test_one_winner(self, storage: SqlStorage) -> None:
        """Of parallel results for one claim the first stands, and every caller gets it."""

        async def act(number: int) -> str:
            async with storage.begin() as tx:
                return await tx.claims.finish("cert_1/charge", str(number), NOW)

        results = await asyncio.gather(*(act(number) for number in range(8)))
        assert len(set(results)) == 1
        async with storage.begin() as tx:
            assert await tx.claims.claim("cert_1/charge", NOW) == results[0]

    async def test_unfinished(self, storage: SqlStorage) -> None:
        """A claim whose effect is not done yet has no result, however often it is claimed."""
        async with storage.begin() as tx:
            assert await tx.claims.claim("key", NOW) is None
            assert await tx.claims.claim("key", NOW) is None

    async def test_idempotency_one_winner(self, storage: SqlStorage) -> None:
        """Of parallel requests with one key exactly one is the first; the others see its claim."""

        async def ask(number: int) -> str:
            claim = IdempotencyClaim(scope="s", key="k", fingerprint="f", subject=f"cert_{number}", claimed_at=NOW)
            async with storage.begin() as tx:
                return (await tx.idempotency.claim(claim)).subject

        assert len(set(await asyncio.gather(*(ask(number) for number in range(8))))) == 1


class TestSecrets:
    async def test_put_once(self, storage: SqlStorage) -> None:
        """A reference that is taken keeps its secret."""
        async with storage.begin() as tx:
            assert await tx.secrets.put("ref", owner="cert_1", sealed=b"\0first")
            assert not await tx.secrets.put("ref", owner="cert_1", sealed=b"second")
            assert await tx.secrets.get("ref") == b"\0first"

    async def test_replace_compares(self, storage: SqlStorage) -> None:
        """Rotation swaps only what it has read."""
        async with storage.begin() as tx:
            await tx.secrets.put("ref", owner="cert_1", sealed=b"a")
            assert not await tx.secrets.replace("ref", old=b"x", new=b"c")
            assert await tx.secrets.replace("ref", old=b"a", new=b"b")
            assert list(await tx.secrets.list(after=None, limit=5)) == [("ref", b"b")]

    async def test_destroy_owned(self, storage: SqlStorage) -> None:
        """All of an owner's secrets go at once, and nobody else's."""
        async with storage.begin() as tx:
            for ref, owner in (("a", "cert_1"), ("b", "cert_1"), ("c", "cert_2")):
                await tx.secrets.put(ref, owner=owner, sealed=b"x")
            assert await tx.secrets.destroy_owned("cert_1") == 2
            assert (await tx.secrets.count_owned("cert_1"), await tx.secrets.count_owned("cert_2")) == (0, 1)
            assert await tx.secrets.destroy("c")
            assert not await tx.secrets.destroy("c")


class TestApplications:
    async def test_draft_destroyed_with_notes(self, storage: SqlStorage) -> None:
        """Deleting a certificate forgets its forms, CSRs and operators' notes, and no one else's."""
        async with storage.begin() as tx:
            for owner in ("1", "2"):
                await tx.drafts.put(Draft(id=f"appl_{owner}", certificate_id=f"cert_{owner}", created_at=NOW))
                await tx.drafts.add_note(application_id=f"appl_{owner}", note="called", actor="op", at=NOW)
            assert await tx.drafts.destroy("cert_1") == 1
            assert await tx.drafts.get("appl_1") is None
            assert await tx.drafts.get("appl_2") is not None

    async def test_tokens_are_kept(self, storage: SqlStorage) -> None:
        """A name keeps its first token for renewals."""
        async with storage.begin() as tx:
            await tx.tokens.keep("acct_1", {"a.test": "old"})
            assert await tx.tokens.keep("acct_1", {"a.test": "new", "b.test": "b"}) == {"a.test": "old", "b.test": "b"}

    async def test_looks_overwrite(self, storage: SqlStorage) -> None:
        """Only the last look counts, whatever a stranger's server answered."""
        first = LookRecord(
            certificate_id="cert_1", name="a.test", type="dns-01", at=NOW, proven=False, seen="x\0\ud800"
        )
        async with storage.begin() as tx:
            await tx.looks.put([first])
            await tx.looks.put([first.model_copy(update={"proven": True, "seen": None})])
            (look,) = await tx.looks.list("cert_1")
            assert look.proven
            await tx.looks.put([first.model_copy(update={"certificate_id": "cert_2"})])
            found = await tx.looks.list("cert_2", "cert_1", "cert_9")
            assert {one.certificate_id for one in found} == {"cert_1", "cert_2"}
            await tx.looks.clear("cert_1")
            assert not await tx.looks.list("cert_1")

    async def test_issuances(self, storage: SqlStorage) -> None:
        """A leaf is kept once by its number, and what became of it is marked."""
        record = IssuanceRecord(
            certificate_id="cert_1", issuance=issuance(NOW), application_id=None, attempt=1, names=("a.test",),
            leaf_pem="leaf", chain_pem="chain", spki_sha256="ab", key_ref=None,
        )  # fmt: skip
        async with storage.begin() as tx:
            await tx.issuances.add(record)
            await tx.issuances.add(record.model_copy(update={"leaf_pem": "other"}))
            await tx.issuances.mark("cert_1", {1: IssuanceState.REVOKED, 7: IssuanceState.REVOKED})
            (kept,) = await tx.issuances.list("cert_1")
        assert (kept.leaf_pem, kept.issuance.state) == ("leaf", IssuanceState.REVOKED)


class TestBudget:
    WISH = Wish(key="cert_1/order/1", names=("www.example.com", "*.example.com"), urgency=Urgency.NEW, not_after=NOW)

    async def test_taken_once(self, storage: SqlStorage) -> None:
        """An order takes once by its key, gives back once, and may then take again."""
        async with storage.begin() as tx:
            for _ in range(2):
                assert await tx.budget.reserve(self.WISH, issuer="acme", limits=LETS_ENCRYPT, now=NOW) is None
                assert await tx.budget.reserve(self.WISH, issuer="acme", limits=LETS_ENCRYPT, now=NOW) is None
                assert await tx.budget.give_back(self.WISH.key, now=NOW)
                assert not await tx.budget.give_back(self.WISH.key, now=NOW)

    async def test_queue_comes_back(self, storage: SqlStorage) -> None:
        """Who waits comes back as it was written, to the microsecond, and can leave."""
        none = Limits(items=(Limit(scope=LimitScope.NAME_SET, count=1, period=timedelta(days=7)),))
        async with storage.begin() as tx:
            await tx.budget.reserve(self.WISH, issuer="acme", limits=none, now=NOW)
            late = self.WISH.model_copy(update={"key": "cert_2/order/1"})
            short = await tx.budget.reserve(late, issuer="acme", limits=none, now=NOW)
            (found,) = await tx.budget.standing(NOW, limit=5)
            (waiter,) = found.waiters
            assert (waiter.shortage, waiter.since, waiter.not_after, waiter.wants) == (
                short, NOW, NOW, counted_by(LimitScope.NAME_SET, late.names),
            )  # fmt: skip
            await tx.budget.forget(late.key)
            assert (await tx.budget.standing(NOW, limit=5))[0].waiting == 0


async def test_naive_moments_are_refused(storage: SqlStorage) -> None:
    """A moment without a zone never reaches the database."""
    with pytest.raises(Exception, match="time zone"):
        async with storage.begin() as tx:
            await tx.claims.claim("key", NOW.replace(tzinfo=None))


async def test_moments_come_back_in_utc(storage: SqlStorage) -> None:
    """A moment of another zone comes back as the same moment in UTC."""
    elsewhere = NOW.astimezone(timezone(timedelta(hours=9)))
    async with storage.begin() as tx:
        await tx.drafts.put(Draft.model_construct(id="d", certificate_id="c", created_at=elsewhere))
        kept = await tx.drafts.get("d")
    assert kept is not None
    assert (kept.created_at, kept.created_at.tzinfo) == (NOW, UTC)


@pytest.mark.parametrize(
    "cursor", ["", "!", "AAAA", "ä", "W10", "WyIwMDAxLTAxLTAxVDAwOjAwOjAwKzE0OjAwIiwgIngiXQ", "A" * 999]
)
async def test_bad_cursor(storage: SqlStorage, cursor: str) -> None:
    """A cursor that no list gave out is refused with its place."""
    async with storage.read() as tx:
        with pytest.raises(InvalidInput) as refused:
            await tx.certificates.search(account_id=None, cursor=cursor)
    assert refused.value.faults[0].pointer == "/cursor"


def test_now_is_precise() -> None:
    """These tests would not notice lost microseconds if there were none."""
    assert datetime.fromisoformat(NOW.isoformat()).microsecond
