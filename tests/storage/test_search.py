"""How certificates are found, listed and counted."""

from datetime import timedelta

import pytest

from certloom.domain.certificate import CertificateStatus, Group, Origin
from certloom.storage.engine import SqlStorage
from certloom.storage.search import FEW
from tests.storage.rows import NOW, certificate, ids, keep

S = CertificateStatus


async def found(storage: SqlStorage, query: str, account_id: str | None = "acct_1") -> list[str]:
    async with storage.read() as tx:
        return ids((await tx.certificates.search(account_id=account_id, query=query)).items)


async def test_newest_first(storage: SqlStorage) -> None:
    """Lists begin with the newest; at the same moment the greater id comes first."""
    later = NOW + timedelta(microseconds=1)
    await keep(storage, certificate("cert_a"), certificate("cert_b"), certificate("cert_0", created_at=later))
    async with storage.read() as tx:
        assert ids((await tx.certificates.search(account_id="acct_1")).items) == ["cert_0", "cert_b", "cert_a"]


async def test_pages_have_no_gap_or_repeat(storage: SqlStorage) -> None:
    """Walking all pages while others buy shows each certificate of the start exactly once."""
    await keep(storage, *(certificate(f"cert_{n:02}", created_at=NOW + timedelta(seconds=n // 3)) for n in range(20)))
    seen: list[str] = []
    cursor: str | None = None
    for number in range(100):
        async with storage.read() as tx:
            page = await tx.certificates.search(account_id="acct_1", limit=3, cursor=cursor)
        seen += ids(page.items)
        cursor = page.next_cursor
        if cursor is None:
            break
        await keep(storage, certificate(f"cert_x{number}", created_at=NOW + timedelta(hours=1)))
    assert seen == [f"cert_{n:02}" for n in reversed(range(20))]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("WWW.Exa", ["cert_1"]),
        ("CERT_2", ["cert_2"]),
        ("straSSe", ["cert_2"]),
        ("100%", ["cert_3"]),
        ("100_", []),
        ("%", []),
        ("_", []),
        ("xample", []),
        ("\0", []),
        ("\U0010ffff", []),
        ("\ud7ff", []),
        ("*.w", ["cert_3"]),
    ],
)
async def test_query(storage: SqlStorage, query: str, expected: list[str]) -> None:
    """A query is the beginning of a name, the label or the id, in any case and as plain text."""
    await keep(
        storage,
        certificate("cert_1", names=("other.test", "www.example.com")),
        certificate("cert_2", names=("b.test",), label="Straße 5"),
        certificate("cert_3", names=("*.wild.test",), label="100% sure"),
    )
    assert await found(storage, query) == expected


async def test_query_of_another_account(storage: SqlStorage) -> None:
    """A query finds nothing of another account; an operator's finds all."""
    await keep(storage, certificate("cert_1", account_id="acct_2"))
    assert await found(storage, "www") == []
    assert await found(storage, "www", account_id=None) == ["cert_1"]


async def test_query_follows_changes(storage: SqlStorage) -> None:
    """A new label is found, the old one is not."""
    await keep(storage, certificate(label="before", version=1), certificate(label="after", version=2))
    assert (await found(storage, "before"), await found(storage, "after")) == ([], ["cert_1"])


async def test_query_that_matches_many(storage: SqlStorage) -> None:
    """A prefix of very many names still gives one page, cut right, of this account only."""
    mine = [certificate(f"cert_{n:04}") for n in range(FEW + 2)]
    await keep(storage, *mine, certificate("cert_other", account_id="acct_2"))
    async with storage.read() as tx:
        page = await tx.certificates.search(account_id="acct_1", query="www", limit=2)
        rest = await tx.certificates.search(account_id="acct_1", query="www", limit=FEW, cursor=page.next_cursor)
    assert ids(page.items + rest.items) == ids(mine[::-1])
    assert rest.next_cursor is None


async def test_deleted_are_hidden(storage: SqlStorage) -> None:
    """Deleted ones show only when status or group asks for them."""
    await keep(storage, certificate("cert_1"), certificate("cert_2", status=S.DELETED))
    async with storage.read() as tx:
        search = tx.certificates.search
        assert ids((await search(account_id="acct_1")).items) == ["cert_1"]
        assert ids((await search(account_id="acct_1", query="www")).items) == ["cert_1"]
        assert ids((await search(account_id="acct_1", group=Group.CLOSED)).items) == ["cert_2"]
        assert ids((await search(account_id="acct_1", status=S.DELETED)).items) == ["cert_2"]


async def test_filters(storage: SqlStorage) -> None:
    """Group, status, origin and end of validity narrow the list, alone and together."""
    soon = NOW + timedelta(days=5)
    await keep(
        storage,
        certificate("cert_1", status=S.PAID, origin=Origin.PURCHASED),
        certificate("cert_2", not_after=soon),
        certificate("cert_3", status=S.REVOKED, origin=Origin.PURCHASED, not_after=soon + timedelta(days=9)),
    )
    async with storage.read() as tx:
        search = tx.certificates.search
        assert ids((await search(account_id=None, group=Group.ORDERED)).items) == ["cert_3", "cert_1"]
        assert ids((await search(account_id=None, group=Group.ORDERED, status=S.PAID)).items) == ["cert_1"]
        assert ids((await search(account_id=None, origin=Origin.UPLOADED)).items) == ["cert_2"]
        assert ids((await search(account_id=None, expires_before=soon)).items) == []
        assert ids((await search(account_id=None, expires_before=soon + timedelta(seconds=1))).items) == ["cert_2"]


async def test_summary(storage: SqlStorage) -> None:
    """Every status is counted, also those that nobody is in, per account or over all."""
    await keep(storage, certificate("cert_1"), certificate("cert_2", account_id="acct_2"))
    async with storage.read() as tx:
        assert await tx.certificates.summary("acct_1") == {**dict.fromkeys(S, 0), S.ISSUED: 1}
        assert await tx.certificates.summary(None) == {**dict.fromkeys(S, 0), S.ISSUED: 2}
