"""`make demo`: one certificate through its whole life, told as it happens, on a service of its own that stops after.

Ends with 0 only when the certificate was proven on every server, is deleted, and every cent is back.
"""

import argparse
import asyncio
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Final

from rich.console import Console

from certloom.domain.errors import CertloomError
from lab.customer import ServiceGone
from lab.footprint import footprint
from lab.places import PROGRAMS
from lab.stage import Stage, with_servers
from lab.stage_acme import Ca, find_ca, with_ca
from lab.summary import summary
from lab.telling import Teller, open_console
from workers.dev import StackFailed

ISSUERS: Final = ("private", "acme")
INTERRUPTED: Final = 130  # what a shell makes of Ctrl-C
SAYS: Final = "certloom: "  # how workers/dev.py begins the sentence it ends with


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; 0 after a whole life, 1 with one sentence otherwise, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m lab.demo", description="One certificate through its whole life.")
    parser.add_argument("--keep", action="store_true", help="keep the demo's folder, with database and logs")
    parser.add_argument("--issuer", choices=ISSUERS, default=ISSUERS[0], help="who signs (private)")
    parser.add_argument("--edges", action="store_true", help="deploy to edges of the lab, whatever is installed here")
    options = parser.parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    console = open_console()
    ca = _find_ca(console) if options.issuer == "acme" else None
    if ca is None and options.issuer == "acme":
        console.print("This demo needs Pebble: on Debian apt-get install pebble, elsewhere Go 1.24 builds it.")
        return 1
    home = Path(tempfile.mkdtemp(prefix="certloom-demo-"))
    teller = Teller(console)
    programs = () if options.edges else PROGRAMS
    try:
        stage = (
            partial(with_ca, console, teller, home, ca)
            if ca
            else partial(with_servers, console, teller, home, programs)
        )
        _demonstrate(console, teller, home, stage)
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


def _demonstrate(
    console: Console, teller: Teller, home: Path, open_stage: Callable[[], AbstractContextManager[Stage]]
) -> None:
    began = time.monotonic()
    teller.headline("Certloom: one certificate through its whole life", style="bold")
    with open_stage() as (stack, story):
        story.tell()
        left = asyncio.run(footprint(home, stack.facts["temporal_address"], story.certificate_id))
        console.print()
        console.print(summary(story, teller.steps, left, seconds=time.monotonic() - began))
        story.require_good_end()
        teller.headline("It ended well: deleted, refunded in full, every check passed.", style="bold green")


def _find_ca(console: Console) -> Ca | None:
    """Look for Pebble; the current one is built once, which takes a minute."""
    console.print("Pebble is looked for; where Go is installed, the current one is built once.", style="dim")
    return asyncio.run(find_ca())


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
