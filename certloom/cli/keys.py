"""certloom account keys: API keys, which are listed without their secrets, made and revoked."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer

from certloom.cli.faults import EXIT_CODES, JSON, Misunderstood, NotDone
from certloom.cli.options import AsJson, Key, Yes
from certloom.cli.session import Session, begin
from certloom.cli.words import clean, moment

app = typer.Typer(help="Your API keys.", epilog=EXIT_CODES, invoke_without_command=True)


class Role(StrEnum):
    """What a key's holder may do, in the API's words."""

    VIEWER = "viewer"
    MEMBER = "member"
    OPERATOR = "operator"


@app.callback()
def keys(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List API keys, without their secrets; make and revoke them."""
    if context.invoked_subcommand:
        return
    with begin(as_json=as_json) as session:
        found, now = _all(session), session.now()
        session.screen.body(found)
        rows = [
            (
                (one["label"], "bold"),
                one["role"],
                _state(one, now),
                moment(one["last_used_at"], now),
                one["id"],
            )
            for one in found["items"]
        ]
        session.screen.table(("label", "role", "state", "last used", "id"), rows, empty="There is no key.")
        session.screen.following("certloom account keys create LABEL", "certloom account keys revoke KEY")


@app.command(epilog=EXIT_CODES)
def create(
    label: Annotated[str, typer.Argument(metavar="LABEL", help="Who or what uses it.")],
    *,
    role: Annotated[
        Role, typer.Option("--role", help="A viewer looks, a member acts; operators make operators' keys.")
    ] = Role.MEMBER,
    days: Annotated[
        int | None, typer.Option("--days", min=1, max=3650, help="It ends after so many days.", show_default="never")
    ] = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Make an API key.

    It is shown this once, on standard output; the service keeps only a digest of it.
    """
    with begin(as_json=as_json, key=key) as session:
        ends = (session.now() + timedelta(days=days)).isoformat() if days else None
        form = {"label": label, "role": role.value, "expires_at": ends}
        made = session.service.change("POST", "/v1/account/keys", form)
        if made["secret"] is None:
            sentence = f"{made['label']} ({made['id']}) was made by an earlier try, which alone showed the key."
            raise NotDone(sentence, view=made, hint=f"certloom account keys revoke {made['id']}, and make another one.")
        session.screen.body(made)
        session.screen.line(made["secret"])
        if not as_json:
            ends = f" It ends {moment(made['expires_at'], session.now())}." if made["expires_at"] else ""
            session.screen.notice(f"A {made['role']}'s key; it is not shown again.{ends}", "")
        session.screen.following(f"certloom account keys revoke {made['id']}")


@app.command(epilog=EXIT_CODES)
def revoke(
    api_key: Annotated[str, typer.Argument(metavar="KEY", help="A key: its id or its label.")],
    *,
    yes: Yes = False,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Revoke an API key at once, with the console's sessions that it opened.

    It asks first.
    """
    with begin(as_json=as_json, key=key) as session:
        found = _find(session, api_key)
        if not yes:
            _ask(session, found)
        session.service.change("DELETE", f"/v1/account/keys/{found['id']}")
        if found["id"] == session.service.key_id:
            session.screen.body(found)  # nobody may ask any more how it is now
        else:
            session.screen.body(_find(session, found["id"]))
        session.screen.good(f"{found['label']} ({found['id']}) is revoked.")
        session.screen.following("certloom account keys")


def _ask(session: Session, found: JSON) -> None:
    if found["id"] == session.service.key_id:
        session.screen.notice("This is the key that you are signed in with.")
    if not session.screen.ask(f"Revoke {found['label']} ({found['id']}, {found['role']}) for good?"):
        raise NotDone("Nothing was revoked.")


def _all(session: Session) -> JSON:
    return session.service.get("/v1/account/keys")


def _find(session: Session, typed: str) -> JSON:
    """Return the key with this id, else the only valid one with this label."""
    items: list[JSON] = _all(session)["items"]
    fitting = [one for one in items if one["id"] == typed]
    fitting = fitting or [one for one in items if one["label"] == typed and not one["revoked_at"]]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        lines = [f"{one['id']}  {one['label']}  {one['role']}" for one in fitting]
        raise Misunderstood(f"{clean(typed)} fits {len(fitting)} keys; give the id of one:", lines=lines)
    raise NotDone(f"There is no valid key {clean(typed)}.", hint="certloom account keys")


def _state(key: JSON, now: datetime) -> tuple[str, str]:
    if key["revoked_at"]:
        return "revoked", "red"
    return (f"expires {moment(key['expires_at'], now)}", "yellow") if key["expires_at"] else ("valid", "green")
