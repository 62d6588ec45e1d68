import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from workers.child import Child, ChildDied, start

ENV = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
READY = "from workers.ready import say_ready; say_ready(); input()"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + READY


class Nursery:
    """Starts children and lets none survive the test."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._children: list[Child] = []

    async def start(self, code: str) -> Child:
        # Standard input is closed for children, so they wait on a pipe of their own instead.
        waiting = code.replace("input()", "import os; os.read(os.pipe()[0], 1)")
        child = await start("lab", [sys.executable, "-c", waiting], env=ENV, log=self._folder / "lab.log")
        self._children.append(child)
        return child

    async def end(self) -> None:
        for child in self._children:
            child.send(signal.SIGKILL)
            await child.process.wait()


@pytest.fixture
async def nursery(tmp_path: Path) -> AsyncIterator[Nursery]:
    made = Nursery(tmp_path)
    yield made
    await made.end()


async def test_a_child_says_when_it_is_ready(nursery: Nursery) -> None:
    """Whoever started it waits for its word, not for some seconds."""
    child = await nursery.start(READY)
    await child.until_ready(None, within=30)
    assert child.process.returncode is None


async def test_a_child_that_dies_before_it_is_ready_is_told_with_its_last_words(nursery: Nursery) -> None:
    """The sentence has name, exit code, log and the end of the log."""
    child = await nursery.start("import sys; sys.exit('no such key')")
    with pytest.raises(
        ChildDied, match=r"The lab process ended with exit code 1; its log is .*lab\.log\.\n  no such key"
    ):
        await child.until_ready(None, within=30)


async def test_a_child_that_is_late_is_told(nursery: Nursery) -> None:
    """A start that hangs ends with a sentence."""
    child = await nursery.start("input()")
    with pytest.raises(ChildDied, match=r"not ready after 0 s"):
        await child.until_ready(None, within=0.05)


async def test_a_probe_can_say_ready_instead(nursery: Nursery) -> None:
    """A program that is not ours is ready when it answers."""
    child = await nursery.start("input()")
    asked: list[bool] = []

    async def probe() -> bool:
        asked.append(True)
        return len(asked) == 2

    await child.until_ready(probe, within=30)
    assert len(asked) == 2


async def test_the_last_words_are_of_this_start(nursery: Nursery) -> None:
    """An old fault in the log is not told as the reason of a new death."""
    with pytest.raises(ChildDied, match="first"):
        await (await nursery.start("import sys; sys.exit('first')")).until_done(within=30)
    with pytest.raises(ChildDied) as second:
        await (await nursery.start("import sys; sys.exit(3)")).until_done(within=30)
    assert "first" not in str(second.value)


async def test_a_child_that_does_its_one_thing_is_done(nursery: Nursery) -> None:
    """A good end is no death."""
    child = await nursery.start("print('done')")
    await child.until_done(within=30)
    assert child.process.returncode == 0


async def test_a_child_that_will_not_stop_is_killed(nursery: Nursery) -> None:
    """A stop ends, whatever the child does."""
    child = await nursery.start(STUBBORN)
    await child.until_ready(None, within=30)
    await child.stop(within=0.2)
    assert child.process.returncode == -signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children by itself; elsewhere the next start does")
async def test_a_child_dies_with_its_parent(nursery: Nursery, tmp_path: Path) -> None:
    """A supervisor that is killed leaves no orphan."""
    code = f"""
import asyncio, os, sys
from pathlib import Path
from workers.child import start
async def main():
    child = await start("lab", [sys.executable, "-c", {READY!r}.replace("input()", "import time; time.sleep(600)")],
                        env=dict(os.environ), log=Path({str(tmp_path / "inner.log")!r}))
    await child.until_ready(None, within=30)
    Path({str(tmp_path / "pid")!r}).write_text(str(child.pid))
    from workers.ready import say_ready
    say_ready()
    await child.process.wait()
asyncio.run(main())
"""
    parent = await nursery.start(code)
    await parent.until_ready(None, within=30)
    orphan = os.pidfd_open(int((tmp_path / "pid").read_text(encoding="utf-8")))
    os.kill(parent.pid, signal.SIGKILL)
    await parent.process.wait()
    assert await _ended(orphan)


async def _ended(descriptor: int) -> bool:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(descriptor, ended.set)
    try:
        return await asyncio.wait_for(ended.wait(), 10)
    finally:
        asyncio.get_running_loop().remove_reader(descriptor)
        os.close(descriptor)
