"""A machine on which nginx runs: few and small file operations, and running a command.

Paths are absolute POSIX paths. What a machine says of itself is cleaned before it is shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from certloom.targets.interface import Finding

COMMAND_SECONDS: Final = 10.0
"""How long one command may take."""

MOST_READ: Final = 200_000
"""Bytes that are read of one file; a chain with its key has some 10,000."""

MOST_OUTPUT: Final = 4_000_000
"""Bytes that are read of one command; `nginx -T` prints whole configurations."""


class Kind(StrEnum):
    """What a path leads to, links not followed."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Entry:
    """What stands in a folder under one name; `mode` holds the permission bits alone."""

    kind: Kind
    mode: int


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that ended: its exit code, and what it wrote to both outputs. 127 is a command that is not there."""

    code: int
    output: str


class Machine(Protocol):
    """Every call may be made again after a crash at any moment; what it changed is on disk before it returns.

    They raise TargetRefused for what the machine does not let us do, AddressRefused, Outage, and nothing else.
    """

    @property
    def name(self) -> str:
        """How sentences name it."""
        ...

    async def reach(self) -> Sequence[Finding]:
        """Try to get there, and say how far one comes; raises nothing."""
        ...

    async def look(self, path: str) -> Entry | None:
        """Say what is there, links not followed; None for nothing."""
        ...

    async def read(self, path: str) -> bytes | None:
        """Return the first MOST_READ bytes, links followed; None when there is nothing."""
        ...

    async def names(self, folder: str) -> Sequence[str]:
        """List a folder, at most 1,000 names; empty when there is none."""
        ...

    async def target_of(self, link: str) -> str:
        """Return what the link says, word by word."""
        ...

    async def writable(self, folder: str) -> bool:
        """Say whether files can be made there."""
        ...

    async def write(self, path: str, content: bytes) -> None:
        """Make a new file with mode 0600, synced; what a crash left under this name is replaced, never followed."""
        ...

    async def make_folder(self, path: str) -> None:
        """Make one folder with mode 0700; its parent must be there, itself not."""
        ...

    async def make_link(self, target: str, path: str) -> None:
        """Make a symbolic link where there is nothing yet; *target* stands in it word by word."""
        ...

    async def rename(self, source: str, target: str) -> None:
        """Put *source* in the place of *target* in one step; a link there is replaced, not followed."""
        ...

    async def remove(self, path: str) -> None:
        """Remove a file or a link; nothing there is success."""
        ...

    async def remove_folder(self, path: str) -> None:
        """Remove an empty folder; one that holds something stays, nothing there is success."""
        ...

    async def run(self, command: Sequence[str]) -> Ran:
        """Run to the end, without a shell's meaning for any word; raises Outage after COMMAND_SECONDS."""
        ...


def one_line(text: str, most: int = 300) -> str:
    """Return foreign words as one line without control characters, cut at *most*."""
    flat = " ".join(text.split())
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in flat[:most])
