"""certloom issuers: what each issuer signed, what its limits leave, and which orders wait for that; for operators."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from certloom.cli.certificate import short
from certloom.cli.faults import JSON
from certloom.cli.options import AsJson
from certloom.cli.screen import Cell
from certloom.cli.session import begin
from certloom.cli.words import counted, listed, moment, plain

_HOUR, _DAY = 3600, 86_400
_WHAT: Final[Mapping[str, str]] = {
    "orders": "orders",
    "domain": "certificates a domain",
    "name_set": "certificates for the same names",
    "failures": "failed proofs a name",
}


def issuers(*, as_json: AsJson = False) -> None:
    """List issuers and what their limits leave; for operators."""
    with begin(as_json=as_json) as session:
        found, now, screen = session.service.get("/v1/issuers"), session.now(), session.screen
        screen.body(found)
        rows = [
            (
                (one["name"], "bold"),
                plain(one["kind"]),
                listed(one["products"]),
                str(one["issued_in_30_days"]),
                str(one["waiting"]),
            )
            for one in found["items"]
        ]
        screen.table(("issuer", "kind", "products", "issued in 30 days", "waiting"), rows, empty="There is no issuer.")
        for one in found["items"]:
            if buckets := _buckets(one, now):
                screen.say(f"Limits of {one['name']}:", "bold")
                screen.table(("limit", "counted for", "used", "left", "next"), buckets, empty="")
            for waiter in one["waiters"]:
                screen.say(f"{short(waiter['certificate_id'])} waits until {moment(waiter['until'], now)}.", "yellow")
                screen.fact("  why", waiter["why"])
        screen.following("certloom status CERT", "certloom list")


def _buckets(issuer: JSON, now: datetime) -> list[tuple[Cell, ...]]:
    return [
        (
            f"{limit['count']} {_WHAT.get(limit['scope'], plain(limit['scope']))} in {_span(limit['period'])}",
            bucket["title"] or "all",
            str(bucket["used"]),
            str(bucket["free"]) if bucket["free"] else ("none", "red"),
            moment(bucket["next_free_at"], now) if bucket["next_free_at"] else "now",
        )
        for limit in issuer["limits"]
        for bucket in limit["buckets"]
    ]


def _span(seconds: float) -> str:
    days, rest = divmod(round(seconds), _DAY)
    return counted(days, "day") if days and not rest else counted(round(seconds / _HOUR), "hour")
