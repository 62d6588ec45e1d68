"""The orders in which certificates are listed beside newest first: by name, and by the end of what is in force."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
RIDE = ["id", "hidden", "status_group", "status", "not_after", "origin"]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NEVER = 2**62
AT_ONCE = 1_000  # rows

_read = sa.text("SELECT id, state FROM certificates WHERE id > :last ORDER BY id LIMIT :most")
_write = sa.text("UPDATE certificates SET sort_name = :name, sort_end = :end WHERE id = :id")


def upgrade() -> None:
    """Add both columns, fill them, and index them."""
    op.add_column("certificates", sa.Column("sort_name", WORDS, nullable=False, server_default=sa.text("''")))
    op.add_column("certificates", sa.Column("sort_end", sa.BigInteger(), nullable=False, server_default=sa.text("0")))
    for rows in _pages():
        op.get_bind().execute(_write, [_filled(json.loads(state)) for _, state in rows])
    for column in ("sort_name", "sort_end"):
        op.create_index(f"ix_certificates_account_{column}", "certificates", ["account_id", column, *RIDE])
        op.create_index(f"ix_certificates_{column}", "certificates", [column, *RIDE])


def _pages() -> Iterator[Iterable[Any]]:
    last = ""
    while rows := op.get_bind().execute(_read, {"last": last, "most": AT_ONCE}).all():
        yield rows
        last = rows[-1][0]


def _filled(state: Mapping[str, Any]) -> dict[str, Any]:
    """Compute what storage/sorting.py computes since, from a row as it was then."""
    names = (state["application"] or {}).get("names") or state["uploaded_names"]
    product = state["product"]["title"] if state["product"] else state["certificate_id"]
    known = names[0].removeprefix("*.") if names else state["label"] or product
    in_force = state["status"] == "issued" and state["issuances"]
    end = _moment(state["issuances"][-1]["not_after"]) if in_force else NEVER - _moment(state["created_at"])
    return {"id": state["certificate_id"], "name": known.casefold()[:60].replace("\0", "\ufffd"), "end": end}


def _moment(text: str) -> int:
    return int((datetime.fromisoformat(text) - EPOCH).total_seconds())
