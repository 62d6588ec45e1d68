"""Double entry: postings booked once by key, balances that never go below zero, statements, and the audit of both."""

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import ColumnElement, Select, bindparam, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from certloom.domain.errors import NotFound
from certloom.storage.booking import Standing, check, customers, settle
from certloom.storage.cursor import BY_NUMBER
from certloom.storage.records import LedgerLine, Page, Posting, PostingLine
from certloom.storage.rows import insert_once
from certloom.storage.tables import accounts, posting_lines, postings

_HALF: Final = 2**32  # sums are taken in halves, because SQLite refuses a sum that leaves int64 on its way to zero

_STANDINGS = (
    select(accounts.c.id, accounts.c.currency, accounts.c.balance)
    .where(accounts.c.id.in_(bindparam("the_accounts", expanding=True)))
    .order_by(accounts.c.id)
    .with_for_update(key_share=True)
)
_BOOKED = select(postings.c.key).where(postings.c.key == bindparam("the_key"))
_BALANCE = update(accounts).where(accounts.c.id == bindparam("the_account"))
_NEW_LINES = insert(posting_lines)


class SqlLedgerTable:
    """LedgerTable on one connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def post(self, posting: Posting) -> bool:
        """Book once by key; see the interface, and NotFound for a customer's account that does not exist.

        Everything is judged before the first write, so a caller that catches a refusal may go on in its transaction.
        """
        check(posting)
        standings = await self._lock(customers(posting))
        if await self._booked(posting.key):
            return False
        after = settle(posting, standings)
        header = {name: value for name, value in posting if name != "lines"}
        if not await insert_once(self._connection, postings, header):
            return False
        await self._write_lines(posting, after)
        return True

    async def _lock(self, names: Sequence[str]) -> dict[str, Standing]:
        """Lock in one order for all callers; FOR NO KEY UPDATE leaves foreign keys to the account free."""
        rows = await self._connection.execute(_STANDINGS, {"the_accounts": list(names)})
        found = {name: Standing(currency, balance) for name, currency, balance in rows}
        if len(found) < len(names):
            raise NotFound("There is no such account.")
        return found

    async def _booked(self, key: str) -> bool:
        return await self._connection.scalar(_BOOKED, {"the_key": key}) is not None

    async def _write_lines(self, posting: Posting, after: Mapping[str, int]) -> None:
        rows = [
            {**dict(line), "posting_key": posting.key, "balance_after": after.get(line.account)}
            for line in posting.lines
        ]
        await self._connection.execute(_NEW_LINES, rows)
        for name, balance in after.items():
            await self._connection.execute(_BALANCE, {"the_account": name, "balance": balance})

    async def find(self, key: str) -> Posting | None:
        """Return a posting by its key, its lines in the order of booking."""
        header = (await self._connection.execute(select(postings).where(postings.c.key == key))).mappings().first()
        if header is None:
            return None
        mine = select(posting_lines.c.account, posting_lines.c.amount).where(posting_lines.c.posting_key == key)
        rows = await self._connection.execute(mine.order_by(posting_lines.c.number))
        lines = tuple(PostingLine(account=account, amount=amount) for account, amount in rows)
        return Posting(**header, lines=lines)

    async def balance(self, account_id: str) -> int:
        """Return a customer's balance; raises NotFound."""
        balance = await self._connection.scalar(select(accounts.c.balance).where(accounts.c.id == account_id))
        if balance is None:
            raise NotFound("There is no such account.")
        return int(balance)

    async def statement(self, account_id: str, *, limit: int, cursor: str | None = None) -> Page[LedgerLine]:
        """List the account's lines, newest first."""
        statement = _STATEMENT.where(posting_lines.c.account == account_id)
        if cursor is not None:
            statement = statement.where(posting_lines.c.number < BY_NUMBER.read(cursor))
        ordered = statement.order_by(posting_lines.c.number.desc()).limit(limit + 1)
        rows = [
            (row.pop("number"), LedgerLine(**row))
            for row in map(dict, (await self._connection.execute(ordered)).mappings())
        ]
        page = BY_NUMBER.page(rows, limit, lambda row: row[0])
        return Page(items=tuple(line for _, line in page.items), next_cursor=page.next_cursor)

    async def audit(self) -> Mapping[str, int]:
        """Sum all lines per currency; every value is zero, or the ledger is broken."""
        statement = _sums(postings.c.currency).join(postings, postings.c.key == posting_lines.c.posting_key)
        return {currency: _whole(high, low) for currency, high, low in await self._connection.execute(statement)}

    async def drifted(self) -> Sequence[str]:
        """List the accounts whose balance is not the sum of their lines: none, or the ledger is broken."""
        rows = await self._connection.execute(_sums(posting_lines.c.account))
        sums = {account: _whole(high, low) for account, high, low in rows}
        balances = await self._connection.execute(select(accounts.c.id, accounts.c.balance).order_by(accounts.c.id))
        return [account for account, balance in balances if balance != sums.get(account, 0)]


_STATEMENT = select(
    posting_lines.c.number,
    postings.c.at,
    postings.c.kind,
    postings.c.reference,
    posting_lines.c.amount,
    posting_lines.c.balance_after,
    postings.c.currency,
).join(postings, postings.c.key == posting_lines.c.posting_key)


def _sums(column: ColumnElement[str]) -> Select[str, int, int]:
    high = func.sum(posting_lines.c.amount // _HALF)
    low = func.sum(posting_lines.c.amount % _HALF)
    return select(column, high, low).select_from(posting_lines).group_by(column)


def _whole(high: int, low: int) -> int:
    return int(high) * _HALF + int(low)
