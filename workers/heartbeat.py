"""What surrounds every activity: signs of life while it runs, and our errors in Temporal's words when it fails.

A killed worker is noticed by the missing sign within seconds, instead of at the end of the attempt.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from activities.failures import to_failure
from certloom.domain.errors import Outage, Refusal, Unfinished


class Heartbeats(Interceptor):
    """Beats every `interval` for activities with a heartbeat timeout; they send no heartbeats of their own."""

    def __init__(self, interval: timedelta) -> None:
        self._interval = interval

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - the SDK's name
        """See Interceptor."""
        return _Beating(next, self._interval)


class Failures(Interceptor):
    """Says our errors in Temporal's words: a refusal is final, an outage is retried (activities/failures.py)."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - the SDK's name
        """See Interceptor."""
        return _Translating(next)


class _Beating(ActivityInboundInterceptor):
    def __init__(self, inner: ActivityInboundInterceptor, interval: timedelta) -> None:
        super().__init__(inner)
        self._interval = interval

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's name
        """See ActivityInboundInterceptor."""
        limit = activity.info().heartbeat_timeout
        if not limit:
            return await super().execute_activity(input)
        async with _beating(min(self._interval, limit / 3)):
            return await super().execute_activity(input)


class _Translating(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's name
        """See ActivityInboundInterceptor."""
        try:
            return await super().execute_activity(input)
        except Unfinished as error:
            raise to_failure(error) from None  # each order meets it, and a trace of it tells nobody anything
        except (Refusal, Outage) as error:
            raise to_failure(error) from error


@contextlib.asynccontextmanager
async def _beating(interval: timedelta) -> AsyncIterator[None]:
    async def beat() -> None:
        while True:
            await asyncio.sleep(interval.total_seconds())  # most are done before, and each beat is a call that writes
            activity.heartbeat()

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
