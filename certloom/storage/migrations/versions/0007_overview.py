"""What the overview counts: tallies per day, and what needs attention."""

import json
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

# As the facts of that day have them: kind, what it counts as, and the field with the cause.
COUNTED = {
    "issued": ("issued", None),
    "payment_declined": ("payment_declined", "code"),
    "application_refused": ("refused", "reason"),
    "not_proven": ("not_proven", None),
    "renewal_failed": ("renewal_failed", None),
    "deployment_ended": ("deployment_failed", "outcome"),
}
ISSUER = "private"  # there was no other until then
BATCH = 500


def upgrade() -> None:
    """Create table and index, and count what happened so far."""
    op.create_table(
        "tallies",
        sa.Column("certificate_id", WORDS, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("account_id", WORDS, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("kind", WORDS, nullable=False),
        sa.Column("cause", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("certificate_id", "version", name=op.f("pk_tallies")),
        sa.ForeignKeyConstraint(["certificate_id"], ["certificates.id"], name=op.f("fk_tallies_certificate_id")),
    )
    op.create_index("ix_tallies_all", "tallies", ["day", "kind", "cause"])
    op.create_index("ix_tallies_account", "tallies", ["account_id", "day", "kind", "cause"])
    needed = sa.text("needs_attention")
    op.create_index(
        "ix_certificates_attention",
        "certificates",
        ["created_at", "id"],
        sqlite_where=needed,
        postgresql_where=needed,
    )
    _count()


def _count() -> None:
    """Count what happened so far, some hundred rows at a time."""
    tallies = sa.table(
        "tallies",
        *(sa.column(name) for name in ("certificate_id", "version", "account_id", "kind", "cause")),
        sa.column("day", sa.Date()),
    )
    happened = _happened()
    while batch := list(islice(happened, BATCH)):
        op.bulk_insert(tallies, batch)


def _happened() -> Iterator[dict[str, Any]]:
    """Read the facts that count; what SQL finds is only likely, so each is looked at again."""
    events = sa.table("certificate_events", *(sa.column(name) for name in ("certificate_id", "version", "fact")))
    rows = sa.table("certificates", *(sa.column(name) for name in ("id", "account_id")))
    columns = (events.c.certificate_id, events.c.version, rows.c.account_id, events.c.fact)
    likely = sa.or_(*(events.c.fact.contains(f'"{kind}"') for kind in COUNTED))
    found = sa.select(*columns).join_from(events, rows, rows.c.id == events.c.certificate_id).where(likely)
    for certificate_id, version, account_id, text in op.get_bind().execute(found):
        fact = json.loads(text)
        if fact["kind"] not in COUNTED or fact.get("outcome") in ("deployed", "superseded"):
            continue
        kind, field = COUNTED[fact["kind"]]
        cause = fact[field] if field else ISSUER if kind == "issued" else ""
        day = datetime.fromisoformat(fact["at"]).date()
        yield {
            "certificate_id": certificate_id,
            "version": version,
            "account_id": account_id,
            "day": day,
            "kind": kind,
            "cause": cause,
        }
