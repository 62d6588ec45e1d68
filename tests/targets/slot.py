"""What a kind of target is tested on: an opened slot of the real thing, pairs for it, and a look from outside."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from certloom.targets.interface import Material, Target


@dataclass(frozen=True)
class Slot:
    """One slot. `served` tells the fingerprint that a client gets, or None: by a handshake where one is possible."""

    target: Target
    served: Callable[[], Awaitable[str | None]]
    pair: Callable[[int], Material]  # the same number, the same pair; all for the slot's name
