"""Figures from samples: percentiles, and what a batch of orders took."""

from collections.abc import Sequence
from dataclasses import dataclass, field


def percentile(samples: Sequence[float], share: float) -> float:
    """Return the sample that *share* of all do not exceed (nearest rank); 0 for none."""
    ordered = sorted(samples)
    return ordered[max(0, -(-len(ordered) * round(share * 1000) // 1000) - 1)] if ordered else 0.0


@dataclass
class Batch:
    """Orders of one kind, over all rounds: seconds each took, seconds the rounds took, and CPU by process.

    `full` are orders and seconds while every lane was busy: when a round begins or ends, some are not.
    """

    latencies: list[float] = field(default_factory=list)
    wall: float = 0.0
    full: tuple[int, float] = (0, 0.0)
    cpu: dict[str, float] = field(default_factory=dict)

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.wall if self.wall else 0.0

    @property
    def sustained(self) -> float:
        """Orders per second while every lane was busy; of all rounds where none was long enough to tell."""
        count, seconds = self.full
        return count / seconds if seconds else self.per_second

    def cpu_ms_each(self, process: str) -> float:
        return 1000 * self.cpu.get(process, 0.0) / len(self.latencies) if self.latencies else 0.0

    def add(self, latencies: Sequence[float], *, wall: float, cpu: dict[str, float]) -> None:
        """Add a round."""
        self.latencies += latencies
        self.wall += wall
        self.cpu = {name: self.cpu.get(name, 0.0) + used for name, used in cpu.items()}

    def add_full(self, ended: Sequence[float], *, until: float) -> None:
        """Add a round's orders that ended, oldest first, between the first of these moments and *until*."""
        inside = [moment for moment in ended if moment <= until]
        if len(inside) > 1:
            count, seconds = self.full
            self.full = (count + len(inside) - 1, seconds + inside[-1] - inside[0])


@dataclass(frozen=True)
class History:
    """What a life left in Temporal up to some moment."""

    events: int
    bytes: int

    def since(self, earlier: "History") -> "History":
        """Return what came after *earlier*."""
        return History(self.events - earlier.events, self.bytes - earlier.bytes)


@dataclass(frozen=True)
class Shape:
    """What a certificate asks of Temporal before it is issued: activities until it is paid, all, updates, timers."""

    before_paid: int
    activities: int
    updates: int
    timers: int

    @property
    def after_paid(self) -> int:
        return self.activities - self.before_paid


@dataclass(frozen=True)
class Share:
    """What one deployment asks of Temporal in one workflow: its own, or the certificate's."""

    activities: int
    tasks: int


@dataclass
class Deployed:
    """Everything measured with deployments to one kind of target."""

    kind: str
    in_flight: int
    workers: int
    ours: Batch = field(default_factory=Batch)
    bare: Batch = field(default_factory=Batch)
    bare_alone: Batch = field(default_factory=Batch)
    renewed: Sequence[float] = ()  # seconds from issued to proven, many at once
    renewed_alone: Sequence[float] = ()  # the same, one after the other
    own: Sequence[History] = ()
    parents: Sequence[History] = ()
    own_share: Share = Share(0, 0)
    parent_share: Share = Share(0, 0)


@dataclass
class AcmeOrders:
    """Everything measured with orders at an ACME CA."""

    title: str
    in_flight: int
    workers: int
    ours: Batch = field(default_factory=Batch)
    bare: Batch = field(default_factory=Batch)
