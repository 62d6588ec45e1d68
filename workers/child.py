"""A process that belongs to `make run`: started with its own log, watched, stopped in order, never left behind."""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from certloom.domain.errors import Outage

READY_FD: Final = "CERTLOOM_READY_FD"
PROBE_EVERY: Final = 0.05  # seconds; a start takes about five, so nobody waits for the probe
LARGEST_LOG: Final = 5_000_000  # bytes; an older log is set aside at the next start
TOLD_LINES: Final = 5  # of a dead child's log

_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

Probe = Callable[[], Awaitable[bool]]


class ChildDied(Outage):
    """A process that the service needs has ended; the sentence names its log."""

    code = "child_died"


@dataclass(frozen=True)
class Child:
    """One running process."""

    name: str
    process: Process
    log: Path
    since: int  # where in the log its own lines begin
    ready: asyncio.Future[None]

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    async def until_dead(self) -> ChildDied:
        """Wait for its end, and return the sentence about it."""
        code = await self.process.wait()
        how = f"with exit code {code}" if code >= 0 else f"by signal {signal.Signals(-code).name}"
        lines = _tail(self.log, self.since)
        told = "".join(f"\n  {line}" for line in lines)
        return ChildDied(f"The {self.name} process ended {how}; its log is {self.log}.{told}")

    async def until_ready(self, probe: Probe | None, *, within: float) -> None:
        """Wait until it serves: until *probe* says so, or it said so itself. Raises ChildDied, also when it is late."""
        waiting = asyncio.ensure_future(_until(probe) if probe else self.ready)
        dying = asyncio.ensure_future(self.until_dead())
        try:
            done, _ = await asyncio.wait({waiting, dying}, timeout=within, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (waiting, dying):
                task.cancel()
        if dying in done:
            raise dying.result()
        if not done:
            raise ChildDied(f"The {self.name} process is not ready after {within:.0f} s; its log is {self.log}.")

    async def until_done(self, *, within: float) -> None:
        """Wait for the good end of a process that does one thing. Raises ChildDied when it fails or is late."""
        dying = asyncio.ensure_future(self.until_dead())
        done, _ = await asyncio.wait({dying}, timeout=within)
        if not done:
            dying.cancel()
            raise ChildDied(f"The {self.name} process is not done after {within:.0f} s; its log is {self.log}.")
        if self.process.returncode:
            raise dying.result()

    async def stop(self, *, within: float) -> None:
        """Ask it to end, and kill it when it does not; silent when it has ended."""
        self.send(signal.SIGTERM)
        try:
            await asyncio.wait_for(self.process.wait(), within)
        except TimeoutError:
            self.send(signal.SIGKILL)
            await self.process.wait()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to it and to what it started; silent when it has ended."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)


async def start(name: str, arguments: Sequence[str], *, env: Mapping[str, str], log: Path) -> Child:
    """Start a process in its own group, so that a Ctrl-C reaches us alone and we decide the order.

    It inherits one end of a pipe, named in CERTLOOM_READY_FD, into which it may say that it is ready (ready.py).
    """
    ours, theirs = os.pipe()
    with _open_log(log) as out:
        since = out.tell()
        process = await asyncio.create_subprocess_exec(
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env={**env, READY_FD: str(theirs)},
            pass_fds=(theirs,),
            start_new_session=True,
            preexec_fn=_dying_with(os.getpid()),
        )
    os.close(theirs)
    return Child(name, process, log, since, _readiness(ours))


def _open_log(log: Path) -> BinaryIO:
    if log.exists() and log.stat().st_size > LARGEST_LOG:
        log.replace(log.with_suffix(".log.1"))
    return log.open("ab")


def _dying_with(parent: int) -> Callable[[], None]:
    """Have Linux kill the child when we die, even by SIGKILL; elsewhere the next start ends leftovers (home.py)."""

    def prepare() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:  # we died before the line above
                os._exit(1)

    return prepare


def _readiness(descriptor: int) -> asyncio.Future[None]:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()

    def heard() -> None:
        loop.remove_reader(descriptor)
        said = os.read(descriptor, 1)
        os.close(descriptor)
        if said and not ready.done():
            ready.set_result(None)

    loop.add_reader(descriptor, heard)
    return ready


async def _until(probe: Probe) -> None:
    while not await probe():  # noqa: ASYNC110 - another process has no event of ours to set
        await asyncio.sleep(PROBE_EVERY)


def _tail(log: Path, since: int) -> list[str]:
    with contextlib.suppress(OSError), log.open("rb") as file:
        file.seek(max(since, log.stat().st_size - 4_000))
        return [line[:300] for line in file.read().decode(errors="replace").splitlines()[-TOLD_LINES:] if line.strip()]
    return []
