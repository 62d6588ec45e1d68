"""The worker's own machine: plain files, synced with their folders, in a thread; commands with nothing inherited.

Only settings of operators lead here, and the targets file of the machine says which folders and commands.
"""

import asyncio
import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar

from certloom.domain.errors import Outage
from certloom.targets.interface import Finding, TargetRefused
from certloom.targets.machine import COMMAND_SECONDS, MOST_OUTPUT, MOST_READ, Entry, Kind, Ran, one_line
from certloom.targets.threads import to_the_end

_ENVIRONMENT: Final = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
_PASSING: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ENFILE, errno.EMFILE, errno.ESTALE})
_MOST_NAMES: Final = 1000

R = TypeVar("R")


class LocalMachine:
    """Implements Machine."""

    def __init__(self, name: str, *, seconds: float = COMMAND_SECONDS) -> None:
        self._name = name
        self._seconds = seconds

    @property
    def name(self) -> str:
        """See Machine."""
        return self._name

    async def reach(self) -> Sequence[Finding]:
        """See Machine; we are there already."""
        return ()

    async def look(self, path: str) -> Entry | None:
        """See Machine."""
        return await self._do(path, lambda: _look(Path(path)))

    async def read(self, path: str) -> bytes | None:
        """See Machine."""
        return await self._do(path, lambda: _read(Path(path)))

    async def names(self, folder: str) -> Sequence[str]:
        """See Machine."""
        return await self._do(folder, lambda: _names(Path(folder)))

    async def target_of(self, link: str) -> str:
        """See Machine."""
        return await self._do(link, lambda: os.readlink(link))  # noqa: PTH115 (pathlib changes the words)

    async def writable(self, folder: str) -> bool:
        """See Machine."""
        return await self._do(folder, lambda: os.access(folder, os.W_OK | os.X_OK))

    async def write(self, path: str, content: bytes) -> None:
        """See Machine."""
        await self._do(path, lambda: _write(Path(path), content))

    async def make_folder(self, path: str) -> None:
        """See Machine."""
        await self._change(path, lambda: Path(path).mkdir(mode=0o700))

    async def make_link(self, target: str, path: str) -> None:
        """See Machine."""
        await self._change(path, lambda: Path(path).symlink_to(target))

    async def rename(self, source: str, target: str) -> None:
        """See Machine."""
        await self._change(target, lambda: Path(source).replace(target))

    async def remove(self, path: str) -> None:
        """See Machine."""
        await self._change(path, lambda: Path(path).unlink(missing_ok=True))

    async def remove_folder(self, path: str) -> None:
        """See Machine."""
        await self._change(path, lambda: _remove_folder(Path(path)))

    async def run(self, command: Sequence[str]) -> Ran:
        """See Machine."""
        try:
            async with asyncio.timeout(self._seconds):
                return await _run(command)
        except TimeoutError as error:
            raise Outage(f"{command[0]} on {self._name} did not end within {self._seconds:.0f} s.") from error
        except OSError as error:
            return Ran(127, f"{command[0]}: {error.strerror or error}")

    async def _do(self, path: str, step: Callable[[], R]) -> R:
        with self._telling(path):
            return await to_the_end(step)

    async def _change(self, path: str, step: Callable[[], object]) -> None:
        def changed() -> None:
            step()
            _sync(Path(path).parent)

        await self._do(path, changed)

    @contextlib.contextmanager
    def _telling(self, path: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            told = f"{one_line(path)} on {self._name}: {error.strerror or error}."
            raise (Outage if error.errno in _PASSING else TargetRefused)(told) from error


def _look(path: Path) -> Entry | None:
    try:
        mode = path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    kinds = {stat.S_IFREG: Kind.FILE, stat.S_IFDIR: Kind.FOLDER, stat.S_IFLNK: Kind.LINK}
    return Entry(kinds.get(stat.S_IFMT(mode), Kind.OTHER), stat.S_IMODE(mode))


def _read(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(MOST_READ)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _names(folder: Path) -> tuple[str, ...]:
    try:
        with os.scandir(folder) as entries:
            return tuple(entry.name for entry in islice(entries, _MOST_NAMES))
    except FileNotFoundError:
        return ()


def _write(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(number, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _remove_folder(path: Path) -> None:
    try:
        path.rmdir()
    except FileNotFoundError:
        pass
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise


def _sync(folder: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(number)
        finally:
            os.close(number)


async def _run(command: Sequence[str]) -> Ran:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=_ENVIRONMENT,
        cwd="/",
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Ran(process.returncode or 0, output[:MOST_OUTPUT].decode(errors="replace"))
