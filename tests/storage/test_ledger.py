"""Money: never lost, never doubled, never below zero."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from certloom.domain.errors import InvalidInput, NotFound, PaymentRefused
from certloom.domain.money import INT64_MAX
from certloom.storage.engine import SqlStorage
from certloom.storage.records import PostingLine
from tests.databases import SQLITE, fresh_storage
from tests.storage.rows import NOW, account, open_account, posting


async def charge(storage: SqlStorage, key: str, amount: int, account_id: str = "acct_1") -> str:
    try:
        async with storage.begin() as tx:
            return "new" if await tx.ledger.post(posting(key, -amount, account_id=account_id)) else "known"
    except PaymentRefused as refusal:
        return refusal.special_code


async def test_parallel_charges(storage: SqlStorage) -> None:
    """Twenty parallel charges against a balance for seven: seven are booked, thirteen refused, nothing is lost."""
    await open_account(storage, deposit=75)
    answers = await asyncio.gather(*(charge(storage, f"charge {n}", 10) for n in range(20)))
    assert sorted(answers) == ["insufficient_balance"] * 13 + ["new"] * 7
    async with storage.read() as tx:
        assert await tx.ledger.balance("acct_1") == 5
        assert len((await tx.ledger.statement("acct_1", limit=50)).items) == 8
        assert (await tx.ledger.audit(), await tx.ledger.drifted()) == ({"EUR": 0}, [])


async def test_parallel_repeats(storage: SqlStorage) -> None:
    """The same charge sent ten times at once is booked once, though the balance covers only one."""
    await open_account(storage, deposit=10)
    answers = await asyncio.gather(*(charge(storage, "same", 10) for _ in range(10)))
    assert sorted(answers) == ["known"] * 9 + ["new"]


async def test_parallel_transfers(storage: SqlStorage) -> None:
    """Postings over the same two accounts in opposite order do not block each other for good."""
    await open_account(storage, "acct_1", deposit=100)
    await open_account(storage, "acct_2", deposit=100)

    async def transfer(number: int) -> bool:
        lines = (PostingLine(account="acct_1", amount=-1), PostingLine(account="acct_2", amount=1))
        both = posting(f"transfer {number}", 0).model_copy(update={"lines": lines[:: 1 if number % 2 else -1]})
        async with storage.begin() as tx:
            return await tx.ledger.post(both)

    assert all(await asyncio.gather(*(transfer(number) for number in range(12))))
    async with storage.read() as tx:
        assert (await tx.ledger.balance("acct_1"), await tx.ledger.balance("acct_2")) == (88, 112)


async def test_refusal_books_nothing(storage: SqlStorage) -> None:
    """A transaction may go on after a refused posting, and the posting has left no trace in it."""
    await open_account(storage, deposit=5)
    async with storage.begin() as tx:
        with pytest.raises(PaymentRefused, match=r"0\.05 EUR does not cover 0\.09 EUR; deposit at least 0\.04 EUR"):
            await tx.ledger.post(posting("charge", -9))
        await tx.claims.claim("declined", NOW)
    async with storage.begin() as tx:
        assert await tx.ledger.find("charge") is None
        assert await tx.ledger.post(posting("charge", -5))


async def test_find(storage: SqlStorage) -> None:
    """A posting is found by its key as it was booked."""
    await open_account(storage)
    booked = posting("key", 7, ours="deposits")
    async with storage.begin() as tx:
        await tx.ledger.post(booked)
        assert await tx.ledger.find("key") == booked


async def test_statement(storage: SqlStorage) -> None:
    """A statement lists an account's lines, newest first, in pages, each with the balance after it."""
    await open_account(storage, deposit=10)
    for number in range(3):
        await charge(storage, f"charge {number}", 2)
    async with storage.read() as tx:
        first = await tx.ledger.statement("acct_1", limit=2)
        second = await tx.ledger.statement("acct_1", limit=2, cursor=first.next_cursor)
    lines = [(line.amount, line.balance_after) for line in first.items + second.items]
    assert lines == [(-2, 4), (-2, 6), (-2, 8), (10, 10)]
    assert second.next_cursor is None


