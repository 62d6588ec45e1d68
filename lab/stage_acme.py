"""The stage of the story of ACME: a real Pebble, and a service that sells its certificates."""

import asyncio
import contextlib
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Final, NamedTuple

from rich.console import Console

from lab.acme import CaItself, write_catalogue, write_issuers
from lab.background import Background
from lab.footprint import client_of
from lab.pebble import VERSION, LabPebble, current, installed
from lab.stage import Stage, customers, started, tell_addresses
from lab.story_acme import AcmeStory
from lab.telling import Teller
from workers.dev import DevStack
from workers.home import PORT_NAMES, claim
from workflows.names import RENEWAL_WATCH_ID

# The CA answers how long it wants to be left in peace after each question about renewal, six hours, so the story says
# when it is asked.
_SETTINGS: Final = {"RENEWAL_INTERVAL": str(timedelta(days=1).total_seconds()), "SWEEP_INTERVAL": "1"}


class Ca(NamedTuple):
    """Which Pebble there is; only the current one has renewal information (RFC 9773)."""

    program: Path
    title: str
    suggests_renewal: bool


async def find_ca() -> Ca | None:
    """Return the current Pebble if it can be had, else the one that is installed."""
    if found := await current():
        return Ca(found.pebble, f"Pebble {VERSION}", suggests_renewal=True)
    if found := installed():
        return Ca(found.pebble, "Pebble, as it is installed here", suggests_renewal=False)
    return None


@contextlib.contextmanager
def with_ca(console: Console, teller: Teller, home: Path, found: Ca) -> Iterator[Stage]:
    """Start the CA, which looks for proofs in the lab's DNS, and a service that is its client."""
    with ExitStack() as running:
        with teller.step("A CA starts, and a service that sells its certificates"):
            with teller.waiting("Pebble, Temporal, database, workers, API and lab"):
                pebble = _started_pebble(running, home, found.program)
                issuers, catalogue = write_issuers(home, pebble), write_catalogue(home)
                files = {"ISSUERS_FILE": str(issuers), "CATALOGUE_FILE": str(catalogue)}
                stack = started(running, console, home, {**_SETTINGS, **files})
            tell_addresses(teller, stack, CA=f"{found.title}, {pebble.directory_url}")
        customer, operator = customers(running, stack)
        ca = CaItself(pebble)
        running.callback(ca.close)
        story = AcmeStory(
            teller,
            customer,
            operator,
            ca,
            dns_server=stack.facts["lab_dns"],
            dns_key=stack.facts["lab_dns_key"],
            ask=(lambda: asyncio.run(_ask(stack))) if found.suggests_renewal else None,
        )
        yield Stage(stack, story)


def _started_pebble(running: ExitStack, home: Path, program: Path) -> LabPebble:
    with claim(home) as claimed:  # the ports are kept there, so that the CA can be told before the lab listens
        ports = claimed.choose_ports(dict.fromkeys(PORT_NAMES, 0), host="127.0.0.1")
    background = Background()
    background.start()
    running.callback(background.stop)
    pebble = LabPebble(
        program, home / "pebble", dns_server=f"127.0.0.1:{ports['lab_dns']}", http_port=ports["lab_http"]
    )
    running.callback(lambda: background.do(pebble.stop()))
    background.do(pebble.start())
    return pebble


async def _ask(stack: DevStack) -> None:
    """Have the schedule come round now, as an operator does in the Temporal UI."""
    client = await client_of(stack.home, stack.facts["temporal_address"])
    await client.get_schedule_handle(RENEWAL_WATCH_ID).trigger()
