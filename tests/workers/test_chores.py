import asyncio
import os
import signal

import pytest

from certloom.domain.errors import Outage
from workers.chores import Chore, keep_doing


class Work:
    """Counts how often it is done; fails the first `failures` times; sets `enough` at the third."""

    def __init__(self, *failures: Exception) -> None:
        self.count = 0
        self.enough = asyncio.Event()
        self._failures = list(failures)

    async def do(self) -> str:
        self.count += 1
        if self.count >= 3:
            self.enough.set()
        if self._failures:
            raise self._failures.pop(0)
        return "done"


async def test_a_chore_that_fails_is_done_again() -> None:
    """Neither an outage nor a defect ends the process: the chore's next turn comes."""
    work = Work(Outage("The database does not answer."), ValueError("a defect"))
    doing = asyncio.create_task(keep_doing([Chore("work", 0.001, work.do)]))
    await asyncio.wait_for(work.enough.wait(), 10)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(doing, 10)
    assert work.count >= 3


async def test_a_chore_that_hangs_holds_up_no_other() -> None:
    """Each chore has its own turn."""
    work, hanging = Work(), asyncio.Event()

    async def hang() -> str:
        await hanging.wait()
        return ""

    doing = asyncio.create_task(keep_doing([Chore("hang", 1, hang), Chore("work", 0.001, work.do)]))
    await asyncio.wait_for(work.enough.wait(), 10)
    os.kill(os.getpid(), signal.SIGTERM)
    hanging.set()
    await asyncio.wait_for(doing, 10)


async def test_a_stop_does_not_wait_for_the_next_turn() -> None:
    """A signal ends the pause between two turns."""
    started = asyncio.Event()

    async def do() -> str:
        started.set()
        return ""

    doing = asyncio.create_task(keep_doing([Chore("rare", 3600, do)]))
    await asyncio.wait_for(started.wait(), 10)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(doing, 10)


async def test_once_means_once_and_tells_failures() -> None:
    """The one-shot form does each chore one time and fails when a chore fails."""
    work = Work()
    await keep_doing([Chore("work", 0.001, work.do)], once=True)
    assert work.count == 1
    with pytest.raises(Outage):
        await keep_doing([Chore("work", 1, Work(Outage("No.")).do)], once=True)
