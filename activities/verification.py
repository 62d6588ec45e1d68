"""Looks for the proof of control, and tells what was found instead of what was expected."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.work import started_at
from certloom.domain.application import Challenge, ValidationMethod
from certloom.domain.errors import Outage
from certloom.domain.model import Model, Utc
from certloom.storage.interface import Storage
from certloom.storage.records import LookRecord
from certloom.validation.interface import CaaVerdict, Look, Validator

NOT_YET: Final = "NotProvenYet"
SLOWEST: Final = timedelta(minutes=15)  # between two looks; the first pause is a setting
AT_ONCE: Final = 20  # looks in parallel, so that 200 names do not open 200 sockets


class Looking(Model):
    """What to look for: every challenge of an application, and the names whose CAA must permit us."""

    certificate_id: str
    names: tuple[str, ...]
    validation: ValidationMethod
    challenges: tuple[Challenge, ...]


class Seen(Model):
    """Every name is proven, and was at this moment."""

    at: Utc


class VerificationActivities:
    """`check_interval` is the pause before the second look; each further one is twice as long, up to SLOWEST."""

    def __init__(self, *, storage: Storage, validator: Validator, check_interval: timedelta) -> None:
        self._storage = storage
        self._validator = validator
        self._check_interval = check_interval
        self._slowest = max(check_interval, SLOWEST)

    @activity.defn(name="look")
    async def look(self, looking: Looking) -> Seen:
        """Look once at every challenge; Temporal repeats it. Raises NotProvenYet with the pause until the next look."""
        now = started_at()
        pause = min(self._check_interval * 2 ** min(activity.info().attempt - 1, 20), self._slowest)
        looks = await self._looks(looking)
        proven = all(look.proven for look in looks)
        await self._remember(looking, looks, now=now, next_look_at=None if proven else now + pause)
        if proven:
            return Seen(at=now)
        missing = sum(not look.proven for look in looks)
        raise ApplicationError(
            f"{missing} of {len(looks)} proofs not found yet",
            type=NOT_YET,
            next_retry_delay=pause,
            category=ApplicationErrorCategory.BENIGN,
        )

    async def _looks(self, looking: Looking) -> list[Look]:
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(challenge: Challenge) -> Look:
            async with gate:
                return await self._validator.look(challenge)

        looks = list(await asyncio.gather(*(one(challenge) for challenge in looking.challenges)))
        if not all(look.proven for look in looks):
            return looks
        forbidden = {_base(verdict.name): verdict for verdict in await self._caa(looking) if not verdict.permitted}
        return [_but_for_caa(look, forbidden.get(look.name)) for look in looks]

    async def _caa(self, looking: Looking) -> Sequence[CaaVerdict]:
        try:
            return await self._validator.check_caa(looking.names, method=looking.validation)
        except Outage as outage:
            return [CaaVerdict(name=name, permitted=False, detail=outage.detail) for name in looking.names]

    async def _remember(
        self, looking: Looking, looks: Sequence[Look], *, now: datetime, next_look_at: datetime | None
    ) -> None:
        async with self._storage.begin() as tx:
            await tx.looks.put(
                [
                    LookRecord(
                        certificate_id=looking.certificate_id,
                        at=now,
                        next_look_at=next_look_at,
                        **dict(look),
                    )
                    for look in looks
                ]
            )


def _base(name: str) -> str:
    return name.removeprefix("*.")


def _but_for_caa(look: Look, verdict: CaaVerdict | None) -> Look:
    return look if verdict is None else look.model_copy(update={"proven": False, "error": verdict.detail})
