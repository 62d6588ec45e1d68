"""certloom apply, check, withdraw: names, what to publish to prove them, and the wait until it was seen."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from certloom.cli.certificate import called, follow, next_for, path_of, short, show, show_challenges
from certloom.cli.faults import JSON, Misunderstood, NotDone, read_json
from certloom.cli.finding import find_certificate
from certloom.cli.options import AsJson, Certificate, Csr, Key, KeyType, KeyTypeOption, NoWait
from certloom.cli.session import Session, begin
from certloom.cli.words import plain


class Validation(StrEnum):
    """How control of a name is shown."""

    DNS_01 = "dns-01"
    HTTP_01 = "http-01"


def apply(
    certificate: Certificate,
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME...", help="The names to be certified; IP addresses, too, if the product covers them."
        ),
    ],
    *,
    validation: Annotated[
        Validation,
        typer.Option("--validation", help="Prove control by a DNS record, or by a file, which addresses need."),
    ] = Validation.DNS_01,
    key_type: KeyTypeOption = None,
    csr: Csr = None,
    details: Annotated[
        Path | None,
        typer.Option("--details", metavar="FILE", help="For OV and EV: JSON with `organization` and `contact`."),
    ] = None,
    no_wait: NoWait = False,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Apply for names, and prove that they are yours.

    It shows what to publish, then waits until that was seen and the certificate is issued. Ctrl-C stops the waiting
    alone.
    """
    form = {"names": names, "validation": validation.value, **key_form(key_type, csr), **_details(details)}
    with begin(as_json=as_json, key=key) as session:
        before = find_certificate(session, certificate)
        accepted = session.service.change("POST", f"{path_of(before)}/application", form)
        view = _prepared(session, before, accepted)
        if no_wait or view["phase"] == "reviewing":
            session.screen.body(view)
            show_challenges(session, view)
        else:
            show_challenges(session, view)
            view = _issued(session, view)
            session.screen.body(view)
            _tell_end(session, view)
        session.screen.following(*next_for(view))


def check(certificate: Certificate, *, key: Key = None, as_json: AsJson = False) -> None:
    """Have the proof looked for now, once in 10 seconds."""
    with begin(as_json=as_json, key=key) as session:
        view = find_certificate(session, certificate)
        view = session.service.change("POST", f"{path_of(view)}/application/check")
        session.screen.body(view)
        session.screen.good("It is looked for now.")
        show_challenges(session, view)
        session.screen.following(f"certloom status {short(view['id'])} --watch")


def withdraw(certificate: Certificate, *, key: Key = None, as_json: AsJson = False) -> None:
    """Take an application back; the order stays paid."""
    with begin(as_json=as_json, key=key) as session:
        view = find_certificate(session, certificate)
        view = session.service.change("DELETE", f"{path_of(view)}/application")
        session.screen.body(view)
        session.screen.good(f"The application was withdrawn; {called(view)} is {plain(view['status'])}.")
        session.screen.following(*next_for(view), f"certloom cancel {short(view['id'])}")


def key_form(key_type: KeyType | None, csr: Path | None) -> JSON:
    """Return the part of a form that says whose key it is; raises Misunderstood for two, and for no file."""
    if csr is None:
        return {"key": {"type": (key_type or KeyType.ECDSA_P256).value}}
    if key_type is not None:
        raise Misunderstood("Give --key-type, and the service makes the key, or --csr with a request of your own key.")
    return {"csr": read_text(csr)}


def read_json_file(file: Path) -> JSON:
    """Return the JSON of a file, or of standard input for `-`; raises Misunderstood."""
    given = str(file) == "-"
    return read_json(sys.stdin.read() if given else read_text(file), "standard input" if given else str(file))


def read_text(path: Path) -> str:
    """Return a file that a person named; raises Misunderstood when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise Misunderstood(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise Misunderstood(f"{path} is no text; give it in PEM form, which begins with -----BEGIN.") from None


def _details(path: Path | None) -> JSON:
    if path is None:
        return {}
    found = read_json(read_text(path), str(path))
    if unknown := sorted(set(found) - {"organization", "contact"}):
        raise Misunderstood(f"{path} holds {unknown[0]}; only `organization` and `contact` belong there.")
    return found


def _prepared(session: Session, before: JSON, accepted: JSON) -> JSON:
    """Follow it until this application has its challenges, or is closed again.

    A slow answer may still show the application before, which is closed; a repeated one shows this one from the start.
    """
    earlier, shown = (view["application"] or {} for view in (before, accepted))
    mine = shown.get("id") if shown and shown["outcome"] is None else None

    def done(now: JSON) -> bool:
        current = (now["application"] or {}).get("id")
        begun = current == mine if mine else current not in (None, earlier.get("id"))
        return begun and now["phase"] != "preparing"

    return follow(session, before, done=done, start="Key, order and challenges are made.")


def _issued(session: Session, view: JSON) -> JSON:
    start = "It is looked for until it is found."
    view = follow(session, view, done=lambda now: now["phase"] not in ("preparing", "proving", "issuing"), start=start)
    if view["status"] not in ("issued", "pending_verification"):
        sentence = (
            f"The application ended: {plain(view['application']['outcome'])}. The order is {plain(view['status'])}."
        )
        raise NotDone(sentence, view=view, hint=f"certloom events {short(view['id'])}")
    return view


def _tell_end(session: Session, view: JSON) -> None:
    if session.screen.as_json:
        return
    if view["phase"] == "reviewing":
        session.screen.good("Every name is proven; an operator reviews the organisation now.")
    else:
        session.screen.good("Issued.")
    show(session, view)
