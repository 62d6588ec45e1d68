"""One invocation: the service it talks to, the screen it tells on, and the only clock of the command line."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from certloom.cli.access import Access, find_access
from certloom.cli.faults import JSON, Failure, Interrupted, NotDone, Refused, Unreachable
from certloom.cli.screen import Progress, Screen
from certloom.cli.service import PATIENCE, Service

_SOON: Final = 0.5  # seconds between two looks at first
_LATER: Final = 2.0  # and after a while
_WHILE: Final = 30.0

Tell = Callable[[JSON, Progress], None]


@dataclass(frozen=True)
class Session:
    """What a command works with."""

    service: Service
    screen: Screen

    def now(self) -> datetime:
        """Return the time at which things are shown."""
        return datetime.now(UTC)

    def follow(
        self, read: Callable[[], JSON], *, done: Callable[[JSON], bool], tell: Tell, start: str, hint: str
    ) -> JSON:
        """Read until it is *done*, and *tell* each time; a service that is gone for a while is waited for.

        What needs an operator ends it, as NotDone. *hint* is how to look again after Ctrl-C.
        """
        begun = time.monotonic()
        with self._interruptible(hint), self.screen.progress(start) as progress:
            while not done(view := self._patiently(read, progress)):
                if attention := view.get("attention"):
                    raise NotDone(f"It needs an operator: {attention['why']}", view=view, hint=hint)
                tell(view, progress)
                time.sleep(_SOON if time.monotonic() - begun < _WHILE else _LATER)
        return view

    def _patiently(self, read: Callable[[], JSON], progress: Progress) -> JSON:
        deadline = time.monotonic() + self.service.patience
        while True:
            try:
                return read()
            except Unreachable:
                if time.monotonic() > deadline:
                    raise
            progress.tell("The service does not answer; it is asked again.")
            time.sleep(_SOON)

    @contextmanager
    def _interruptible(self, hint: str) -> Iterator[None]:
        try:
            yield
        except KeyboardInterrupt:
            raise Interrupted("Interrupted; it goes on in the service.", hint=hint) from None


@contextmanager
def begin(*, as_json: bool = False, key: str | None = None, access: Access | None = None) -> Iterator[Session]:
    """Open a session; with JSON wanted, a problem is printed as the API's own JSON before it ends the command."""
    screen = Screen(as_json=as_json)
    found = access or find_access(os.environ)
    service = Service(found, key=key, patience=_patience(), waiting=lambda: _waiting(screen))
    try:
        yield Session(service, screen)
    except Failure as failure:
        _answer(screen, failure)
        raise
    finally:
        service.close()


def _answer(screen: Screen, failure: Failure) -> None:
    if isinstance(failure, Refused):
        screen.body(failure.problem)
    elif isinstance(failure, NotDone) and failure.view is not None:
        screen.body(failure.view)


@contextmanager
def _waiting(screen: Screen) -> Iterator[Callable[[str], None]]:
    with screen.progress("The answer is awaited.", silent=True) as progress:
        yield progress.tell


def _patience() -> float:
    """Return how many seconds an unknown outcome is asked for again; CERTLOOM_PATIENCE is for scripts and tests."""
    text = os.environ.get("CERTLOOM_PATIENCE", "")
    return float(text) if text.isdecimal() else PATIENCE
