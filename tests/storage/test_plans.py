"""The interesting questions walk an index: neither a scan of all rows nor a sort of them."""

import json
import re
from datetime import datetime

import pytest
from sqlalchemy import ColumnElement, Select, select, text

from certloom.domain.certificate import CertificateStatus, Group
from certloom.storage.engine import SqlStorage
from certloom.storage.records import Sort
from certloom.storage.search import Search, counted, counted_ending, folded, prefixed
from certloom.storage.sorting import Position, walked
from certloom.storage.tables import certificate_terms as terms
from tests.databases import POSTGRES
from tests.storage.rows import NOW

PAID = CertificateStatus.PAID
LISTS = {
    "of an account": (Search("acct_1"), "ix_certificates_account"),
    "of all": (Search(None), "ix_certificates_all"),
    "by status": (Search("acct_1", status=PAID), "ix_certificates_account_status"),
    "by status of all": (Search(None, status=PAID), "ix_certificates_status"),
    "by group": (Search("acct_1", group=Group.ORDERED), "ix_certificates_account_group"),
    "by group of all": (Search(None, group=Group.ORDERED), "ix_certificates_group"),
    "by expiry": (Search("acct_1", expires_before=NOW), "ix_certificates_account"),
    "by name": (Search("acct_1", sort=Sort.NAME), "ix_certificates_account_sort_name"),
    "by name of all": (Search(None, sort=Sort.NAME), "ix_certificates_sort_name"),
    "a group by name": (Search("acct_1", group=Group.ORDERED, sort=Sort.NAME), "ix_certificates_account_sort_name"),
    "a status by name": (Search(None, status=PAID, sort=Sort.NAME), "ix_certificates_sort_name"),
    "by end": (Search("acct_1", sort=Sort.EXPIRY), "ix_certificates_account_sort_end"),
    "by end of all": (Search(None, sort=Sort.EXPIRY), "ix_certificates_sort_end"),
    "a group by end": (Search(None, group=Group.ISSUED, sort=Sort.EXPIRY), "ix_certificates_sort_end"),
    "what ends by end": (
        Search("acct_1", expires_before=NOW, sort=Sort.EXPIRY),
        "ix_certificates_account_sort_end",
    ),
}
KEYS: dict[Sort, datetime | str | int] = {Sort.NEWEST: NOW, Sort.NAME: "example.com", Sort.EXPIRY: 1_800_000_000}


async def plan(storage: SqlStorage, kind: str, statement: Select[*tuple[object, ...]]) -> str:
    """Return the plan for a table that is too large to scan or to sort."""
    dialect = storage._database.writer.dialect
    sql = text(str(statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True})).replace(":", r"\:"))
    async with storage._database.write() as connection:
        if kind != POSTGRES:
            rows = await connection.execute(text(f"EXPLAIN QUERY PLAN {sql.text}"))
            return "\n".join(str(row[3]) for row in rows)
        await connection.execute(text("SET LOCAL enable_seqscan = off"))
        await connection.execute(text("SET LOCAL enable_bitmapscan = off"))
        await connection.execute(text("SET LOCAL enable_sort = off"))  # of an empty table it costs nothing
        return json.dumps(await connection.scalar(text(f"EXPLAIN (FORMAT JSON) {sql.text}")))


@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize(("search", "index"), LISTS.values(), ids=LISTS.keys())
async def test_lists_walk_an_index(storage: SqlStorage, kind: str, search: Search, index: str, *, back: bool) -> None:
    """A list is read in the order of its index, from the cursor on or back, and never sorted."""
    position = Position(KEYS[search.sort], "cert_1", back)
    found = await plan(storage, kind, walked(search.filtered(), search.sort, after=position, limit=51))
    # to PostgreSQL all fitting indexes of an empty table cost the same
    assert re.search(r"Index Scan" if kind == POSTGRES else rf"{index}\b", found)
    assert "TEMP B-TREE" not in found
    assert '"Node Type": "Sort"' not in found


@pytest.mark.parametrize("account_id", ["acct_1", None])
async def test_counting_reads_no_rows(storage: SqlStorage, kind: str, account_id: str | None) -> None:
    """The summary is answered from an index alone."""
    found = await plan(storage, kind, counted(account_id))
    assert "COVERING INDEX" in found or "Index Only Scan" in found


@pytest.mark.parametrize("account_id", ["acct_1", None])
async def test_counting_what_ends_reads_no_rows(storage: SqlStorage, kind: str, account_id: str | None) -> None:
    """So is how many end soon."""
    found = await plan(storage, kind, counted_ending(account_id, NOW))
    assert "COVERING INDEX" in found or "Index Only Scan" in found


@pytest.mark.parametrize("account_id", ["acct_1", None])
async def test_prefix_is_a_range(storage: SqlStorage, kind: str, account_id: str | None) -> None:
    """A prefix is looked up as a range of an index, whatever the database's collation is."""
    mine: list[ColumnElement[bool]] = [] if account_id is None else [terms.c.account_id == account_id]
    wanted = select(terms.c.certificate_id).where(*prefixed(terms.c.term, folded("www")), *mine)
    found = await plan(storage, kind, wanted)
    assert re.search(r"term>\? AND term<\?|Index Cond[^,]*term >= [^,]*term < ", found)
