"""One look for the proof of control: publish what is ours, look at every challenge, write down what was seen.

The activity `look` repeats it until it is found; `prepare` does it once, where nobody else has anything to do.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from activities.attempt import known
from activities.publication import Obstacle, Publication, Published
from certloom.domain.application import Challenge, ValidationMethod
from certloom.domain.errors import CertloomError, IssuerRefused, Outage
from certloom.domain.model import Model, Utc
from certloom.domain.state import CertificateState
from certloom.issuers.interface import Issuer
from certloom.storage.interface import Storage
from certloom.storage.records import LookRecord
from certloom.validation.interface import CaaVerdict, Look, Validator

CAA_STANDS: Final = timedelta(minutes=10)  # for a CA that looks itself before it issues
AT_ONCE: Final = 20  # looks in parallel, so that 200 names do not open 200 sockets
FIRST_SECONDS: Final = 3.0  # for the look beside an order: whoever applied waits for it

logger = logging.getLogger(__name__)


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


def looking(state: CertificateState) -> Looking:
    """Say what is to be looked for. Raises ValueError when nothing was applied for."""
    application = state.application
    if application is None:
        raise ValueError("nothing was applied for")
    return Looking(
        certificate_id=state.certificate_id,
        account_id=state.account_id,
        attempt=state.order.attempt if state.order else state.attempts,
        issuer=state.product.issuer if state.product else "",
        ordered_at=state.order.started_at if state.order else None,
        names=application.names,
        validation=application.validation,
        challenges=application.challenges,
    )


class Proofs:
    """`issuers` are the CAs by the name that products use. Without `publication` customers publish every proof."""

    def __init__(
        self,
        *,
        storage: Storage,
        validator: Validator,
        issuers: Mapping[str, Issuer],
        publication: Publication | None = None,
    ) -> None:
        self._storage = storage
        self._validator = validator
        self._issuers = issuers
        self._publication = publication

    async def look(self, wanted: Looking, *, now: datetime, pause: timedelta) -> Sequence[Look]:
        """Look once at every challenge; *pause* is until the next look, if one is needed. May be repeated."""
        published = await self._published(wanted, now)
        looks = await self._looks(wanted, published.obstacles, now)
        await self._write(wanted, published, looks, now=now, pause=pause)
        return looks

    async def look_at_once(self, wanted: Looking, *, now: datetime) -> bool:
        """Look when the order was placed just now, and say whether every name is proven; may be repeated.

        It is, where every record was ours to publish and stood on every server within FIRST_SECONDS, or where the
        issuer holds the names as proven. Whatever goes wrong is left to the look that follows, which tells it.
        """
        try:
            async with asyncio.timeout(FIRST_SECONDS):
                return await self._at_once(wanted, now)
        except (CertloomError, TimeoutError) as error:
            logger.info("the proof of %s is left to a look: %s", wanted.certificate_id, error)
            return False

    async def _at_once(self, wanted: Looking, now: datetime) -> bool:
        published = await self._published(wanted, now, settle=False)
        ready = not (published.others or published.obstacles)
        looks = await self._looks(wanted, {}, now) if ready else []
        proven = ready and all(look.proven for look in looks)
        if proven or published.presented:
            await self._write(wanted, published, looks if proven else [], now=now, pause=timedelta())
        return proven

    async def _write(
        self, wanted: Looking, published: Published, looks: Sequence[Look], *, now: datetime, pause: timedelta
    ) -> None:
        proven = all(look.proven for look in looks)
        rows = _rows(wanted, looks, now=now, next_look_at=None if proven else now + pause)
        async with self._storage.begin() as tx:
            await published.note(tx, now)
            await tx.looks.put(rows)

    async def _looks(self, wanted: Looking, obstacles: Mapping[Challenge, Obstacle], now: datetime) -> Sequence[Look]:
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(challenge: Challenge) -> Look:
            async with gate:
                return await self._look(challenge, obstacles.get(challenge))

        looks = list(await asyncio.gather(*(one(challenge) for challenge in wanted.challenges)))
        if not all(look.proven for look in looks):
            return looks
        return but_for_caa(looks, await self._caa(wanted, now), wanted.validation)

    async def _published(self, wanted: Looking, now: datetime, *, settle: bool = True) -> Published:
        if self._publication is None:
            return Published(others=wanted.challenges)
        return await self._publication.publish(
            wanted.challenges,
            account_id=wanted.account_id,
            certificate_id=wanted.certificate_id,
            attempt=wanted.attempt,
            now=now,
            settle=settle,
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

    async def _caa(self, wanted: Looking, now: datetime) -> Sequence[CaaVerdict]:
        try:
            issuer = known(self._issuers, wanted.issuer)
            identities = await issuer.caa_identities(now=now)
            if issuer.outside and not identities:  # it does not say how it is named, and looks itself
                return []
            if issuer.outside and wanted.ordered_at and now - wanted.ordered_at < CAA_STANDS:
                return []  # looked at when the order was placed
            account = await issuer.account_uri(now=now)
            return await self._validator.check_caa(
                wanted.names, method=wanted.validation, identities=identities, account=account
            )
        except (Outage, IssuerRefused) as error:
            return [CaaVerdict(name=name, permitted=False, detail=error.detail) for name in wanted.names]


def _rows(wanted: Looking, looks: Sequence[Look], *, now: datetime, next_look_at: datetime | None) -> list[LookRecord]:
    seen = {"certificate_id": wanted.certificate_id, "at": now, "next_look_at": next_look_at}
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
