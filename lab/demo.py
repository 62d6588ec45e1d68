"""`make demo`: one certificate through its whole life, told as it happens, on a service of its own that stops after.

Ends with 0 only when the certificate was proven on every server, is deleted, and every cent is back.
"""

import argparse
import asyncio
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from rich.console import Console

from certloom.domain.errors import CertloomError
from certloom.settings import PREFIX
from lab.customer import Customer, DemoFailed, ServiceGone
from lab.footprint import footprint
from lab.places import PROGRAMS, Places
from lab.story import NAME, Story
from lab.story_deploy import DeployStory
from lab.summary import summary
from lab.telling import Teller, open_console
from workers.dev import DevStack, StackFailed

INTERRUPTED: Final = 130  # what a shell makes of Ctrl-C
SAYS: Final = "certloom: "  # how workers/dev.py begins the sentence it ends with


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; 0 after a whole life, 1 with one sentence otherwise, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m lab.demo", description="One certificate through its whole life.")
    parser.add_argument("--keep", action="store_true", help="keep the demo's folder, with database and logs")
    parser.add_argument("--edges", action="store_true", help="deploy to edges of the lab, whatever is installed here")
    options = parser.parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    console = open_console()
    home = Path(tempfile.mkdtemp(prefix="certloom-demo-"))
    teller = Teller(console)
    try:
        _demonstrate(console, teller, home, programs=() if options.edges else PROGRAMS)
    except KeyboardInterrupt:
        code = INTERRUPTED
        teller.headline("\nInterrupted: everything is stopped.", style="yellow")
    except Exception as error:  # noqa: BLE001 - whatever it is, the person gets one sentence, and the file the rest
        code = 1
        (home / "demo-error.log").write_text("".join(traceback.format_exception(error)), encoding="utf-8")
        teller.headline(f"\n{_sentence(home, teller, error)}", style="bold red")
    else:
        code = 0
    if code == 1 or options.keep:
        teller.headline(f"Everything is kept in {home}, its logs in {home / 'log'}.", style="")
    else:
        shutil.rmtree(home, ignore_errors=True)
    return code


def _demonstrate(console: Console, teller: Teller, home: Path, *, programs: Sequence[str]) -> None:
    began = time.monotonic()
    teller.headline("Certloom: one certificate through its whole life", style="bold")
    with contextlib.ExitStack() as running:
        places = Places(home / "servers", NAME, programs=programs)
        running.callback(places.stop)
        with teller.step("A service starts, and servers"):
            with teller.waiting("Temporal, database, private CA, workers, API, lab and three servers"):
                places.start()
                stack = DevStack(home, env=_own_settings(places))
                running.callback(_stop, console, stack)
                stack.start()
            teller.fact("API", stack.facts["api_url"])
            teller.fact("Temporal UI", stack.facts["temporal_ui_url"])
            teller.fact("servers", ", ".join(place.title for place in places.all))
            teller.fact("folder", home)
        story = _live(teller, stack, places)
        left = asyncio.run(footprint(home, stack.facts["temporal_address"], story.certificate_id))
        console.print()
        console.print(summary(story, teller.steps, left, seconds=time.monotonic() - began))
        _require_good_end(story)
        teller.headline("It ended well: deleted, refunded in full, every check passed.", style="bold green")


def _stop(console: Console, stack: DevStack) -> None:
    if stack.facts and console.is_terminal:
        with console.status("the service stops", spinner="dots"):
            stack.stop()
    else:
        stack.stop()


def _live(teller: Teller, stack: DevStack, places: Places) -> Story:
    lives = (stack.home / "dev.json").exists  # the service removes it when it stops
    facts = stack.facts
    customer, operator = (
        Customer(facts["api_url"], facts[key], serves=lives) for key in ("customer_api_key", "operator_api_key")
    )
    try:
        story = Story(teller, customer, DeployStory(teller, customer, operator, places))
        story.tell()
    finally:
        customer.close()
        operator.close()
    return story


def _require_good_end(story: Story) -> None:
    if story.view["status"] != "deleted":
        raise DemoFailed(f"The certificate is {story.view['status']} instead of deleted.")
    if story.after != story.before:
        raise DemoFailed(f"The balance is {story.after}, and it was {story.before} before the purchase.")
    states = {one["state"] for one in story.deployments}
    if states != {"deployed", "rolled_back"}:
        raise DemoFailed(f"The deployments ended as {', '.join(sorted(states))}: one had to be rolled back.")


def _own_settings(places: Places) -> Mapping[str, str]:
    """Forget the settings of other copies, but for the Temporal CLI's place, which is this machine's; say ours."""
    found = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(PREFIX)}
    kept = {name: value for name, value in found.items() if name == f"{PREFIX}TEMPORAL_CLI"}
    return {**kept, f"{PREFIX}TARGETS_FILE": str(places.targets_file or "")}


def _sentence(home: Path, teller: Teller, error: Exception) -> str:
    step = f"The demo ended early, in the step {teller.current!r}: " if teller.current else "The demo failed: "
    if isinstance(error, StackFailed | ServiceGone):
        return step + (_last_words(home / "dev.log") or str(error))
    if isinstance(error, CertloomError):
        return step + error.detail
    return f"{step}{type(error).__name__} {error}, which nobody planned for."


def _last_words(log: Path) -> str:
    """Return the service's own sentence about its end."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    return next((line.removeprefix(SAYS) for line in reversed(lines) if line.startswith(SAYS)), "")


if __name__ == "__main__":
    sys.exit(main())
