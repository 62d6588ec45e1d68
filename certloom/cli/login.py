"""certloom login, logout: keep address and key once the service accepted them, and forget them again."""

import os
import sys
from contextlib import suppress
from typing import Annotated, Final

import typer

from certloom.cli.access import API_KEY, URL, Access, config_file, load, read_key, read_url, store
from certloom.cli.dev import AsOperator, Dev, Home, find_dev
from certloom.cli.faults import JSON, Failure, NotSignedIn, Refused
from certloom.cli.options import AsJson
from certloom.cli.screen import Screen
from certloom.cli.session import Session, begin
from certloom.cli.words import money

_OPERATORS_PROBLEM: Final = 403  # what /v1/account answers an operator, who belongs to no account


def login(
    home: Home = None,
    *,
    url: Annotated[str | None, typer.Option("--url", help="The service's address.", envvar=URL)] = None,
    key_stdin: Annotated[bool, typer.Option("--key-stdin", help="Read the API key from standard input.")] = False,
    dev: Dev = False,
    operator: AsOperator = False,
    as_json: AsJson = False,
) -> None:
    """Keep address and API key for the other commands.

    Both are checked against the service first. An API key is never an argument: others on this machine could read it.
    """
    screen = Screen(as_json=as_json)
    access = find_dev(home, dev=dev, operator=operator) or _asked(screen, url, key_stdin=key_stdin)
    if access.in_clear:
        screen.notice("This address is not https: whoever is on the way can read the API key.")
    with begin(as_json=as_json, access=access) as session:
        account = _checked(session)
    path = config_file(os.environ)
    store(path, access)
    screen.body({"url": access.url, "file": str(path), "account": account})
    screen.good(f"Signed in to {access.url}, {_whose(account)}; kept in {path}.")
    screen.following("certloom products", "certloom list", "certloom console")


def logout(
    *,
    revoke: Annotated[bool, typer.Option("--revoke", help="Revoke the API key, too, everywhere.")] = False,
    as_json: AsJson = False,
) -> None:
    """Forget address and API key.

    The key itself stays valid unless --revoke ends it first.
    """
    screen, path = Screen(as_json=as_json), config_file(os.environ)
    kept = os.path.lexists(path)
    if revoke:
        _revoke(load(path), as_json=as_json)
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise Failure(f"{path} cannot be removed: {error.strerror}.") from None
    screen.body({"file": str(path), "removed": kept, "revoked": revoke})
    screen.good(_goodbye(str(path), kept=kept, revoked=revoke))
    if os.environ.get(API_KEY):
        screen.notice(f"{API_KEY} is still set in this environment, and is used while it is.")
    screen.following("certloom login")


def _revoke(access: Access, *, as_json: bool) -> None:
    """Revoke a key by itself; one that is not accepted any more, perhaps since an earlier try, needs no more of it."""
    with suppress(NotSignedIn), begin(as_json=as_json, access=access) as session:
        session.service.change("DELETE", f"/v1/account/keys/{access.key_id}")


def _goodbye(path: str, *, kept: bool, revoked: bool) -> str:
    if not kept:
        return "Nobody was signed in."
    return f"Signed out: {path} is removed, {'and the key is revoked' if revoked else 'the key itself stays valid'}."


def _asked(screen: Screen, url: str | None, *, key_stdin: bool) -> Access:
    address = read_url(
        url or screen.ask_for("Address of the service, such as https://certs.example.com:", instead="--url")
    )
    if key_stdin:
        return Access(address, read_key(sys.stdin.readline()))
    given = os.environ.get(API_KEY)
    return Access(address, read_key(given or screen.ask_secretly("API key (not shown):", instead="--key-stdin")))


def _checked(session: Session) -> JSON | None:
    """Return the key's account, or None for an operator's; raises what the service answers to a wrong one."""
    try:
        return session.service.get("/v1/account")
    except Refused as refused:
        if refused.problem.get("status") == _OPERATORS_PROBLEM:
            return None
        raise


def _whose(account: JSON | None) -> str:
    if account is None:
        return "as an operator"
    return f"account {account['name']} with a balance of {money(account['balance'])}"
