"""Asks issuers when they want leaves renewed (RFC 9773), a few at a time, and says which certificates must know."""

import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from temporalio import activity

from activities.attempt import known
from activities.work import started_at
from certloom.domain.certificate import CertificateStatus
from certloom.domain.errors import Later, Outage
from certloom.domain.issuance import Issuance
from certloom.domain.model import Model
from certloom.domain.renewal import RenewalReport, pick, usable
from certloom.domain.state import CertificateState
from certloom.issuers.interface import Issuer, RenewalWindow
from certloom.storage.interface import Storage
from certloom.storage.records import RenewalRecord

BATCH: Final = 50  # one after the other: CAs answer 503 to a burst of these
JITTER: Final = 0.1  # of the pause, so that what was asked together is not asked together for ever
NEVER_SAYS: Final = timedelta(days=1)  # until an issuer that gives no such information is asked again
FIRST_PAUSE: Final = timedelta(minutes=1)  # after an outage; then twice as long each time
MOVED_PAUSE: Final = timedelta(hours=1)  # after a window that moved: each news is a line in the certificate's timeline
LONGEST_REST: Final = timedelta(days=1)  # whatever an issuer that wants to be left in peace says (RFC 9773 section 4.3)
LONGEST_PAUSE: Final = timedelta(hours=6)  # as RFC 9773 section 4.3.2 advises for long-term errors


class Asked(Model):
    """Which certificates to tell, how many were asked about, and whether more are due."""

    reports: tuple[RenewalReport, ...]
    asked: int
    more: bool


class RenewalActivities:
    """`issuers` are the CAs by the name that products use."""

    def __init__(self, *, storage: Storage, issuers: Mapping[str, Issuer]) -> None:
        self._storage = storage
        self._issuers = issuers

    @activity.defn(name="ask_renewals")
    async def ask_renewals(self) -> Asked:
        """Ask about one batch. What a certificate does not know yet is told again at each later answer."""
        now = started_at()
        async with self._storage.read() as tx:
            due = await tx.renewals.due(now, limit=BATCH)
        resting: dict[str, Later] = {}  # issuers that want to be left in peace, by now
        reports = [report for record in due if (report := await self._ask(record, resting, now))]
        return Asked(reports=tuple(reports), asked=len(due), more=len(due) == BATCH)

    async def _ask(self, record: RenewalRecord, resting: dict[str, Later], now: datetime) -> RenewalReport | None:
        async with self._storage.read() as tx:
            state = await tx.certificates.get(record.certificate_id)
            found = await tx.issuances.get(record.certificate_id, record.number)
        if state is None or found is None or not _still_wanted(state, record, now):
            await self._forget(record)
            return None
        try:
            window = await self._window(record.issuer, found.leaf_pem, resting, now)
        except Outage as outage:
            await self._put(_failed(record, outage, now))
            return _news(record, state)
        answered = _answered(record, window, found.issuance, now)
        await self._put(answered)
        return _news(answered, state)

    async def _window(self, name: str, leaf_pem: str, resting: dict[str, Later], now: datetime) -> RenewalWindow | None:
        """Ask, unless the issuer rests, or an operator has taken it out: others are asked all the same."""
        if name in resting:
            raise resting[name]
        try:
            return await known(self._issuers, name).suggest_renewal(leaf_pem, now=now)
        except Later as later:
            resting[name] = later
            raise

    async def _put(self, record: RenewalRecord) -> None:
        async with self._storage.begin() as tx:
            await tx.renewals.put(record)

    async def _forget(self, record: RenewalRecord) -> None:
        async with self._storage.begin() as tx:
            known = await tx.renewals.get(record.certificate_id)
            if known is not None and known.number == record.number:
                await tx.renewals.forget(record.certificate_id)


def _still_wanted(state: CertificateState, record: RenewalRecord, now: datetime) -> bool:
    """RFC 9773 section 4.3: nobody asks about a leaf that is replaced, revoked or over."""
    leaf = state.issuance
    newest = leaf is not None and leaf.number == record.number and leaf.not_after > now
    return newest and state.status is CertificateStatus.ISSUED


def _answered(record: RenewalRecord, window: RenewalWindow | None, leaf: Issuance, now: datetime) -> RenewalRecord:
    if window is None:
        return record.model_copy(update={"ask_at": now + _spread(NEVER_SAYS), "failures": 0})
    news: dict[str, object] = {}
    start, end, shortest = window.start, window.end, FIRST_PAUSE
    if start is not None and end is not None and usable(start, end, leaf_end=leaf.not_after):
        picked = pick(start, end, kept=record.picked_at, fraction=random.random())  # noqa: S311 - no secret
        news = {"window_start": start, "window_end": end, "picked_at": picked}
        news["explanation_url"] = window.explanation_url
        shortest = FIRST_PAUSE if record.picked_at in {None, picked} else MOVED_PAUSE
    ask_at = now + _spread(max(window.ask_again_at - now, shortest))
    return record.model_copy(update={**news, "ask_at": ask_at, "failures": 0})


def _failed(record: RenewalRecord, outage: Outage, now: datetime) -> RenewalRecord:
    pause = min(FIRST_PAUSE * 2 ** min(record.failures, 12), LONGEST_PAUSE)
    if isinstance(outage, Later):
        pause = max(FIRST_PAUSE, min(outage.until - now, LONGEST_REST))
    return record.model_copy(update={"ask_at": now + _spread(pause), "failures": record.failures + 1})


def _news(record: RenewalRecord, state: CertificateState) -> RenewalReport | None:
    """Say what the certificate does not know; judged by its row, so that a report that was lost is repeated."""
    if record.picked_at is None:
        return None
    known = state.renewal.suggested
    if known is not None and (known.number, known.at) == (record.number, record.picked_at):
        return None
    return RenewalReport(
        certificate_id=record.certificate_id,
        number=record.number,
        renew_at=record.picked_at,
        explanation_url=record.explanation_url,
    )


def _spread(pause: timedelta) -> timedelta:
    return pause * random.uniform(1, 1 + JITTER)  # noqa: S311 - no secret
