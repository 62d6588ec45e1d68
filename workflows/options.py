"""Named waits and retries of the workflows, each with its unit and reason."""

from datetime import timedelta
from typing import Any, Final

from temporalio.common import RetryPolicy

from activities.verification import NOT_YET

# One attempt of an activity. A killed worker is noticed by the missing heartbeat, long before ATTEMPT ends.
ATTEMPT: Final = timedelta(seconds=60)
HEARTBEAT: Final = timedelta(seconds=10)

# A wave: attempts follow each other at 1, 2, 4, 8, 15, 15 ... s (elapsed 1, 3, 7, 15, 30, 45 ...), then the workflow
# takes over with a pause it can be woken from.
WAVE: Final = timedelta(seconds=100)
WAVE_RETRY: Final = RetryPolicy(
    initial_interval=timedelta(seconds=1), backoff_coefficient=2.0, maximum_interval=timedelta(seconds=15)
)

# Between waves: 5 s, 10 s, 20 s ... up to an hour, as long as the business deadline allows.
FIRST_PAUSE: Final = timedelta(seconds=5)
LONGEST_PAUSE: Final = timedelta(hours=1)

EFFECT: Final[dict[str, Any]] = {
    "start_to_close_timeout": ATTEMPT,
    "schedule_to_close_timeout": WAVE,
    "heartbeat_timeout": HEARTBEAT,
    "retry_policy": WAVE_RETRY,
}

# Writing a row has no other way out: it is retried until the database answers.
RECORD: Final[dict[str, Any]] = {
    "start_to_close_timeout": timedelta(seconds=15),
    "retry_policy": WAVE_RETRY,
}

# The look itself says when the next one is (5 s doubling to 15 min by default); Temporal repeats it with no events.
# The policy is for looks that died with their worker: they found nothing out, so they are begun again soon.
LOOK: Final[dict[str, Any]] = {
    "start_to_close_timeout": timedelta(minutes=5),  # 200 names, 20 at a time, 10 s each at worst, and CAA
    "heartbeat_timeout": HEARTBEAT,
    "retry_policy": RetryPolicy(initial_interval=timedelta(seconds=5), backoff_coefficient=1.0),
}
LOOK_ONCE: Final[dict[str, Any]] = {
    **LOOK,
    "retry_policy": RetryPolicy(maximum_attempts=3, non_retryable_error_types=[NOT_YET]),
}


def pause(count: int) -> timedelta:
    """Return the pause after the n-th wave that failed."""
    return min(FIRST_PAUSE * (1 << min(count - 1, 20)), LONGEST_PAUSE)
