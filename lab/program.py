"""Server programs of this machine that the lab runs on loopback: found, started on a free port, waited for."""

import asyncio
import contextlib
import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from workers.child import Child, ChildDied, start
from workers.ports import HOST, free_port

STOP_WITHIN: Final = 5.0  # seconds
_START_WITHIN: Final = 20.0  # seconds, for a busy machine
_ATTEMPTS: Final = 3  # a port that was free a moment ago may be taken
_BESIDE_PATH: Final = ("/usr/sbin", "/usr/local/sbin")  # where servers are, and people's PATH often does not look
_VERSION: Final = re.compile(rb"\d+(?:\.\d+)+")


class Running(NamedTuple):
    """A program that listens."""

    child: Child
    port: int


def find_program(name: str) -> Path | None:
    """Return where a server program is; None when it is not installed."""
    found = shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", ""), *_BESIDE_PATH)))
    return Path(found) if found else None


async def version_of(program: Path) -> str:
    """Ask a program for its version by `-v`; an empty text when it does not tell."""
    process = await asyncio.create_subprocess_exec(
        program,
        "-v",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told, _ = await process.communicate()
    found = _VERSION.search(told)
    return found[0].decode() if found else ""


async def run(
    name: str,
    command: Callable[[int], Sequence[str]],
    *,
    sign: Path,
    log: Path,
    env: Mapping[str, str] | None = None,
) -> Running:
    """Start what *command* returns for a port; return once it listens and *sign*, a file of its own, is there.

    Raises ChildDied with the program's last words when it does not come up.
    """
    for _ in range(_ATTEMPTS - 1):
        with contextlib.suppress(ChildDied):
            return await _started(name, command, sign=sign, log=log, env=env or os.environ)
    return await _started(name, command, sign=sign, log=log, env=env or os.environ)


async def _started(
    name: str, command: Callable[[int], Sequence[str]], *, sign: Path, log: Path, env: Mapping[str, str]
) -> Running:
    port = free_port()
    child = await start(name, command(port), env=env, log=log)

    async def serves() -> bool:
        return await _listens(port) and _is_there(sign)

    try:
        await child.until_ready(serves, within=_START_WITHIN)
    except BaseException:
        await child.stop(within=STOP_WITHIN)
        raise
    return Running(child, port)


def _is_there(sign: Path) -> bool:
    return sign.exists()


async def _listens(port: int) -> bool:
    with contextlib.suppress(OSError):
        _, writer = await asyncio.open_connection(HOST, port)
        writer.close()
        return True
    return False
