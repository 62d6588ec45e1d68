"""certloom list, status, events: what there is, how one is, and what happened to it."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer

from certloom.cli.certificate import called, follow, next_for, path_of, short, show, status_of, under_way
from certloom.cli.faults import JSON
from certloom.cli.finding import find_certificate
from certloom.cli.options import AsJson, Certificate, Cursor, Limit
from certloom.cli.screen import Cell
from certloom.cli.session import begin
from certloom.cli.words import listed, read_moment, relative, stamp


class Status(StrEnum):
    """The business status."""

    AWAITING_PAYMENT = "awaiting_payment"
    PAID = "paid"
    PENDING_VERIFICATION = "pending_verification"
    ISSUED = "issued"
    EXPIRED = "expired"
    REVOKED = "revoked"
    CANCELLED = "cancelled"
    DELETED = "deleted"


def list_certificates(
    query: Annotated[str | None, typer.Argument(metavar="QUERY", help="How a name, a label or an id begins.")] = None,
    *,
    status: Annotated[Status | None, typer.Option("--status", help="Only those of one status.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    as_json: AsJson = False,
) -> None:
    """List certificates, newest first."""
    with begin(as_json=as_json) as session:
        wanted = status.value if status else None
        page = session.service.get("/v1/certificates", query=query, status=wanted, limit=limit, cursor=cursor)
        session.screen.body(page)
        rows = [_row(view, session.now()) for view in page["items"]]
        session.screen.table(("name", "status", "ends", "label", "id"), rows, empty="There is no such certificate yet.")
        more = (f"certloom list --cursor {page['next_cursor']}",) if page["next_cursor"] else ()
        session.screen.following(*more, "certloom status CERT" if rows else "certloom products")


def status(
    certificate: Certificate,
    *,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Follow it until nothing is under way.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show how a certificate is and what may be done."""
    with begin(as_json=as_json) as session:
        view = find_certificate(session, certificate)
        if watch and under_way(view):
            start = f"{called(view)} is followed until nothing is under way."
            view = follow(session, view, done=lambda now: not under_way(now), start=start)
        session.screen.body(view)
        if not session.screen.as_json:
            show(session, view)
        session.screen.following(*next_for(view))


def events(certificate: Certificate, *, limit: Limit = 50, cursor: Cursor = None, as_json: AsJson = False) -> None:
    """Tell what happened to a certificate, newest first."""
    with begin(as_json=as_json) as session:
        view = find_certificate(session, certificate)
        page = session.service.get(f"{path_of(view)}/events", limit=limit, cursor=cursor)
        session.screen.body(page)
        rows = [_event(event) for event in page["items"]]
        session.screen.table(("time, UTC", "who", "what happened"), rows, empty="Nothing happened yet.", prose=True)
        at = short(view["id"])
        more = (f"certloom events {at} --cursor {page['next_cursor']}",) if page["next_cursor"] else ()
        session.screen.following(*more, f"certloom status {at}")


def _row(view: JSON, now: datetime) -> tuple[Cell, ...]:
    leaf = view["issuance"]
    at = read_moment(leaf["not_after"]) if leaf else None
    ends = f"{at:%Y-%m-%d}, {relative(at, now)}" if at and view["status"] in ("issued", "expired") else "-"
    names = listed(view["names"], most=1) or "-"
    return (names, "bold"), status_of(view), ends, str(view["label"] or ""), short(view["id"])


def _event(event: JSON) -> tuple[Cell, ...]:
    why = f" ({event['why']})" if event["why"] else ""
    return stamp(event["at"]), event["who"], f"{event['sentence']}{why}"
