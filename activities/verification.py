"""Looks for the proof of control until it is found: Temporal repeats the look, with growing pauses."""

from datetime import timedelta
from typing import Final

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.proof import Looking, Proofs
from activities.work import started_at
from certloom.domain.model import Model, Utc

NOT_YET: Final = "NotProvenYet"
SLOWEST: Final = timedelta(minutes=15)  # between two looks; the first pause is a setting


class Seen(Model):
    """Every name is proven, and was at this moment."""

    at: Utc


class VerificationActivities:
    """`check_interval` is the pause before the second look; each further one is twice as long, up to SLOWEST."""

    def __init__(self, *, proofs: Proofs, check_interval: timedelta) -> None:
        self._proofs = proofs
        self._check_interval = check_interval
        self._slowest = max(check_interval, SLOWEST)

    @activity.defn(name="look")
    async def look(self, looking: Looking) -> Seen:
        """Look once at every challenge; Temporal repeats it. Raises NotProvenYet with the pause until the next look."""
        now = started_at()
        pause = min(self._check_interval * 2 ** min(activity.info().attempt - 1, 20), self._slowest)
        looks = await self._proofs.look(looking, now=now, pause=pause)
        missing = sum(not look.proven for look in looks)
        if not missing:
            return Seen(at=now)
        raise ApplicationError(
            f"{missing} of {len(looks)} proofs not found yet",
            type=NOT_YET,
            next_retry_delay=pause,
            category=ApplicationErrorCategory.BENIGN,
        )
