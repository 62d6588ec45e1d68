"""Interceptors and adapters that make trouble on purpose."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from activities.failures import to_failure
from certloom.domain.errors import Outage
from certloom.domain.money import Money
from certloom.payments.interface import PaymentRequest

Around = Callable[[ActivityInboundInterceptor, ExecuteActivityInput], Any]


class Wrapped(Interceptor):
    """Runs every activity through a function of the test's."""

    def __init__(self, around: Around) -> None:
        self._around = around

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Inbound(next, self._around)


class _Inbound(ActivityInboundInterceptor):
    def __init__(self, inner: ActivityInboundInterceptor, around: Around) -> None:
        super().__init__(inner)
        self._inner = inner
        self._around = around

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        return await self._around(self._inner, input)


async def twice(inner: ActivityInboundInterceptor, given: ExecuteActivityInput) -> Any:
    """Run it, run it again, and insist on the same answer."""
    first = await inner.execute_activity(given)
    again = await inner.execute_activity(given)
    if activity.info().activity_type != "look" and first != again:
        raise AssertionError(f"{activity.info().activity_type} answered {first} and then {again}")
    return again


async def forgotten(inner: ActivityInboundInterceptor, given: ExecuteActivityInput) -> Any:
    """Run it, but let its first answer get lost, as when Temporal stops between transaction and completion."""
    answer = await inner.execute_activity(given)
    if activity.info().attempt == 1:
        raise to_failure(Outage("The answer was lost.", retry_after=0.05))  # at once: no policy is tried here
    return answer


class BrokenPayments:
    """A payment method that fails as told, `times` times per certificate, and then takes money that nobody has."""

    def __init__(self, error: Exception, times: int) -> None:
        self.calls: Counter[str] = Counter()
        self._error = error
        self._times = times

    async def charge(self, request: PaymentRequest, *, now: datetime) -> None:
        self.calls[request.reference] += 1
        if self.calls[request.reference] <= self._times:
            raise self._error

    async def refund(self, request: PaymentRequest, *, charge_key: str, now: datetime) -> Money:
        return request.amount
