"""What `make run` says once it serves: links that open the console signed in, addresses, keys, and what to do next."""

import asyncio
import http.client
import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from rich.console import Console
from rich.markup import escape

from workers.service import LAB_SUFFIX

ROLES: Final[Mapping[str, str]] = {"customer_api_key": "the demo customer", "operator_api_key": "the operator"}
_WITHIN: Final = 10.0  # seconds for one link
_CREATED: Final = 201


async def make_links(facts: Mapping[str, str], *, host: str) -> Mapping[str, str]:
    """Return a link for each role, which signs in once within ten minutes; none where the API did not make one."""
    made = {role: await asyncio.to_thread(_link, facts, host, facts[key]) for key, role in ROLES.items()}
    return {role: link for role, link in made.items() if link}


def _link(facts: Mapping[str, str], host: str, api_key: str) -> str | None:
    """Ask with the standard library's client: ours would cost more to load than everything else here."""
    address = urlsplit(facts["api_url"])
    headers = {"Authorization": f"Bearer {api_key}", "Host": address.netloc}
    with suppress(OSError, http.client.HTTPException, ValueError, KeyError):
        connection = http.client.HTTPConnection(host, address.port, timeout=_WITHIN)
        try:
            connection.request("POST", "/v1/account/sign-in-codes", headers=headers)
            answer = connection.getresponse()
            body = json.loads(answer.read())
        finally:
            connection.close()
        return str(body["url"]) if answer.status == _CREATED else None
    return None


def welcome(console: Console, facts: Mapping[str, str], links: Mapping[str, str], *, home: Path) -> None:
    """Tell a person everything that is needed to begin; links and keys are never broken into lines by us."""
    console.print("\n[bold green]Certloom runs.[/] Open the console, signed in:")
    for role, link in links.items():
        console.print(f"\n  as {role}")
        console.print(f"  [bold cyan]{link}[/]", soft_wrap=True)
    command = _command(home)
    console.print(
        "\nEach works once, within ten minutes. This makes a new one, with --operator for the operator:", soft_wrap=True
    )
    console.print(f"  [bold]{command}[/]\n", soft_wrap=True)
    for label, value in _addresses(facts):
        console.print(f"  {label:<20} {value}", soft_wrap=True)
    console.print(
        f"\nNext: buy a certificate in the console and apply for a name such as [bold]www.shop.{LAB_SUFFIX}[/];\n"
        "a button there publishes its proof. README.md has a tour for a second terminal. Ctrl-C stops everything.\n",
        soft_wrap=True,
    )


def _addresses(facts: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return (
        ("Console", facts["console_url"]),
        ("API", f"{facts['api_url']}/docs"),
        ("Temporal UI", facts["temporal_ui_url"]),
        ("Edge to deploy to", f"{facts['lab_edge']}, its runtime API {facts['lab_edge_admin']}"),
        ("Customer's API key", facts["customer_api_key"]),
        ("Operator's API key", facts["operator_api_key"]),
    )


def _command(home: Path) -> str:
    """Return what makes a new link, as it is typed where we were started."""
    beside = Path(sys.executable).with_name("certloom")
    program = os.path.relpath(beside) if beside.exists() else "certloom"
    folder = "" if home == Path("var").absolute() else f" {home}"
    return escape(f"{program} console --dev{folder}")
