"""`make demo`: one certificate through its whole life, told as it happens, on a service of its own that stops after.

Ends with 0 only when the certificate is deleted and every cent is back.
"""

import argparse
import asyncio
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console

from certloom.domain.errors import CertloomError
from lab.customer import Customer, DemoFailed
from lab.footprint import footprint
from lab.story import Story
from lab.summary import summary
from lab.telling import Teller, open_console
from workers.dev import DevStack, StackFailed

INTERRUPTED: Final = 130  # what a shell makes of Ctrl-C


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; 0 after a whole life, 1 with one sentence otherwise, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m lab.demo", description="One certificate through its whole life.")
    parser.add_argument("--keep", action="store_true", help="keep the demo's folder, with database and logs")
    options = parser.parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    console = open_console()
    home = Path(tempfile.mkdtemp(prefix="certloom-demo-"))
    teller = Teller(console)
    try:
        _demonstrate(console, teller, home)
    except KeyboardInterrupt:
        code = INTERRUPTED
        teller.headline("\nInterrupted: everything is stopped.", style="yellow")
    except CertloomError as error:
        code = 1
        teller.headline(f"\n{_sentence(teller, error)}", style="bold red")
    else:
        code = 0
    if code == 1 or options.keep:
        teller.headline(f"Everything is kept in {home}, its logs in {home / 'log'}.", style="")
    else:
        shutil.rmtree(home, ignore_errors=True)
    return code


def _demonstrate(console: Console, teller: Teller, home: Path) -> None:
    began = time.monotonic()
    teller.headline("Certloom: one certificate through its whole life", style="bold")
    stack = DevStack(home)
    try:
        with teller.step("A service of its own starts"):
            with teller.waiting("Temporal, database, private CA, worker, API and lab"):
                stack.start()
            teller.fact("API", stack.facts["api_url"])
            teller.fact("Temporal UI", stack.facts["temporal_ui_url"])
            teller.fact("folder", home)
        story = _live(teller, stack)
        left = asyncio.run(footprint(home, stack.facts["temporal_address"], story.certificate_id))
        console.print()
        console.print(summary(story, teller.steps, left, seconds=time.monotonic() - began))
        _require_good_end(story)
        teller.headline("It ended well: deleted, refunded in full, every check passed.", style="bold green")
    finally:
        if stack.facts and console.is_terminal:
            with console.status("the service stops", spinner="dots"):
                stack.stop()
        else:
            stack.stop()


def _live(teller: Teller, stack: DevStack) -> Story:
    customer = Customer(stack.facts["api_url"], stack.facts["customer_api_key"])
    try:
        story = Story(teller, customer)
        story.tell()
    finally:
        customer.close()
    return story


def _require_good_end(story: Story) -> None:
    if story.view["status"] != "deleted":
        raise DemoFailed(f"The certificate is {story.view['status']} instead of deleted.")
    if story.after != story.before:
        raise DemoFailed(f"The balance is {story.after}, and it was {story.before} before the purchase.")


def _sentence(teller: Teller, error: CertloomError) -> str:
    step = f"The demo ended early, in the step {teller.current!r}: " if teller.current else "The demo failed: "
    if isinstance(error, StackFailed):  # all that the service printed; its last line is the reason
        lines = [line for line in error.detail.splitlines() if line.strip()]
        return step + (lines[-1] if lines else "the service said nothing.")
    return step + error.detail


if __name__ == "__main__":
    sys.exit(main())