BAD = {
    "unbalanced": (PostingLine(account="acct_1", amount=1), PostingLine(account="sales:EUR", amount=-2)),
    "foreign account of ours": (PostingLine(account="acct_1", amount=1), PostingLine(account="sales:USD", amount=-1)),
    "unknown account of ours": (PostingLine(account="acct_1", amount=1), PostingLine(account="gifts:EUR", amount=-1)),
    "one line": (PostingLine(account="acct_1", amount=0),),
    "twice the same": (PostingLine(account="acct_1", amount=1), PostingLine(account="acct_1", amount=-1)),
    "too large": (
        PostingLine(account="acct_1", amount=INT64_MAX + 1),
        PostingLine(account="sales:EUR", amount=-INT64_MAX - 1),
    ),
}


@pytest.mark.parametrize("lines", BAD.values(), ids=BAD.keys())
async def test_bad_posting(storage: SqlStorage, lines: tuple[PostingLine, ...]) -> None:
    """A posting that is no double entry is refused."""
    await open_account(storage)
    async with storage.begin() as tx:
        with pytest.raises(InvalidInput):
            await tx.ledger.post(posting("bad", 0).model_copy(update={"lines": lines}))


async def test_other_currency(storage: SqlStorage) -> None:
    """Nothing is booked in another currency than the account's."""
    await open_account(storage)
    async with storage.begin() as tx:
        with pytest.raises(InvalidInput, match="kept in EUR"):
            await tx.ledger.post(posting("usd", 5, ours="deposits", currency="USD"))


async def test_balance_stays_in_range(storage: SqlStorage) -> None:
    """A balance that would leave int64 is refused, and the sums of the audit survive amounts of that size."""
    await open_account(storage, deposit=INT64_MAX)
    await open_account(storage, "acct_2", deposit=INT64_MAX)
    async with storage.begin() as tx:
        with pytest.raises(InvalidInput):
            await tx.ledger.post(posting("one more", 1, ours="deposits"))
        assert (await tx.ledger.audit(), await tx.ledger.drifted()) == ({"EUR": 0}, [])


async def test_unknown_account(storage: SqlStorage) -> None:
    """An account that does not exist has neither balance nor postings."""
    async with storage.begin() as tx:
        with pytest.raises(NotFound):
            await tx.ledger.post(posting("key", 1, ours="deposits"))
        with pytest.raises(NotFound):
            await tx.ledger.balance("acct_1")


async def test_audit_sees_a_changed_balance(storage: SqlStorage) -> None:
    """A balance changed behind the ledger's back is named."""
    await open_account(storage, deposit=10)
    async with storage._database.write() as connection, connection.begin():
        await connection.execute(text("UPDATE accounts SET balance = 11"))
    async with storage.read() as tx:
        assert await tx.ledger.drifted() == ["acct_1"]


async def test_second_line_of_defence(storage: SqlStorage) -> None:
    """The database itself refuses a negative balance."""
    await open_account(storage)
    async with storage._database.write() as connection:
        with pytest.raises(DBAPIError):
            await connection.execute(text("UPDATE accounts SET balance = -1"))


AMOUNTS = st.lists(st.tuples(st.sampled_from("ab"), st.integers(-50, 50), st.integers(0, 9)), max_size=12)


@given(moves=AMOUNTS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sums_to_zero(tmp_path_factory: pytest.TempPathFactory, moves: list[tuple[str, int, int]]) -> None:
    """Whatever is booked, repeated and refused: all lines sum to zero, and balances are the sums of their lines."""
    asyncio.run(book_all(tmp_path_factory.mktemp("ledger"), moves))


async def book_all(folder: Path, moves: list[tuple[str, int, int]]) -> None:
    expected = dict.fromkeys(("acct_a", "acct_b"), 0)
    keys: set[str] = set()
    async with fresh_storage(SQLITE, folder) as storage, storage.begin() as tx:
        for name in expected:
            await tx.accounts.add(account(name, created_at=NOW + timedelta(seconds=len(name))))
        for letter, amount, number in moves:
            name, key = f"acct_{letter}", str(number)
            if key in keys or expected[name] + amount >= 0:
                assert await tx.ledger.post(posting(key, amount, account_id=name)) is (key not in keys)
                expected[name] += 0 if key in keys else amount
                keys.add(key)
            else:
                with pytest.raises(PaymentRefused):
                    await tx.ledger.post(posting(key, amount, account_id=name))
        assert {name: await tx.ledger.balance(name) for name in expected} == expected
        assert set((await tx.ledger.audit()).values()) <= {0}
        assert await tx.ledger.drifted() == []
