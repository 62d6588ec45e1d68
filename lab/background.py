"""An event loop in a thread of its own, for what runs beside a story that is told without one."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from lab.customer import DemoFailed

_T = TypeVar("_T")


class Background:
    """Everything that is done in it is done in the same loop. Start it once."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def runs(self) -> bool:
        """Whether it was started and not stopped."""
        return self._loop is not None

    def start(self) -> None:
        """Start the loop."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def do(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Return what comes of it; interrupted, it is cancelled. Raises DemoFailed when it does not run."""
        if self._loop is None:
            work.close()
            raise DemoFailed("The servers of the demo do not run.")
        doing = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return doing.result()
        except BaseException:  # a Ctrl-C, too: what is half started is taken back
            doing.cancel()
            raise

    def stop(self) -> None:
        """End the loop; may be called twice."""
        if self._loop is None or self._thread is None:
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._loop = self._thread = None
