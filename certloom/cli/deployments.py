"""certloom deploy, rollback: onto targets and back, followed until handshakes proved it at every endpoint."""

from collections.abc import Sequence
from typing import Annotated, Final

import typer

from certloom.cli import completion
from certloom.cli.certificate import path_of, short
from certloom.cli.faults import JSON, NotDone, Refused
from certloom.cli.finding import find_certificate, find_target, safe_id
from certloom.cli.options import AsJson, Certificate, Key, NoWait
from certloom.cli.screen import Progress
from certloom.cli.session import Session, begin
from certloom.cli.words import counted, plain

_SIGHTS: Final = {
    "served": "serves another certificate",
    "no_certificate": "gives no certificate",
    "unreachable": "cannot be reached",
    "refused": "may not be asked: its address is on the deny list",
}
_STYLES: Final = {"deployed": "green", "rolled_back": "yellow", "failed": "red", "superseded": "yellow"}

Targets = Annotated[
    list[str],
    typer.Argument(metavar="TARGET...", help="Targets, by id or name.", autocompletion=completion.targets),
]


def deploy(
    certificate: Certificate, targets: Targets, *, no_wait: NoWait = False, key: Key = None, as_json: AsJson = False
) -> None:
    """Put a certificate on targets, proven by handshakes.

    What cannot be proven at every endpoint is put back by itself; then this exits with 1.
    """
    with begin(as_json=as_json, key=key) as session:
        view = find_certificate(session, certificate)
        places = [find_target(session, target)["id"] for target in targets]
        begun = session.service.change("POST", f"{path_of(view)}/deployments", {"targets": places})
        items: list[JSON] = begun["items"]
        if not no_wait:
            items = _ended(session, items, hint=f"certloom status {short(view['id'])} --watch")
        session.screen.body({"items": items})
        _tell(session, items)
        _require_deployed(items, waited=not no_wait)
        following = [f"certloom rollback {one['id']}" for one in items[:1]]
        session.screen.following(f"certloom status {short(view['id'])}", *following)


def rollback(
    deployment: Annotated[str, typer.Argument(metavar="DEPLOYMENT", help="The id of what a target serves now.")],
    *,
    no_wait: NoWait = False,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Put back what a target held before.

    That is proven at every endpoint like any deployment.
    """
    with begin(as_json=as_json, key=key) as session:
        view = session.service.change("POST", f"/v1/deployments/{safe_id(deployment)}/rollback")
        hint = f"certloom status {short(view['certificate_id'])} --watch"
        items = [view] if no_wait else _ended(session, [view], hint=hint)
        session.screen.body(items[0])
        _tell(session, items)
        _require_deployed(items, waited=not no_wait)
        session.screen.following(f"certloom status {short(view['certificate_id'])}")


def endpoint_of(look: JSON) -> str:
    """Name an endpoint as people write it."""
    endpoint = look["endpoint"]
    where = f"{endpoint['host']}:{endpoint['port']}"
    name = endpoint["server_name"]
    asked = where if name in (None, endpoint["host"]) else f"{where} for {name}"
    return f"{asked} at {look['address']}" if look["address"] not in (None, endpoint["host"]) else asked


def sight_of(look: JSON) -> str:
    """Say what an endpoint answered; `matches` is there when it is known what it should serve."""
    if look.get("matches"):
        return "serves it"
    known = "serves a certificate" if "matches" not in look else _SIGHTS["served"]
    words = known if look["sight"] == "served" else _SIGHTS.get(look["sight"], plain(look["sight"]))
    return f"{words}: {look['detail']}" if look["detail"] else words


def _ended(session: Session, items: Sequence[JSON], *, hint: str) -> list[JSON]:
    """Follow them, all told in one picture; each goes its own way in the service."""
    known = {str(one["id"]): one for one in items}

    def read() -> JSON:
        for deployment_id, one in known.items():
            known[deployment_id] = one if one["ended_at"] else _read(session, one)
        return {"items": list(known.values())}

    session.follow(
        read,
        done=lambda now: all(one["ended_at"] for one in now["items"]),
        tell=_tell_progress,
        start="Deployments are under way.",
        hint=hint,
    )
    return list(known.values())


def _read(session: Session, known: JSON) -> JSON:
    try:
        return session.service.get(f"/v1/deployments/{known['id']}")
    except Refused as refused:  # announced, and not written yet
        if refused.problem.get("code") != "not_found":
            raise
        return known


def _tell_progress(now: JSON, progress: Progress) -> None:
    items: list[JSON] = now["items"]
    ended = sum(one["ended_at"] is not None for one in items)
    lines = [line for one in items for line in _lines(one)]
    progress.tell(*lines, f"{ended} of {counted(len(items), 'deployment')} ended")


def _lines(view: JSON) -> list[str]:
    head = f"{view['target_name']}: {plain(view['state'])}"
    return [head, *(f"  {endpoint_of(look)} {sight_of(look)}" for look in view["seen"])]


def _tell(session: Session, items: Sequence[JSON]) -> None:
    for one in items:
        style = _STYLES.get(one["state"], "")
        mark = {"green": "✓ ", "": ""}.get(style, "✗ ")
        session.screen.say(f"{mark}{one['target_name']}: {plain(one['state'])}", style)
        session.screen.fact("  why", str(one["why"] or ""))
        session.screen.fact("  deployment", one["id"])
        for look in one["seen"]:
            session.screen.fact("  endpoint", f"{endpoint_of(look)} {sight_of(look)}")


def _require_deployed(items: Sequence[JSON], *, waited: bool) -> None:
    missed = [one for one in items if one["state"] != "deployed"]
    if waited and missed:
        sentence = f"{len(missed)} of {len(items)} not deployed."
        raise NotDone(
            sentence,
            hint=f"Mend what is named, then deploy again; certloom targets test {short(missed[0]['target_id'])}",
        )
