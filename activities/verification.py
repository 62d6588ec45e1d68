"""Looks for the proof of control, and tells what was found instead of what was expected."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.attempt import known
from activities.publication import Obstacle, Publication, Published
from activities.work import started_at
from certloom.domain.application import Challenge, ValidationMethod
from certloom.domain.errors import IssuerRefused, Outage
from certloom.domain.model import Model, Utc
from certloom.issuers.interface import Issuer
from certloom.storage.interface import Storage
from certloom.storage.records import LookRecord
from certloom.validation.interface import CaaVerdict, Look, Validator

NOT_YET: Final = "NotProvenYet"
SLOWEST: Final = timedelta(minutes=15)  # between two looks; the first pause is a setting
CAA_STANDS: Final = timedelta(minutes=10)  # for a CA that looks itself before it issues
AT_ONCE: Final = 20  # looks in parallel, so that 200 names do not open 200 sockets


class Looking(Model):
    """What to look for: every challenge of an application, and the names whose CAA must permit the issuer.

    `attempt` is the order's, for what is published meanwhile; 0 when there is none yet. `ordered_at` is when it began:
    before it was placed, CAA was looked at.
    """

    certificate_id: str
    names: tuple[str, ...]
    validation: ValidationMethod
    challenges: tuple[Challenge, ...]
    account_id: str = ""
    attempt: int = 0
    issuer: str = "private"
    ordered_at: Utc | None = None


class Seen(Model):
    """Every name is proven, and was at this moment."""

    at: Utc


class VerificationActivities:
    """`check_interval` is the pause before the second look; each further one is twice as long, up to SLOWEST.

    `issuers` are the CAs by the name that products use. Without `publication` every proof is left to the customer.
    """

    def __init__(
        self,
        *,
        storage: Storage,
        validator: Validator,
        check_interval: timedelta,
        issuers: Mapping[str, Issuer],
        publication: Publication | None = None,
    ) -> None:
        self._storage = storage
        self._validator = validator
        self._issuers = issuers
        self._publication = publication
        self._check_interval = check_interval
        self._slowest = max(check_interval, SLOWEST)

    @activity.defn(name="look")
    async def look(self, looking: Looking) -> Seen:
        """Look once at every challenge; Temporal repeats it. Raises NotProvenYet with the pause until the next look."""
        now = started_at()
        pause = min(self._check_interval * 2 ** min(activity.info().attempt - 1, 20), self._slowest)
        published = await self._published(looking, now)
        looks = await self._looks(looking, published.obstacles, now)
        proven = all(look.proven for look in looks)
        rows = _rows(looking, looks, now=now, next_look_at=None if proven else now + pause)
        async with self._storage.begin() as tx:
            await published.note(tx, now)
            await tx.looks.put(rows)
        if proven:
            return Seen(at=now)
        missing = sum(not look.proven for look in looks)
        raise ApplicationError(
            f"{missing} of {len(looks)} proofs not found yet",
            type=NOT_YET,
            next_retry_delay=pause,
            category=ApplicationErrorCategory.BENIGN,
        )

    async def _looks(self, looking: Looking, obstacles: Mapping[Challenge, Obstacle], now: datetime) -> list[Look]:
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(challenge: Challenge) -> Look:
            async with gate:
                return await self._look(challenge, obstacles.get(challenge))

        looks = list(await asyncio.gather(*(one(challenge) for challenge in looking.challenges)))
        if not all(look.proven for look in looks):
            return looks
        return but_for_caa(looks, await self._caa(looking, now), looking.validation)

    async def _published(self, looking: Looking, now: datetime) -> Published:
        if self._publication is None:
            return Published()
        return await self._publication.publish(
            looking.challenges,
            account_id=looking.account_id,
            certificate_id=looking.certificate_id,
            attempt=looking.attempt,
            now=now,
        )

    async def _look(self, challenge: Challenge, obstacle: Obstacle | None) -> Look:
        """Look, unless the record is not everywhere yet: a resolver that is asked too early remembers the gap."""
        look = await self._seen(challenge, obstacle)
        return look.model_copy(update={"token": challenge.token})

    async def _seen(self, challenge: Challenge, obstacle: Obstacle | None) -> Look:
        if obstacle is None:
            return await self._validator.look(challenge)
        waiting = Look(name=challenge.name, type=challenge.type, proven=False, seen=obstacle.seen, error=obstacle.error)
        if not obstacle.look_anyway:
            return waiting
        look = await self._validator.look(challenge)
        return look if look.proven else waiting.model_copy(update={"seen": look.seen})

    async def _caa(self, looking: Looking, now: datetime) -> Sequence[CaaVerdict]:
        try:
            issuer = known(self._issuers, looking.issuer)
            identities = await issuer.caa_identities(now=now)
            if issuer.outside and not identities:  # it does not say how it is named, and looks itself
                return []
            if issuer.outside and looking.ordered_at and now - looking.ordered_at < CAA_STANDS:
                return []  # looked at when the order was placed
            account = await issuer.account_uri(now=now)
            return await self._validator.check_caa(
                looking.names, method=looking.validation, identities=identities, account=account
            )
        except (Outage, IssuerRefused) as error:
            return [CaaVerdict(name=name, permitted=False, detail=error.detail) for name in looking.names]


def _rows(looking: Looking, looks: Sequence[Look], *, now: datetime, next_look_at: datetime | None) -> list[LookRecord]:
    seen = {"certificate_id": looking.certificate_id, "at": now, "next_look_at": next_look_at}
    return [LookRecord(**seen, **dict(look)) for look in looks]


def but_for_caa(looks: Sequence[Look], verdicts: Iterable[CaaVerdict], method: ValidationMethod) -> list[Look]:
    """Take back what CAA forbids: at the look for that very name, else at that for the name under its star.

    A forbidden name that is nowhere looked for, because the issuer holds it as proven, gets a look of its own.
    """
    looked = {look.name for look in looks}
    forbidden: dict[str, CaaVerdict] = {}
    for verdict in verdicts:
        if not verdict.permitted:
            base = verdict.name.removeprefix("*.")
            place = base if verdict.name not in looked and base in looked else verdict.name
            forbidden.setdefault(place, verdict)
    but = [
        look.model_copy(update={"proven": False, "error": forbidden[look.name].detail})
        if look.name in forbidden
        else look
        for look in looks
    ]
    alone = (verdict for name, verdict in forbidden.items() if name not in looked)
    return [*but, *(Look(name=one.name, type=method, proven=False, error=one.detail) for one in alone)]
