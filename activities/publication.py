"""Publishes proofs in zones that are ours to write, and waits until every authoritative server has them.

What is published is written down before, so that it is taken away again whatever happens; see activities/sweep.py.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final, NamedTuple

from activities.zone import Spot, ZoneWriters
from certloom.dns.interface import Authorities, Checked, DnsProvider, Survey
from certloom.domain.application import Challenge, ValidationMethod
from certloom.domain.errors import CertloomError, Outage
from certloom.domain.zone import DELEGATED
from certloom.storage.interface import Storage, Transaction
from certloom.storage.records import PublishedRecord

AT_ONCE: Final = 20  # records that are asked about in parallel
WRITES_AT_ONCE: Final = 4  # places that are written in parallel: vendors count requests per second
SETTLING: Final = (0.5, 1.0, 2.0)  # s between the first checks of what was just published
PATIENCE: Final = timedelta(minutes=5)
"""How long a name server that does not answer stands in the way. A CA asks the others then, and so do we: a renewal
must not fail for ever because of a server that was switched off."""


class Obstacle(NamedTuple):
    """Why a proof that we publish is not ready yet; `look_anyway` says that it may be found all the same."""

    error: str
    seen: str | None = None
    look_anyway: bool = False


class Published(NamedTuple):
    """What is not ready yet, and why; what was published just now, which is still to be noted; what is not ours."""

    obstacles: Mapping[Challenge, Obstacle] = MappingProxyType({})
    presented: Sequence[PublishedRecord] = ()
    others: Sequence[Challenge] = ()

    async def note(self, tx: Transaction, now: datetime) -> None:
        """Write down what stands there now; lost with its process, it is published once more."""
        if self.presented:
            await tx.published.presented(self.presented, now)


class _Proof(NamedTuple):
    """A challenge, where it is published, and the row that says so."""

    challenge: Challenge
    spot: Spot
    row: PublishedRecord


class Publication:
    """`settling` are the pauses between checks of what was just published; then the next look goes on."""

    def __init__(
        self,
        *,
        storage: Storage,
        writers: ZoneWriters,
        authorities: Authorities,
        settling: Sequence[float] = SETTLING,
    ) -> None:
        self._storage = storage
        self._writers = writers
        self._authorities = authorities
        self._settling = tuple(settling)

    async def publish(
        self,
        challenges: Sequence[Challenge],
        *,
        account_id: str,
        certificate_id: str,
        attempt: int,
        now: datetime,
        settle: bool = True,
    ) -> Published:
        """Publish what is ours to publish; what is no obstacle then is ready to be looked at.

        Without *settle* it is checked once. May be called again at any moment. Never raises for what name servers and
        vendors do: those are obstacles.
        """
        mine = [one for one in challenges if one.type is ValidationMethod.DNS_01 and one.record_name]
        if not mine or not account_id:
            return Published(others=challenges)
        settling = self._settling if settle else ()
        round_ = _Round(self._storage, self._writers, self._authorities.survey(), settling=settling, now=now)
        # What has just been ordered has no record yet, so there will be something to write.
        async with self._storage.read() if settle else self._storage.begin() as tx:
            spots = await self._writers.spots(tx, account_id, mine)
            rows = await tx.published.of_certificate(certificate_id) if spots else ()
            fresh = {one: _row(one, spot, certificate_id, attempt, now) for one, spot in spots.items()}
            known = {_key(row): row for row in rows if not row.unwanted_since}
            proofs = [_Proof(one, spot, known.get(_key(fresh[one]), fresh[one])) for one, spot in spots.items()]
            await round_.open(tx, {proof.spot.how for proof in proofs if proof.row.presented_at is None})
            if not settle:
                await round_.want(tx, [proof for proof in proofs if _is_new(proof)])
        published = await round_.run(proofs) if proofs else Published()
        return published._replace(others=[one for one in challenges if one not in spots])


class _Round:
    """One look's publishing."""

    def __init__(
        self, storage: Storage, writers: ZoneWriters, survey: Survey, *, settling: Sequence[float], now: datetime
    ) -> None:
        self._storage = storage
        self._writers = writers
        self._survey = survey
        self._settling = settling
        self._now = now
        self._obstacles: dict[Challenge, Obstacle] = {}
        self._providers: dict[str, DnsProvider | str] = {}
        self._wanted: set[Challenge] = set()

    async def run(self, proofs: Sequence[_Proof]) -> Published:
        presented = await self._present(await self._missing(proofs))
        await self._settle(presented)
        return Published(self._obstacles, [proof.row for proof in presented])

    async def open(self, tx: Transaction, hows: Iterable[str]) -> None:
        """Find out who writes there, or why nobody can."""
        for how in sorted(set(hows) - set(self._providers)):
            try:
                opened = await self._writers.open(tx, how)
                self._providers[how] = opened or "The DNS zone was deleted just now."
            except Outage:
                raise
            except CertloomError as error:
                self._providers[how] = error.detail

    async def want(self, tx: Transaction, proofs: Sequence[_Proof]) -> None:
        """Write down what is about to be published, unless it was."""
        fresh = [proof for proof in proofs if proof.challenge not in self._wanted]
        await tx.published.want([proof.row for proof in fresh])
        self._wanted |= {proof.challenge for proof in fresh}

    async def _missing(self, proofs: Sequence[_Proof]) -> Sequence[_Proof]:
        """Return what has to be published; what stands there already is judged, and published again if it vanished."""
        others = [one for one in proofs if not _is_new(one)]
        missing = [one for one in proofs if _is_new(one)]
        seen = await self._check(others)
        for proof in others:
            checked = seen.get(proof.challenge)
            if checked is None or not self._leads_here(proof, checked):
                continue
            gone = not checked.anywhere and bool(checked.lacking)
            if proof.row.presented_at is None or gone:
                missing.append(proof)
            else:
                self._judge(proof, checked)
        return missing

    def _leads_here(self, proof: _Proof, checked: Checked) -> bool:
        """A delegated name must be an alias of this account's own label, or nothing is published for it."""
        if proof.spot.how != DELEGATED or checked.canonical_name == proof.spot.place.lower():
            return True
        where = proof.challenge.record_name
        leads = (
            f"leads to {checked.canonical_name}" if checked.canonical_name != (where or "").lower() else "is no alias"
        )
        error = (
            f"{where} {leads}, so nothing is published for it. Let it be an alias of this account's own label: "
            f"{where}. CNAME {proof.spot.place}."
        )
        self._obstacles[proof.challenge] = Obstacle(error, look_anyway=checked.anywhere)
        return False

    async def _present(self, proofs: Sequence[_Proof]) -> Sequence[_Proof]:
        """Publish and return what was; one place after the other where values share it, because vendors lose some."""
        if not proofs:
            return ()
        if any(proof.challenge not in self._wanted for proof in proofs):
            async with self._storage.begin() as tx:
                await self.open(tx, {proof.spot.how for proof in proofs})
                await self.want(tx, proofs)
        places: dict[Spot, list[_Proof]] = {}
        for proof in proofs:
            places.setdefault(proof.spot, []).append(proof)
        broken: dict[str, str] = {}
        gate = asyncio.Semaphore(WRITES_AT_ONCE)

        async def write(spot: Spot, values: Sequence[_Proof]) -> list[_Proof]:
            async with gate:
                return [one for one in values if await self._write(self._providers[spot.how], spot, one, broken)]

        done = await asyncio.gather(*(write(spot, values) for spot, values in places.items()))
        return [one for some in done for one in some]

    async def _write(self, provider: DnsProvider | str, spot: Spot, proof: _Proof, broken: dict[str, str]) -> bool:
        """Publish one value; a zone whose server does not answer is not tried again and again for every name."""
        why = provider if isinstance(provider, str) else broken.get(spot.how)
        if why is None and not isinstance(provider, str):
            try:
                await provider.present(spot.place, proof.row.value)
            except CertloomError as error:
                why = error.detail
                if isinstance(error, Outage):
                    broken[spot.how] = why
        if why is None:
            return True
        self._obstacles[proof.challenge] = Obstacle(why, look_anyway=True)
        return False

    async def _settle(self, proofs: Sequence[_Proof]) -> None:
        """Check what was just published until every server has it, for some seconds."""
        waiting = list(proofs)
        for pause in (0.0, *self._settling):
            if not waiting:
                return
            await asyncio.sleep(pause)
            seen = await self._check(waiting)
            for proof in waiting:
                if proof.challenge in seen and self._leads_here(proof, seen[proof.challenge]):
                    self._judge(proof, seen[proof.challenge])
            waiting = [proof for proof in waiting if proof.challenge in self._obstacles]

    async def _check(self, proofs: Sequence[_Proof]) -> Mapping[Challenge, Checked]:
        """Ask the authoritative servers; where they cannot be found, that is the obstacle."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(proof: _Proof) -> Checked | None:
            async with gate:
                try:
                    return await self._survey.check(proof.challenge.record_name or "", proof.row.value)
                except CertloomError as error:
                    self._obstacles[proof.challenge] = Obstacle(error.detail, look_anyway=self._waited(proof))
                    return None

        found = await asyncio.gather(*(one(proof) for proof in proofs))
        return {proof.challenge: checked for proof, checked in zip(proofs, found, strict=True) if checked}

    def _judge(self, proof: _Proof, checked: Checked) -> None:
        enough = checked.anywhere and not checked.lacking and self._waited(proof)
        if checked.everywhere or enough:
            self._obstacles.pop(proof.challenge, None)
            return
        having = len(checked.servers) - len(checked.lacking) - len(checked.silent)
        seen = f"on {having} of {len(checked.servers)} name servers"
        unknown = self._waited(proof) and not checked.lacking  # nobody answers us: the CA may fare better, as looks may
        self._obstacles[proof.challenge] = Obstacle(_why(proof, checked), seen, look_anyway=unknown)

    def _waited(self, proof: _Proof) -> bool:
        since = proof.row.presented_at
        return since is not None and self._now - since >= PATIENCE


def _is_new(proof: _Proof) -> bool:
    """Whether it was never published, and may be without another look: what is delegated must lead to us first."""
    return proof.row.presented_at is None and proof.spot.how != DELEGATED


def _row(challenge: Challenge, spot: Spot, certificate_id: str, attempt: int, now: datetime) -> PublishedRecord:
    return PublishedRecord(
        certificate_id=certificate_id,
        attempt=attempt,
        how=spot.how,
        record_name=challenge.record_name or "",
        value=challenge.record_value or "",
        place=spot.place,
        created_at=now,
    )


def _key(row: PublishedRecord) -> tuple[int, str, str, str]:
    return row.attempt, row.how, row.record_name, row.value


def _why(proof: _Proof, checked: Checked) -> str:
    place = proof.spot.place
    if checked.canonical_name != place.lower():
        return (
            f"We publish the proof at {place}, but that is an alias of {checked.canonical_name}; take the alias away, "
            "or add the zone that it leads to."
        )
    parts = []
    if checked.lacking:
        parts.append(f"these name servers do not have it yet: {', '.join(checked.lacking)}")
    if checked.silent:
        parts.append(f"these do not answer: {' '.join(one.error or one.server for one in checked.silent)}")
    return f"The proof is published at {place}; " + "; and ".join(parts).rstrip(".") + "."
