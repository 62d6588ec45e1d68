"""certloom targets: the places that serve certificates: listed, shown, added, tried, forgotten."""

from pathlib import Path
from typing import Annotated

import typer

from certloom.cli import completion
from certloom.cli.application import read_json_file
from certloom.cli.certificate import short
from certloom.cli.deployments import endpoint_of, sight_of
from certloom.cli.faults import EXIT_CODES, JSON, NotDone
from certloom.cli.finding import find_target
from certloom.cli.options import AsJson, Cursor, Key, Limit, Yes
from certloom.cli.session import Session, begin
from certloom.cli.words import listed, moment, plain

Target = Annotated[
    str, typer.Argument(metavar="TARGET", help="A target: its id or its name.", autocompletion=completion.targets)
]


def list_targets(*, limit: Limit = 50, cursor: Cursor = None, as_json: AsJson = False) -> None:
    """List targets, newest first."""
    with begin(as_json=as_json) as session:
        page = session.service.get("/v1/targets", limit=limit, cursor=cursor)
        session.screen.body(page)
        rows = [
            ((one["name"], "bold"), plain(one["kind"]), listed(_endpoints(one), most=2), _serves(one), short(one["id"]))
            for one in page["items"]
        ]
        session.screen.table(("name", "kind", "endpoints", "serves", "id"), rows, empty="There is no target yet.")
        more = (f"certloom targets list --cursor {page['next_cursor']}",) if page["next_cursor"] else ()
        session.screen.following(
            *more, "certloom deploy CERT TARGET" if rows else "certloom targets create --file FILE"
        )


def show(target: Target, *, as_json: AsJson = False) -> None:
    """Show what a target is and what it serves."""
    with begin(as_json=as_json) as session:
        view = find_target(session, target)
        session.screen.body(view)
        _show(session, view)
        at = short(view["id"])
        session.screen.following(f"certloom targets test {at}", f"certloom deploy CERT {at}")


def create(
    *,
    file: Annotated[
        Path, typer.Option("--file", "-f", metavar="FILE", help="JSON as in docs/targets.md; - is standard input.")
    ],
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Add a target.

    Nothing is sent there yet, and its credentials are never shown again.
    """
    form = read_json_file(file)
    with begin(as_json=as_json, key=key) as session:
        view = session.service.change("POST", "/v1/targets", form)
        session.screen.body(view)
        session.screen.good("Added.")
        _show(session, view)
        session.screen.following(f"certloom targets test {short(view['id'])}")


def credentials(
    target: Target,
    *,
    file: Annotated[
        Path, typer.Option("--file", "-f", metavar="FILE", help="JSON of the new ones alone; - is standard input.")
    ],
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Change what a target is driven with.

    The old credentials are destroyed; what is deployed there stays. They come from a file, never as arguments.
    """
    secrets = read_json_file(file)
    with begin(as_json=as_json, key=key) as session:
        view = find_target(session, target)
        changed = session.service.change("PUT", f"/v1/targets/{view['id']}/credentials", {"credentials": secrets})
        session.screen.body(changed)
        session.screen.good(f"The credentials of {changed['name']} are changed.")
        session.screen.following(f"certloom targets test {short(changed['id'])}")


def try_out(target: Target, *, key: Key = None, as_json: AsJson = False) -> None:
    """Try a target without changing anything.

    Settings, credentials and reach are tried, and every endpoint is asked; it exits with 1 when something is missing.
    """
    with begin(as_json=as_json, key=key) as session:
        view = find_target(session, target)
        found = session.service.change("POST", f"/v1/targets/{view['id']}/test")
        session.screen.body(found)
        findings = [(_mark(plain(one["what"]), works=one["works"]), one["detail"]) for one in found["findings"]]
        looks = [(_mark(endpoint_of(one), works=_answers(one)), sight_of(one)) for one in found["endpoints"]]
        session.screen.table(("what", "found"), [*findings, *looks], empty="There was nothing to try.", prose=True)
        if not found["works"]:
            raise NotDone("It does not work yet.", hint="Mend what is named, then try again.")
        session.screen.following(f"certloom deploy CERT {short(view['id'])}")


def delete(target: Target, *, yes: Yes = False, key: Key = None, as_json: AsJson = False) -> None:
    """Forget a target and destroy its credentials.

    What it serves stays there, and is looked after no more. It asks first. --json prints what it was.
    """
    with begin(as_json=as_json, key=key) as session:
        view = find_target(session, target)
        if not yes:
            sentence = (
                f"{view['name']} is forgotten with its credentials; what it serves stays and is looked after no more."
            )
            session.screen.notice(sentence, "")
            if not session.screen.ask("Forget it?"):
                raise NotDone("Nothing was deleted.")
        session.service.change("DELETE", f"/v1/targets/{view['id']}")
        session.screen.body(view)
        session.screen.good(f"{view['name']} is forgotten.")
        session.screen.following("certloom targets list")


def _show(session: Session, view: JSON) -> None:
    tell, now = session.screen.fact, session.now()
    tell("target", (view["id"], "bold"))
    tell("name", view["name"])
    tell("kind", plain(view["kind"]))
    for name, value in view["settings"].items():
        tell(plain(name), "" if value is None else str(value))
    tell("credentials", "kept sealed" if view["has_credentials"] else "none needed")
    tell("endpoints", ", ".join(_endpoints(view)))
    tell("proof within", f"{view['prove_within']} s")
    tell("serves", _serves(view))
    tell("looked at", moment(view["looked_at"], now) if view["looked_at"] else "")
    for look in view["looks"]:
        tell("", f"{endpoint_of(look)} {sight_of(look)}")


def _endpoints(view: JSON) -> list[str]:
    return [endpoint_of({"endpoint": endpoint, "address": None}) for endpoint in view["endpoints"]]


def _serves(view: JSON) -> str:
    served = view["deployment"]
    return f"{short(served['certificate_id'])} number {served['number']}" if served else "nothing of ours"


def _answers(look: JSON) -> bool:
    return look["sight"] in ("served", "no_certificate")


def _mark(what: str, *, works: bool) -> tuple[str, str]:
    return (f"✓ {what}", "green") if works else (f"✗ {what}", "red")


app = typer.Typer(help="The places that serve certificates.", epilog=EXIT_CODES, no_args_is_help=True)
for _name, _command in (
    ("list", list_targets),
    ("show", show),
    ("create", create),
    ("credentials", credentials),
    ("test", try_out),
    ("delete", delete),
):
    app.command(_name, epilog=EXIT_CODES)(_command)
