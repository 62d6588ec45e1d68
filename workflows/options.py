"""Named waits and retries of the workflows, each with its unit and reason."""

from datetime import timedelta
from typing import Any, Final

from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityCancellationType

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

# Whatever moment an activity named: not much sooner (the first time 5 s), and not later.
SOONEST: Final = timedelta(minutes=1)
LATEST: Final = timedelta(days=1)

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


# Before a revocation or deletion: endpoints are asked once, within the 10 s that an update's caller waits. Whoever does
# not answer, a worker of a host that is away among them, does not hold it up.
ASK: Final[dict[str, Any]] = {
    "schedule_to_close_timeout": timedelta(seconds=8),
    "retry_policy": RetryPolicy(maximum_attempts=1),
}

# A target is held by one deployment at a time; the next waits for its end.
BEGIN_DEPLOYMENT: Final[dict[str, Any]] = {
    "start_to_close_timeout": timedelta(seconds=15),
    "schedule_to_close_timeout": timedelta(hours=24),
    "retry_policy": WAVE_RETRY,
}

SHORTEST_CHANGE: Final = timedelta(seconds=60)  # one attempt: looks of at most 10 s, twice 20 s at the target
LONGEST_TURN: Final = timedelta(hours=1)  # for a place that others are changing, one after the other
LAST_LOOK: Final = timedelta(seconds=45)  # three rounds of at most 10 s, and a worker that died in the middle
WAY_BACK: Final = timedelta(minutes=2)  # at least: a worker that was killed is noticed and started again meanwhile

# Leftovers at a target harm nobody: one short try, and they are left.
CLEAN_UP: Final[dict[str, Any]] = {
    "start_to_close_timeout": ATTEMPT,
    "schedule_to_close_timeout": timedelta(seconds=45),
    "heartbeat_timeout": HEARTBEAT,
    "retry_policy": RetryPolicy(initial_interval=timedelta(seconds=1), maximum_attempts=3),
}

# Trying a target for a person who waits for the answer.
TRY: Final[dict[str, Any]] = {
    "start_to_close_timeout": timedelta(seconds=30),
    "schedule_to_start_timeout": timedelta(seconds=5),
    "retry_policy": RetryPolicy(maximum_attempts=1),
}

# A batch of the watch: 200 targets, 20 at a time, two looks of at most 10 s each. A host's worker that is away is
# looked at by the next watch.
WATCH: Final[dict[str, Any]] = {
    "start_to_close_timeout": timedelta(minutes=10),
    "schedule_to_start_timeout": timedelta(minutes=1),
    "heartbeat_timeout": HEARTBEAT,
    "retry_policy": RetryPolicy(maximum_attempts=3),
}

# A batch of renewal information: 50 leaves one after the other, 30 s each at worst.
ASK_RENEWALS: Final[dict[str, Any]] = {
    "start_to_close_timeout": timedelta(minutes=25),
    "heartbeat_timeout": HEARTBEAT,
    "retry_policy": RetryPolicy(maximum_attempts=3),
}


def install(patience: timedelta) -> dict[str, Any]:
    """Return how an issuance is put there: the step itself minds the target's patience, its turn may take longer."""
    return {**change(patience), "schedule_to_close_timeout": max(patience, SHORTEST_CHANGE) + LONGEST_TURN}


def change(patience: timedelta) -> dict[str, Any]:
    """Return how a target is changed: tried again every few seconds, as long as the target may take."""
    return {
        "start_to_close_timeout": ATTEMPT,
        "schedule_to_close_timeout": max(patience, SHORTEST_CHANGE),
        "heartbeat_timeout": HEARTBEAT,
        # A change that was cancelled must have stopped before it is undone.
        "cancellation_type": ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        "retry_policy": RetryPolicy(
            initial_interval=timedelta(seconds=0.5), backoff_coefficient=2.0, maximum_interval=timedelta(seconds=15)
        ),
    }


def prove(patience: timedelta) -> dict[str, Any]:
    """Return how endpoints are asked: the step names its own pauses and its end, and the last look may be slow."""
    retry = RetryPolicy(initial_interval=timedelta(seconds=1))
    return {**change(patience), "schedule_to_close_timeout": patience + LAST_LOOK, "retry_policy": retry}


def pause(count: int) -> timedelta:
    """Return the pause after the n-th wave that failed."""
    return min(FIRST_PAUSE * (1 << min(count - 1, 20)), LONGEST_PAUSE)
