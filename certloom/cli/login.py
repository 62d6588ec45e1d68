"""certloom login: ask for address and key, check both against the service, and only then keep them."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from certloom.cli.access import API_KEY, URL, Access, config_file, read_key, read_url, store
from certloom.cli.faults import JSON, Misunderstood, Refused
from certloom.cli.screen import Screen
from certloom.cli.session import Session, begin
from certloom.cli.words import money

_OPERATORS_PROBLEM: Final = 403  # what /v1/account answers an operator, who belongs to no account


def login(
    home: Annotated[Path | None, typer.Argument(metavar="HOME", help="With --dev: the folder of `make run`.")] = None,
    *,
    url: Annotated[str | None, typer.Option("--url", help="The service's address.", envvar=URL)] = None,
    key_stdin: Annotated[bool, typer.Option("--key-stdin", help="Read the API key from standard input.")] = False,
    dev: Annotated[bool, typer.Option("--dev", help="Take both from `make run` on this machine.")] = False,
    operator: Annotated[bool, typer.Option("--operator", help="With --dev: as the operator.")] = False,
) -> None:
    """Keep address and API key for the other commands.

    Both are checked against the service first. An API key is never an argument: others on this machine could read it.
    """
    screen = Screen()
    if (home or operator) and not dev:
        raise Misunderstood("HOME and --operator belong to --dev.")
    access = _of_dev(home or Path("var"), operator=operator) if dev else _asked(screen, url, key_stdin=key_stdin)
    if access.in_clear:
        screen.notice("This address is not https: whoever is on the way can read the API key.")
    with begin(access=access) as session:
        whose = _checked(session)
    path = config_file(os.environ)
    store(path, access)
    screen.good(f"Signed in to {access.url}, {whose}; kept in {path}.")
    screen.following("certloom products", "certloom list")


def _asked(screen: Screen, url: str | None, *, key_stdin: bool) -> Access:
    address = read_url(
        url or screen.ask_for("Address of the service, such as https://certs.example.com:", instead="--url")
    )
    if key_stdin:
        return Access(address, read_key(sys.stdin.readline()))
    given = os.environ.get(API_KEY)
    return Access(address, read_key(given or screen.ask_secretly("API key (not shown):", instead="--key-stdin")))


def _of_dev(home: Path, *, operator: bool) -> Access:
    path = home / "dev.json"
    try:
        facts: JSON = json.loads(path.read_text(encoding="utf-8"))
        return Access(read_url(facts["api_url"]), facts["operator_api_key" if operator else "customer_api_key"])
    except FileNotFoundError:
        sentence = f"There is no {path}: `make run` writes it while the service runs."
        raise Misunderstood(sentence, hint="make run, or certloom login --dev HOME") from None
    except (OSError, ValueError, KeyError, TypeError):
        raise Misunderstood(f"{path} cannot be read, or was not written by `make run`.") from None


def _checked(session: Session) -> str:
    """Return whose key it is; raises what the service answers to a wrong one."""
    try:
        account = session.service.get("/v1/account")
    except Refused as refused:
        if refused.problem.get("status") == _OPERATORS_PROBLEM:
            return "as an operator"
        raise
    return f"account {account['name']} with a balance of {money(account['balance'])}"
