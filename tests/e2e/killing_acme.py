"""A worker that kills itself once for each moment of an ACME order: the order named MOMENTS[n] dies there.

Which order it is, its name tells: `kill<n>.lab.test`. That a moment came, a file in CERTLOOM_TEST_MARKS remembers, so
that the worker started after it goes on.
"""

import contextlib
import os
import signal
from collections.abc import Sequence
from contextvars import ContextVar
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from temporalio import activity
from temporalio.client import Client
from temporalio.common import RetryPolicy
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Worker

from activities import budget, order
from activities.proof import Looking, Proofs
from activities.publication import Publication
from activities.work import Work
from certloom.issuers.acme import AcmeIssuer
from certloom.issuers.acme_client import AcmeClient
from certloom.issuers.interface import Pending
from certloom.process import leave
from certloom.settings import Settings
from certloom.storage.interface import Storage
from tests.workflows.trouble import Wrapped
from workers.certificates import WORKFLOWS
from workers.heartbeat import Failures, Heartbeats
from workers.sandbox import runner
from workers.steps import steps
from workers.working import run
from workflows import options
from workflows.names import QUEUE

SOON: Final = timedelta(seconds=2)
STEPS: Final = ("prepare", "look", "issue")  # after: the transaction is over, and Temporal does not know yet
BETWEEN: Final = ("reserved", "begun", "published", "pending", "signed")  # done outside, and not recorded here yet
EXCHANGES: Final = ("order-plz", "chalZ", "finalize-order")  # as Pebble's addresses call them; all in tests/issuers
MOMENTS: Final = (
    *(f"{step}:{when}" for step in STEPS for when in ("before", "after")),
    *(f"{what}:after" for what in BETWEEN),
    *(f"{exchange}:after" for exchange in EXCHANGES),
)

_names: ContextVar[Sequence[str]] = ContextVar("_names", default=())


def name_of(moment: str) -> str:
    """Return the name whose order dies then."""
    return f"kill{MOMENTS.index(moment)}.lab.test"


def reach(moment: str) -> None:
    """End as by SIGKILL, if the order under way is that of this moment, and it is the first time."""
    if moment not in MOMENTS or name_of(moment) not in _names.get():
        return
    with contextlib.suppress(FileExistsError):
        (Path(os.environ["CERTLOOM_TEST_MARKS"]) / moment).touch(exist_ok=False)
        os.kill(os.getpid(), signal.SIGKILL)


def names_in(given: Any) -> Sequence[str]:
    if isinstance(given, Looking):
        return given.names
    return given.state.names if isinstance(given, Work) else ()


async def around(inner: ActivityInboundInterceptor, given: ExecuteActivityInput) -> Any:
    """Die ahead of a step, or between its transaction and its completion."""
    step = activity.info().activity_type
    _names.set(names_in(given.args[0]) if given.args else ())
    reach(f"{step}:before")
    answer = await inner.execute_activity(given)
    reach(f"{step}:after")
    return answer


_post, _begin, _advance = AcmeClient.post, AcmeIssuer.begin, AcmeIssuer.advance
_reserve, _publish, _look_at_once = budget.reserve, Publication.publish, Proofs.look_at_once


async def post(self: AcmeClient, url: str, *given: Any, **named: Any) -> Any:
    reply = await _post(self, url, *given, **named)
    reach(f"{url.split('/')[3]}:after")
    return reply


async def begin(self: AcmeIssuer, *given: Any, **named: Any) -> Any:
    opened = await _begin(self, *given, **named)
    reach("begun:after")
    return opened


async def advance(self: AcmeIssuer, *given: Any, **named: Any) -> Any:
    answer = await _advance(self, *given, **named)
    reach("pending:after" if isinstance(answer, Pending) else "signed:after")
    return answer


async def reserve(*given: Any, **named: Any) -> None:
    await _reserve(*given, **named)
    reach("reserved:after")


async def publish(self: Publication, *given: Any, **named: Any) -> Any:
    obstacles = await _publish(self, *given, **named)
    reach("published:after")
    return obstacles


async def look_at_once(self: Proofs, wanted: Looking, **named: Any) -> bool:
    """Leave the proof to `look` where the order is to die there: in a zone of ours nobody would look otherwise."""
    if any(name_of(moment) in wanted.names for moment in MOMENTS if moment.startswith("look:")):
        return False
    return await _look_at_once(self, wanted, **named)


def hurry() -> None:
    """Have Temporal miss a dead worker sooner, and begin again sooner, or this takes minutes."""
    for chosen in (options.EFFECT, options.LOOK):
        chosen["heartbeat_timeout"] = SOON
        chosen["retry_policy"] = RetryPolicy(initial_interval=SOON / 4, maximum_interval=SOON)


def build_workers(client: Client, settings: Settings, storage: Storage) -> Sequence[Worker]:
    beat = SOON / 4
    worker = Worker(
        client,
        task_queue=QUEUE,
        workflows=WORKFLOWS,
        activities=steps(settings, storage),
        workflow_runner=runner(),
        max_concurrent_activities=1,  # or an order's end takes another's moment with it
        interceptors=[Heartbeats(beat), Wrapped(around), Failures()],
        max_heartbeat_throttle_interval=beat,
        sticky_queue_schedule_to_start_timeout=SOON / 2,
    )
    return [worker]


if __name__ == "__main__":
    hurry()
    AcmeClient.post = post  # type: ignore[method-assign]
    AcmeIssuer.begin = begin  # type: ignore[method-assign]
    AcmeIssuer.advance = advance  # type: ignore[method-assign]
    vars(order)["reserve"] = reserve
    Publication.publish = publish  # type: ignore[method-assign]
    Proofs.look_at_once = look_at_once  # type: ignore[method-assign]
    leave(run("killing", build_workers))
