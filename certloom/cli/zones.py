"""certloom zones, delegation: where proofs are published by the service, so that renewals need nobody."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from certloom.cli import completion
from certloom.cli.application import read_json_file
from certloom.cli.certificate import short
from certloom.cli.faults import EXIT_CODES, JSON, Misunderstood, NotDone, Refused
from certloom.cli.finding import find_zone
from certloom.cli.options import AsJson, Cursor, Key, Limit, Yes
from certloom.cli.session import Session, begin
from certloom.cli.words import moment, plain


class Kind(StrEnum):
    """Who writes into a zone, in the API's words."""

    RFC2136 = "rfc2136"
    LEXICON = "lexicon"
    MANUAL = "manual"


class Algorithm(StrEnum):
    """How an update is signed (RFC 8945)."""

    SHA256 = "hmac-sha256"
    SHA384 = "hmac-sha384"
    SHA512 = "hmac-sha512"


Zone = Annotated[
    str, typer.Argument(metavar="ZONE", help="A DNS zone: its name or its id.", autocompletion=completion.zones)
]
Server = Annotated[str | None, typer.Option("--server", help="rfc2136: the primary name server.")]
Port = Annotated[int | None, typer.Option("--port", help="rfc2136: its port; 53 unless it is said.")]
KeyName = Annotated[str | None, typer.Option("--key-name", help="rfc2136: the name of the TSIG key.")]
AlgorithmOption = Annotated[
    Algorithm | None, typer.Option("--algorithm", help="rfc2136: that of the key; hmac-sha256 unless it is said.")
]
Provider = Annotated[str | None, typer.Option("--provider", help="lexicon: the vendor, such as cloudflare.")]
Credentials = Annotated[
    Path | None, typer.Option("--credentials", metavar="FILE", help="JSON as in docs/dns.md; - is standard input.")
]
_CREDENTIALS: Final = "/credentials/"
_FILE: Final = "--credentials FILE"


def list_zones(*, limit: Limit = 50, cursor: Cursor = None, as_json: AsJson = False) -> None:
    """List DNS zones, newest first."""
    with begin(as_json=as_json) as session:
        page = session.service.get("/v1/zones", limit=limit, cursor=cursor)
        session.screen.body(page)
        rows = [((one["zone"], "bold"), plain(one["kind"]), _where(one), short(one["id"])) for one in page["items"]]
        empty = "There is no DNS zone yet: every record is published by hand."
        session.screen.table(("zone", "kind", "written at", "id"), rows, empty=empty)
        more = (f"certloom zones list --cursor {page['next_cursor']}",) if page["next_cursor"] else ()
        first = (f"certloom zones test {rows[0][-1]}",) if rows else ()
        session.screen.following(*more, *first, "certloom zones create ZONE --kind rfc2136", "certloom delegation NAME")


