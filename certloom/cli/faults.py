"""How a command can fail: one class per exit code, one sentence each, and what to do about it where that helps.

The sentences are told by app.py; nothing else writes to standard error about a failure.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

JSON = dict[str, Any]

EXIT_CODES: Final = (
    "Exit codes: 0 done; 1 refused by the service or by your own no, or not every target was deployed; "
    "2 not understood; 3 not signed in; 4 service unreachable or outcome unknown; 130 interrupted."
)


class Failure(Exception):
    """A command ends without what was asked for; *lines* stand below the sentence, *hint* says what to do."""

    exit_code: ClassVar[int] = 1

    def __init__(self, sentence: str, *, lines: Sequence[str] = (), hint: str | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.lines = tuple(lines)
        self.hint = hint


class Refused(Failure):
    """The service refuses; `problem` is its answer (RFC 9457)."""

    def __init__(self, problem: Mapping[str, Any], *, hint: str | None = None) -> None:
        faults = [fault for fault in problem.get("errors") or () if isinstance(fault, dict)]
        whole = str(problem.get("detail") or problem.get("title") or "The service refuses without a reason.")
        lines = [_line(fault) for fault in faults]
        super().__init__(_head(problem) if lines else whole, lines=lines, hint=hint)
        self.problem = dict(problem)


class NotDone(Failure):
    """What was asked for did not come about; `view` is what there is instead."""

    def __init__(
        self, sentence: str, *, view: JSON | None = None, lines: Sequence[str] = (), hint: str | None = None
    ) -> None:
        super().__init__(sentence, lines=lines, hint=hint)
        self.view = view


class Misunderstood(Failure):
    """The command line cannot be carried out as it stands."""

    exit_code = 2


class NotSignedIn(Failure):
    """There is no key, or one that the service does not accept."""

    exit_code = 3


class Unreachable(Failure):
    """The service does not answer, or whether it did what was asked for is not known."""

    exit_code = 4


class Interrupted(Failure):
    """A person pressed Ctrl-C."""

    exit_code = 130


def _head(problem: Mapping[str, Any]) -> str:
    return f"{str(problem.get('title') or 'The input is not valid').rstrip('.')}:"


def _line(fault: Mapping[str, Any]) -> str:
    """Name the field as a person would: /names/0 is `names 1`, and /targets/1 the second target."""
    parts = str(fault.get("pointer") or "").strip("/").split("/")
    where = " ".join(str(int(part) + 1) if part.isdecimal() else part.replace("_", " ") for part in parts if part)
    detail = str(fault.get("detail") or fault.get("code") or "")
    return f"{where}: {detail}" if where else detail


def read_json(text: str, what: str) -> JSON:
    """Return a JSON object that a person wrote; raises Misunderstood with where it breaks."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise Misunderstood(f"{what} is not JSON: {error}.") from None
    if not isinstance(found, dict):
        raise Misunderstood(f"{what} must hold one JSON object, from {{ to }}.")
    return found
