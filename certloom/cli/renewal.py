"""certloom renew, replace: another leaf within the plan, and another key in place of one that must go."""

from collections.abc import Callable
from typing import Final

from certloom.cli.application import key_form
from certloom.cli.certificate import follow, next_for, path_of, short, show, show_challenges
from certloom.cli.faults import JSON, NotDone
from certloom.cli.finding import find_certificate
from certloom.cli.options import AsJson, Certificate, Csr, Key, KeyTypeOption, NoWait, Reason, ReasonOption, Yes
from certloom.cli.session import Session, begin

_MAKING: Final = ("preparing", "proving", "issuing", "reviewing")


def renew(certificate: Certificate, *, no_wait: NoWait = False, key: Key = None, as_json: AsJson = False) -> None:
    """Renew now, before it happens by itself.

    It is free within the plan, and possible once in 24 hours; the new certificate goes to every target by itself.
    """
    with begin(as_json=as_json, key=key) as session:
        before = find_certificate(session, certificate)
        view = session.service.change("POST", f"{path_of(before)}/renewal")
        if not no_wait:
            view = _issued(session, before, view, done=lambda now: now["phase"] not in _MAKING)
        _tell_end(session, view, waited=not no_wait)


def replace(
    certificate: Certificate,
    *,
    reason: ReasonOption = Reason.SUPERSEDED,
    key_type: KeyTypeOption = None,
    csr: Csr = None,
    yes: Yes = False,
    no_wait: NoWait = False,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Issue anew, then revoke the older ones.

    The new certificate goes to every target before the older ones are revoked. It asks first.
    """
    form = {"reason": reason.value, **key_form(key_type, csr)}
    with begin(as_json=as_json, key=key) as session:
        before = find_certificate(session, certificate)
        if not yes:
            session.screen.notice("A new certificate is made; then every older one is revoked, for good.", "")
            if not session.screen.ask(f"Replace {before['id']}?"):
                raise NotDone("Nothing was replaced.")
        view = session.service.change("POST", f"{path_of(before)}/replacement", form)
        if not no_wait:
            view = _issued(session, before, view, done=lambda now: now["phase"] == "idle")
        _tell_end(session, view, waited=not no_wait)


def _issued(session: Session, before: JSON, accepted: JSON, *, done: Callable[[JSON], bool]) -> JSON:
    """Follow it until there is a newer leaf, or none came of it; a repeated command may find it there already."""
    number = min(view["issuance"]["number"] if view["issuance"] else 0 for view in (before, accepted))

    def over(now: JSON) -> bool:
        newer = now["issuance"] is not None and now["issuance"]["number"] > number
        tried = now["version"] > before["version"] + 1  # begun and failed are two versions
        failed = tried and now["phase"] == "idle" and now["renewal"]["last_error"] is not None
        return (newer and done(now)) or failed

    view = follow(session, before, done=over, start="The new certificate is made.")
    if view["issuance"]["number"] <= number:
        sentence = f"No new certificate came of it: {view['renewal']['last_error']}"
        raise NotDone(sentence, view=view, hint=f"certloom events {short(view['id'])}")
    return view


def _tell_end(session: Session, view: JSON, *, waited: bool) -> None:
    session.screen.body(view)
    if not session.screen.as_json:
        if waited:
            session.screen.good(f"Certificate number {view['issuance']['number']} is issued.")
            show(session, view)
        else:
            session.screen.good("It is under way.")
            show_challenges(session, view)
    session.screen.following(*(next_for(view) if waited else (f"certloom status {short(view['id'])} --watch",)))
