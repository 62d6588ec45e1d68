"""Figures from samples: percentiles, and what a batch of orders took."""

from collections.abc import Sequence
from dataclasses import dataclass, field


def percentile(samples: Sequence[float], share: float) -> float:
    """Return the sample that *share* of all do not exceed (nearest rank); 0 for none."""
    ordered = sorted(samples)
    return ordered[max(0, -(-len(ordered) * round(share * 1000) // 1000) - 1)] if ordered else 0.0


@dataclass
class Batch:
    """Orders of one kind, over all rounds: seconds each took, seconds the rounds took, and CPU by process."""

    latencies: list[float] = field(default_factory=list)
    wall: float = 0.0
    cpu: dict[str, float] = field(default_factory=dict)

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.wall if self.wall else 0.0

    def cpu_ms_each(self, process: str) -> float:
        return 1000 * self.cpu.get(process, 0.0) / len(self.latencies) if self.latencies else 0.0

    def add(self, latencies: Sequence[float], *, wall: float, cpu: dict[str, float]) -> None:
        """Add a round."""
        self.latencies += latencies
        self.wall += wall
        self.cpu = {name: self.cpu.get(name, 0.0) + used for name, used in cpu.items()}


@dataclass(frozen=True)
class History:
    """What one life left in Temporal until it was issued."""

    events: int
    bytes: int


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
