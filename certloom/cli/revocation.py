"""certloom revoke, delete: what ends a certificate for good, each after a question that says what it costs."""

from typing import Annotated

import typer

from certloom.cli.certificate import called, follow, next_for, path_of, short, show
from certloom.cli.faults import JSON, NotDone, Refused
from certloom.cli.finding import find_certificate
from certloom.cli.options import AsJson, Certificate, Key, NoWait, Reason, ReasonOption, Yes
from certloom.cli.purchase import settled
from certloom.cli.session import Session, begin
from certloom.cli.words import moment, money, plain


def revoke(
    certificate: Certificate,
    *,
    reason: ReasonOption = Reason.UNSPECIFIED,
    force: Annotated[bool, typer.Option("--force", help="Although a handshake still finds it served.")] = False,
    yes: Yes = False,
    no_wait: NoWait = False,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Revoke a certificate, with a refund if it is due.

    It shows what is paid back until when, and what serves the certificate still, and asks first.
    """
    with begin(as_json=as_json, key=key) as session:
        view = find_certificate(session, certificate)
        if not yes:
            _tell_cost(session, view)
            if not session.screen.ask(f"Revoke {called(view)} ({view['id']}) for good?"):
                raise NotDone("Nothing was revoked.")
        form = {"reason": reason.value, "force": force}
        view = session.service.change("POST", f"{path_of(view)}/revocation", form)
        if not no_wait:
            view = settled(session, view, status="revoked", start="The issuer revokes it.")
        session.screen.body(view)
        if not session.screen.as_json:
            session.screen.good(f"It is {plain(view['status'])}.")
            show(session, view)
        session.screen.following(*next_for(view))


def delete(
    certificate: Certificate,
    *,
    forfeit_refund: Annotated[bool, typer.Option("--forfeit-refund", help="Give up a refund that is due.")] = False,
    yes: Yes = False,
    no_wait: NoWait = False,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Delete a certificate and its keys for good.

    It asks to type the name first. A deletion neither revokes nor pays back.
    """
    with begin(as_json=as_json, key=key) as session:
        view = find_certificate(session, certificate)
        if not yes:
            _require_name(session, view)
        query = {"forfeit_refund": "true"} if forfeit_refund else None
        view = session.service.change("DELETE", path_of(view), query=query) or session.service.get(path_of(view))
        if not no_wait:
            view = follow(
                session, view, done=lambda now: now["status"] == "deleted", start="The private keys are destroyed."
            )
        session.screen.body(view)
        session.screen.good(f"{called(view)} is {'being ' if no_wait else ''}deleted; its private keys are destroyed.")
        session.screen.following(f"certloom events {short(view['id'])}", "certloom list")


def _tell_cost(session: Session, view: JSON) -> None:
    quote, now = session.service.get(f"{path_of(view)}/refund-quote"), session.now()
    screen = session.screen
    if quote["due"]:
        until = f", until {moment(quote['until'], now)}" if quote["until"] else ""
        screen.notice(f"{money(quote['amount'])} are paid back{until}.", "")
    else:
        screen.notice(f"Nothing is paid back: {plain(quote['why'])}.", "")
    for line in _serving(session, view):
        screen.notice(line)


def _serving(session: Session, view: JSON) -> list[str]:
    """Name what still serves it."""
    served = [one["target_id"] for one in view["placements"] if one["proven"]]
    return [f"{_place(session, one)}; while it is found there, --force is needed." for one in served]


def _place(session: Session, target_id: str) -> str:
    try:
        target = session.service.get(f"/v1/targets/{target_id}")
    except Refused:  # it was deleted just now
        return f"{target_id} serves it still"
    places = ", ".join(f"{end['host']}:{end['port']}" for end in target["endpoints"])
    return f"{target['name']} serves it still, at {places}"


def _require_name(session: Session, view: JSON) -> None:
    name = str((view["names"] or [view["label"] or view["id"]])[0])
    session.screen.notice(f"This deletes {view['id']} ({plain(view['status'])}) and its private keys, for good.", "")
    if session.screen.ask_for(f"Type {name} to delete it:", instead="--yes") != name:
        raise NotDone("That is another name; nothing was deleted.")
