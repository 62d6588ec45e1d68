"""How long a step waits when somebody else named the moment."""

from datetime import datetime, timedelta

import pytest
from temporalio.exceptions import ActivityError, RetryState

from activities.failures import to_failure
from certloom.domain.errors import Later
from certloom.domain.evolve import evolve
from certloom.domain.fact import Delayed
from certloom.domain.step import StepKind
from tests.lives import NOW, applied
from workflows.effects import trouble

DAY = timedelta(days=1)


def failed(until: datetime) -> ActivityError:
    error = ActivityError(
        "failed",
        scheduled_event_id=1,
        started_event_id=2,
        identity="",
        activity_type="prepare",
        activity_id="1",
        retry_state=RetryState.NON_RETRYABLE_FAILURE,
    )
    error.__cause__ = to_failure(Later("Not now.", until=until, limit=True))
    return error


def waited(until: datetime, *, times: int = 1) -> timedelta:
    """Return how long the last of several waits is."""
    state = applied()
    for _ in range(times):
        delayed = trouble(StepKind.PREPARE, failed(until), state, NOW)
        assert isinstance(delayed, Delayed)
        state = evolve(state, delayed)
    assert state.delay is not None
    return state.delay.until - NOW


def test_a_moment_is_kept() -> None:
    """What is possible in three hours comes again in three hours, however often it was asked for."""
    assert waited(NOW + DAY / 8, times=9) == DAY / 8


@pytest.mark.parametrize("days", [31, 365, 365_000])
def test_nobody_makes_a_certificate_wait_for_a_year(days: int) -> None:
    """A renewal must not lapse because of what a CA wrote into Retry-After."""
    assert waited(NOW + days * DAY) == DAY


@pytest.mark.parametrize(("times", "seconds"), [(1, 5), (2, 10), (9, 60)])
def test_a_moment_that_is_over_is_no_loop(times: int, seconds: int) -> None:
    """The same answer over and over is asked for ever more rarely, up to once a minute."""
    assert waited(NOW - DAY, times=times) == timedelta(seconds=seconds)
