"""The orders of the list, page after page and back, and the rows from before they were kept."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from certloom.domain.certificate import CertificateStatus, Group
from certloom.domain.errors import InvalidInput
from certloom.domain.state import CertificateState
from certloom.storage.engine import SqlStorage
from certloom.storage.migrations import versions
from certloom.storage.records import Page, Sort
from certloom.storage.sorting import LONGEST_NAME
from tests.storage.rows import NOW, certificate, ids, keep

S = CertificateStatus
DAY = timedelta(days=1)
ORDERS: dict[Sort, list[str]] = {
    Sort.NEWEST: ["cert_e", "cert_d", "cert_c", "cert_b", "cert_a"],
    Sort.NAME: ["cert_c", "cert_a", "cert_e", "cert_b", "cert_d"],
    Sort.EXPIRY: ["cert_d", "cert_a", "cert_c", "cert_e", "cert_b"],
}


def rows() -> list[CertificateState]:
    return [
        certificate("cert_a", names=("*.bee.test",), not_after=NOW + 9 * DAY, created_at=NOW),
        certificate("cert_b", names=(), label="Shop", status=S.PAID, created_at=NOW + DAY),
        certificate("cert_c", names=("Ant.test",), not_after=NOW + 9 * DAY, created_at=NOW + 2 * DAY),
        certificate("cert_d", names=("zoo.test", "a.test"), not_after=NOW + 3 * DAY, created_at=NOW + 3 * DAY),
        certificate(
            "cert_e", names=("bee.test",), not_after=NOW + DAY, status=S.REVOKED, created_at=NOW + 4 * DAY
        ),
    ]  # fmt: skip


async def ask(storage: SqlStorage, sort: Sort, cursor: str | None = None, limit: int = 2) -> Page[CertificateState]:
    async with storage.read() as tx:
        return await tx.certificates.search(account_id="acct_1", sort=sort, limit=limit, cursor=cursor)


async def pages(storage: SqlStorage, sort: Sort) -> list[Page[CertificateState]]:
    found = [await ask(storage, sort)]
    while found[-1].next_cursor:
        found.append(await ask(storage, sort, found[-1].next_cursor))
    return found


def flat(found: Sequence[Page[CertificateState]]) -> list[str]:
    return [one for page in found for one in ids(page.items)]


@pytest.mark.parametrize(("sort", "expected"), ORDERS.items())
async def test_each_order_is_walked_to_its_end(storage: SqlStorage, sort: Sort, expected: list[str]) -> None:
    """By age, by name without its star, or by the end of what is in force; each certificate once."""
    await keep(storage, *rows())
    found = await pages(storage, sort)
    assert flat(found) == expected
    assert found[0].previous_cursor is None


@pytest.mark.parametrize("sort", Sort)
async def test_each_order_is_walked_back(storage: SqlStorage, sort: Sort) -> None:
    """The page before is the one that was there before; the first one is whole and has none before it."""
    await keep(storage, *rows())
    first, second, third = await pages(storage, sort)
    back = await ask(storage, sort, third.previous_cursor)
    assert (back.items, back.next_cursor) == (second.items, second.next_cursor)
    assert await ask(storage, sort, back.previous_cursor) == first


async def test_going_back_meets_what_came_meanwhile(storage: SqlStorage) -> None:
    """What was bought since stands before the page, and is led to."""
    await keep(storage, *rows())
    first, second, _ = await pages(storage, Sort.NEWEST)
    await keep(storage, *(certificate(f"cert_n{n}", created_at=NOW + 9 * DAY) for n in range(3)))
    back = await ask(storage, Sort.NEWEST, second.previous_cursor)
    assert back.items == first.items
    assert back.previous_cursor
    assert flat([await ask(storage, Sort.NEWEST, back.previous_cursor)]) == ["cert_n1", "cert_n0"]


async def test_a_cursor_of_another_order_is_refused(storage: SqlStorage) -> None:
    """It would begin anywhere."""
    await keep(storage, *rows())
    cursor = (await ask(storage, Sort.NAME)).next_cursor
    with pytest.raises(InvalidInput) as caught:
        await ask(storage, Sort.EXPIRY, cursor)
    assert caught.value.faults[0].pointer == "/cursor"


async def test_long_names_fit_into_a_cursor(storage: SqlStorage) -> None:
    """What is compared is cut, and equal beginnings are told apart by id."""
    long = "\U0001f512" * 3 * LONGEST_NAME
    await keep(storage, *(certificate(f"cert_{n}", names=(), label=long) for n in range(5)))
    found = await pages(storage, Sort.NAME)
    assert flat(found) == [f"cert_{n}" for n in range(5)]
    assert max(len(page.next_cursor or "") for page in found) < 500


async def test_filters_hold_in_every_order(storage: SqlStorage) -> None:
    """Group, status and search narrow the list whatever its order."""
    await keep(storage, *rows())
    async with storage.read() as tx:
        search = tx.certificates.search
        found = await search(account_id=None, sort=Sort.NAME, group=Group.ORDERED)
        assert ids(found.items) == ["cert_e", "cert_b"]
        found = await search(account_id=None, sort=Sort.EXPIRY, status=S.ISSUED, expires_before=NOW + 5 * DAY)
        assert ids(found.items) == ["cert_d"]
        found = await search(account_id=None, sort=Sort.NAME, query="a")
        assert ids(found.items) == ["cert_c", "cert_d"]


async def test_what_ends_is_counted(storage: SqlStorage) -> None:
    """Only what is in force counts, and only one's own."""
    await keep(storage, *rows(), certificate("cert_x", account_id="acct_2", not_after=NOW + DAY))
    async with storage.read() as tx:
        assert await tx.certificates.ending("acct_1", NOW + 5 * DAY) == 1
        assert await tx.certificates.ending(None, NOW + 5 * DAY) == 2


async def test_old_rows_get_their_place(storage: SqlStorage, kind: str, tmp_path: Path) -> None:
    """The migration computes for rows from before what is computed at each write since."""
    await keep(storage, *rows())
    async with storage._database.write() as connection, connection.begin():
        written = (await connection.execute(text("SELECT id, sort_name, sort_end, state FROM certificates"))).all()
    migration = __import__(f"{versions.__name__}.0005_sorting", fromlist=["_filled"])
    for row_id, name, end, state in written:
        assert migration._filled(migration.json.loads(state)) == {"id": row_id, "name": name, "end": end}
