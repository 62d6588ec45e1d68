"""A targets worker that kills itself once, at the moment that CERTLOOM_TEST_KILL names: `<step>:before|middle|after`.

`middle` is right after the target was changed and before anything of it is recorded.
"""

import contextlib
import os
import signal
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Worker

from activities.place import Places
from certloom import wiring
from certloom.process import leave
from certloom.settings import Settings
from certloom.storage.interface import Storage
from tests.workflows.trouble import Wrapped
from workers.heartbeat import Failures, Heartbeats
from workers.steps import target_steps
from workers.working import run
from workflows.names import queue_of

STEP, _, MOMENT = os.environ["CERTLOOM_TEST_KILL"].partition(":")
MARK = Path(os.environ["CERTLOOM_TEST_MARK"])


def die() -> None:
    """End as by SIGKILL, once."""
    if not MARK.exists():
        MARK.touch()
        os.kill(os.getpid(), signal.SIGKILL)


async def around(inner: ActivityInboundInterceptor, given: ExecuteActivityInput) -> Any:
    mine = activity.info().activity_type == STEP
    if mine and MOMENT == "before":
        die()
    answer = await inner.execute_activity(given)
    if mine and MOMENT == "after":
        die()
    return answer


class Deadly:
    """A target that takes its worker along after it was changed."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._inner, name)
        if name != STEP or MOMENT != "middle":
            return call

        async def called(*given: Any, **named: Any) -> Any:
            answer = await call(*given, **named)
            die()
            return answer

        return called


_changing = Places.changing


@contextlib.asynccontextmanager
async def changing(*given: Any, **named: Any) -> AsyncIterator[Any]:
    async with _changing(*given, **named) as opened:
        yield Deadly(opened)


def build_workers(client: Client, settings: Settings, storage: Storage) -> list[Worker]:
    worker = Worker(
        client,
        task_queue=queue_of(wiring.allowed_targets(settings).host),
        activities=target_steps(settings, storage, on_host=True),
        interceptors=[Heartbeats(timedelta(seconds=settings.heartbeat_interval)), Wrapped(around), Failures()],
    )
    return [worker]


if __name__ == "__main__":
    Places.changing = changing  # type: ignore[method-assign]
    leave(run("killing", build_workers))