def create(
    zone: Annotated[str, typer.Argument(metavar="ZONE", help="The zone, as the name server has it.")],
    *,
    kind: Annotated[
        Kind, typer.Option("--kind", help="By dynamic updates, by a vendor's API, or published by yourself.")
    ],
    server: Server = None,
    port: Port = None,
    key_name: KeyName = None,
    algorithm: AlgorithmOption = None,
    provider: Provider = None,
    credentials: Credentials = None,
    account: Annotated[
        str | None, typer.Option("--account", metavar="ID", help="Whose zone it is; operators name one.")
    ] = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Add a DNS zone that proofs are published in.

    Secrets are never arguments: each is asked for unseen, or comes from a file. Nothing is sent there yet.
    """
    form = {
        "zone": zone,
        "kind": kind.value,
        "settings": _given(server, port, key_name, algorithm, provider),
        **({"account_id": account} if account else {}),
    }
    secrets = read_json_file(credentials) if credentials else None
    with begin(as_json=as_json, key=key) as session:
        view = _sent_with(session, "POST", "/v1/zones", form, secrets)
        session.screen.body(view)
        session.screen.good("Added.")
        _show(session, view)
        session.screen.following(f"certloom zones test {view['zone']}")


def change(
    zone: Zone,
    *,
    server: Server = None,
    port: Port = None,
    key_name: KeyName = None,
    algorithm: AlgorithmOption = None,
    provider: Provider = None,
    credentials: Credentials = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Change how a zone is written: a new key, another server.

    What is not named stays as it is, but the credentials have to be given anew, by --credentials or when asked.
    """
    secrets = read_json_file(credentials) if credentials else None
    with begin(as_json=as_json, key=key) as session:
        view = find_zone(session, zone)
        if view["kind"] == Kind.MANUAL:
            raise NotDone(f"You publish the records of {view['zone']} yourself, so there is nothing to change.")
        settings = {**view["settings"], **_given(server, port, key_name, algorithm, provider)}
        form = {"kind": view["kind"], "settings": settings}
        changed = _sent_with(session, "PUT", f"/v1/zones/{view['id']}", form, secrets)
        session.screen.body(changed)
        session.screen.good("Changed; the old credentials are destroyed here.")
        _show(session, changed)
        session.screen.following(f"certloom zones test {changed['zone']}")


def try_out(zone: Zone, *, key: Key = None, as_json: AsJson = False) -> None:
    """Write a record into a zone and take it away again.

    Its name is _certloom-test in the zone; nothing else is touched. It exits with 1 when that does not work.
    """
    with begin(as_json=as_json, key=key) as session:
        view = find_zone(session, zone)
        found = session.service.change("POST", f"/v1/zones/{view['id']}/test")
        session.screen.body(found)
        if not found["works"]:
            raise NotDone(f"It does not work yet: {found['detail']}", hint="Mend it, then try again; docs/dns.md.")
        session.screen.good(found["detail"])
        session.screen.following("certloom zones list")


def delete(zone: Zone, *, yes: Yes = False, key: Key = None, as_json: AsJson = False) -> None:
    """Forget a zone and destroy what it is written with.

    Names in it are proven by hand from then on. It asks first. --json prints what it was.
    """
    with begin(as_json=as_json, key=key) as session:
        view = find_zone(session, zone)
        if not yes:
            sentence = (
                f"{view['zone']} is forgotten with its credentials; renewals of names in it need records by hand."
            )
            session.screen.notice(sentence, "")
            if not session.screen.ask("Forget it?"):
                raise NotDone("Nothing was deleted.")
        session.service.change("DELETE", f"/v1/zones/{view['id']}")
        session.screen.body(view)
        session.screen.good(f"{view['zone']} is forgotten; end its key at the name server or vendor, too.")
        session.screen.following("certloom zones list")


def delegation(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name to prove; a star in front is left out.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Show the one CNAME by which a name's proofs are published here.

    It is published once and left there; it stays the same for this account for ever.
    """
    with begin(as_json=as_json) as session:
        view = session.service.get("/v1/delegations", name=name)
        record = view["record"]
        session.screen.body(view)
        session.screen.say(f"To have proofs of {view['name']} published by the service, publish once:", "bold")
        for label in ("name", "type", "value"):
            session.screen.copyable(f"  {label}", record[label])
        if not as_json:
            sentence = (
                "For a product of the private CA its name begins with _certloom-challenge. instead, or publish both."
            )
            session.screen.notice(sentence, "")
        session.screen.following("certloom check CERT", "certloom zones list")


def _given(
    server: str | None, port: int | None, key_name: str | None, algorithm: Algorithm | None, provider: str | None
) -> JSON:
    given = {"server": server, "port": port, "key_name": key_name, "algorithm": algorithm, "provider": provider}
    return {name: value for name, value in given.items() if value is not None}


def _sent_with(session: Session, method: str, path: str, form: JSON, secrets: JSON | None) -> JSON:
    """Send it; without secrets the service is asked which it needs, and a person for these."""

    def sent(secrets: JSON | None) -> JSON:
        return session.service.change(method, path, form if secrets is None else {**form, "credentials": secrets})

    if secrets is not None or form["kind"] == Kind.MANUAL:
        return sent(secrets)
    try:
        return sent({})
    except Refused as refused:
        names = _lacking(refused.problem)
        if not names:
            raise
    asked = {name: session.screen.ask_secretly(f"{plain(name)} (not shown):", instead=_FILE) for name in names}
    if not all(asked.values()):
        raise Misunderstood("Nothing was typed, so nothing was kept.")
    return sent(asked)


def _lacking(problem: JSON) -> list[str]:
    """Return the names of the secrets that are missing; none when something else is wrong, too."""
    faults = [(str(one.get("pointer")), one.get("code")) for one in problem.get("errors") or ()]
    secret = [place.removeprefix(_CREDENTIALS) for place, code in faults if place.startswith(_CREDENTIALS)]
    only = all(place.startswith(_CREDENTIALS) and code == "missing" for place, code in faults)
    return secret if only else []


def _where(view: JSON) -> str:
    settings = view["settings"]
    return str(settings.get("provider") or settings.get("server") or "by hand")


def _show(session: Session, view: JSON) -> None:
    tell = session.screen.fact
    tell("zone", (view["zone"], "bold"))
    tell("id", view["id"])
    tell("kind", plain(view["kind"]))
    for name, value in view["settings"].items():
        tell(plain(name), "" if value is None else str(value))
    tell("credentials", "kept sealed" if view["has_credentials"] else "none needed")
    tell("added", moment(view["created_at"], session.now()))


app = typer.Typer(help="DNS zones that proofs are published in.", epilog=EXIT_CODES, no_args_is_help=True)
for _name, _command in (
    ("list", list_zones), ("create", create), ("change", change), ("test", try_out), ("delete", delete),
):  # fmt: skip
    app.command(_name, epilog=EXIT_CODES)(_command)
