"""Putting one issuance on one target: what a deployment can be, and what a certificate remembers of each target."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from certloom.domain.model import Model, Utc

MOST_TARGETS: Final = 100  # of one certificate; its state travels with every step


class DeploymentState(StrEnum):
    """How far it is; the last four are ends."""

    WAITING = "waiting"  # for the target, which another deployment holds, or for its worker
    INSTALLING = "installing"
    PROVING = "proving"  # installed; every endpoint is asked until it serves the new leaf
    ROLLING_BACK = "rolling_back"
    DEPLOYED = "deployed"  # every endpoint served it
    ROLLED_BACK = "rolled_back"  # not proven in time; what was served before is served again, and that was seen
    FAILED = "failed"  # not proven, and the way back could not be proven either: somebody must look
    SUPERSEDED = "superseded"  # nothing was changed: a newer one takes its place, or target or leaf are gone


ENDS: Final = frozenset(
    {DeploymentState.DEPLOYED, DeploymentState.ROLLED_BACK, DeploymentState.FAILED, DeploymentState.SUPERSEDED}
)


_S = DeploymentState

COMES_FROM: Final[Mapping[DeploymentState, frozenset[DeploymentState]]] = {
    _S.WAITING: frozenset(),
    _S.INSTALLING: frozenset({_S.WAITING, _S.INSTALLING}),
    _S.PROVING: frozenset({_S.INSTALLING, _S.PROVING}),
    _S.ROLLING_BACK: frozenset({_S.WAITING, _S.INSTALLING, _S.PROVING, _S.ROLLING_BACK}),
}
"""Where each state under way may be entered from; so an attempt that was given up cannot turn a rollback round."""


class Trigger(StrEnum):
    """Why a deployment began."""

    REQUEST = "request"  # a person asked
    ISSUANCE = "issuance"  # there is a new issuance, by renewal or replacement
    DRIFT = "drift"  # an endpoint served something else
    RETRY = "retry"  # the one before did not end well
    ROLLBACK = "rollback"  # a person wants back what was there before


class DriftProblem(StrEnum):
    """What the watch saw at an endpoint."""

    WRONG = "wrong"  # another leaf than the one that was proven
    MISSING = "missing"  # somebody listens there, and no TLS handshake comes about
    EXPIRING = "expiring"  # the right leaf, with little time left


class Placement(Model):
    """A target of a certificate: what was proven there last, and what is under way or comes next.

    Where nothing was proven it is remembered only because a leaf of this certificate may be served there all the same.
    `passed_over` is the newest issuance that a person rolled back from: up to that, nothing is put there by itself.
    """

    target_id: str
    host: str | None = None  # whose worker alone can drive it
    deployment_id: str | None = None  # under way
    trigger: Trigger | None = None  # of the one under way
    proven: int | None = None  # number of the issuance that every endpoint was last seen to serve
    passed_over: int = 0
    drifted_at: Utc | None = None  # an endpoint served something else, and it is not repaired yet
    failures: int = 0  # in a row
    retry_at: Utc | None = None
    last_error: str | None = None

    def wanted(self, newest: int) -> int | None:
        """Return the number of the issuance that should be put there by itself; None when all is well."""
        if self.deployment_id is not None or self.proven is None:
            return None
        held = self.passed_over >= newest
        if self.drifted_at is not None:
            return self.proven if held else newest
        return None if held or self.proven == newest else newest

    def settled(self, newest: int) -> bool:
        """Whether every endpoint was seen to serve the newest issuance, and nothing says otherwise.

        A target where nothing was ever proven has nothing to settle.
        """
        if self.deployment_id is not None:
            return False
        return self.proven is None or (self.drifted_at is None and self.proven == newest)


class DeploymentReport(Model):
    """How a deployment ended, as its workflow tells the certificate's; may arrive more than once."""

    deployment_id: str
    certificate_id: str
    target_id: str
    number: int | None
    outcome: DeploymentState
    why: str | None = None
    target_gone: bool = False
    displaced: str | None = None  # another certificate that was served there until now


class DisplacedReport(Model):
    """Another certificate was proven on this target."""

    target_id: str
    by: str


class DriftReport(Model):
    """What the watch saw at a target that should serve issuance *number*."""

    certificate_id: str
    target_id: str
    number: int
    problem: DriftProblem
    detail: str


# After a deployment that did not end well where there was one before: the pause until the next try.
_RETRY_FIRST: Final = timedelta(minutes=5)
_RETRY_SLOWEST: Final = timedelta(hours=12)


def retry_pause(failures: int) -> timedelta:
    """Return the pause after the n-th failure in a row: 5, 10, 20 min ... up to 12 h; it never stops."""
    return min(_RETRY_FIRST * (1 << min(failures - 1, 10)), _RETRY_SLOWEST)


def due(placements: Sequence[Placement], newest: int, now: datetime) -> Iterator[tuple[Placement, int]]:
    """Yield the targets that want an issuance now, each with its number."""
    for placement in placements:
        number = placement.wanted(newest)
        if number is not None and (placement.retry_at is None or placement.retry_at <= now):
            yield placement, number
