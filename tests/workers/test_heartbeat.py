import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from certloom.domain.errors import IssuerRefused
from certloom.net.interface import Unreachable
from workers.heartbeat import Failures, Heartbeats

QUICK = Heartbeats(timedelta(milliseconds=1))


class Innermost(ActivityInboundInterceptor):
    """Stands where the activity itself is called."""

    def __init__(self) -> None:
        pass

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        return await input.fn(*input.args)


async def run(interceptor: Interceptor, fn: Callable[[], Any], *, env: ActivityEnvironment | None = None) -> Any:
    """Run an activity function inside one interceptor."""
    chain = interceptor.intercept_activity(Innermost())

    async def inside() -> Any:
        return await chain.execute_activity(ExecuteActivityInput(fn=fn, args=(), executor=None, headers={}))

    return await (env or ActivityEnvironment()).run(inside)


def beating(limit: timedelta | None) -> tuple[ActivityEnvironment, list[Any], asyncio.Event]:
    """Build an environment that notes beats, and sets the event at the third."""
    env, beats, third = ActivityEnvironment(), [], asyncio.Event()
    env.info = replace(env.info, heartbeat_timeout=limit)

    def note(*details: Any) -> None:
        beats.append(details)
        if len(beats) == 3:
            third.set()

    env.on_heartbeat = note
    return env, beats, third


async def test_a_long_activity_beats_by_itself() -> None:
    """An activity with a heartbeat timeout gives signs of life while it waits, without a line of its own."""
    env, _, third = beating(timedelta(seconds=10))

    async def wait() -> str:
        await asyncio.wait_for(third.wait(), 10)
        return "done"

    assert await run(QUICK, wait, env=env) == "done"


async def test_beats_come_often_enough_for_a_short_timeout() -> None:
    """The interval is never more than a third of the timeout, whatever the setting says."""
    env, _, third = beating(timedelta(milliseconds=30))
    await asyncio.wait_for(run(Heartbeats(timedelta(hours=1)), third.wait, env=env), 10)


async def test_no_timeout_means_no_beats() -> None:
    """An activity that nobody listens for costs nothing more."""
    env, beats, _ = beating(None)

    async def wait() -> None:
        await asyncio.sleep(0)

    await run(QUICK, wait, env=env)
    assert beats == []


async def test_beats_end_with_the_activity() -> None:
    """After the end, good or bad, nothing beats any more."""
    env, beats, third = beating(timedelta(seconds=10))

    async def fail() -> None:
        await third.wait()
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await run(QUICK, fail, env=env)
    count = len(beats)
    for _ in range(20):
        await asyncio.sleep(0.001)
    assert len(beats) == count


async def test_a_refusal_is_final() -> None:
    """Our refusals reach Temporal as errors that are not retried."""

    async def refuse() -> None:
        raise IssuerRefused("CAA forbids it.", reason="caa")

    with pytest.raises(ApplicationError) as failure:
        await run(Failures(), refuse)
    assert (failure.value.type, failure.value.non_retryable) == ("IssuerRefused", True)


async def test_an_outage_is_retried_when_the_other_side_said() -> None:
    """An outage of any kind arrives as Outage, with its pause."""

    async def fail() -> None:
        raise Unreachable("No connection.", retry_after=7)

    with pytest.raises(ApplicationError) as failure:
        await run(Failures(), fail)
    assert (failure.value.type, failure.value.non_retryable) == ("Outage", False)
    assert failure.value.next_retry_delay == timedelta(seconds=7)


async def test_a_defect_stays_what_it_is() -> None:
    """What nobody planned for is not dressed up as an error of ours."""

    async def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        await run(Failures(), fail)
