"""What every activity of a certificate is handed and hands back, and how it acts once.

The row is written before an outside effect and after it, so that whoever looks in between sees what is under way.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from temporalio import activity

from certloom.domain.evolve import evolve
from certloom.domain.fact import DeploymentStarted, Entry, Fact
from certloom.domain.model import Model, Utc
from certloom.domain.state import CertificateState
from certloom.storage.interface import Storage, Transaction
from certloom.storage.records import DeploymentRecord


class Work(Model):
    """The state to act on, and entries already in it that no row holds yet."""

    state: CertificateState
    unrecorded: tuple[Entry, ...] = ()


class Done(Model):
    """The fact that came of it; `proven_at` when the proof was found in the same attempt (activities/proof.py)."""

    fact: Fact
    proven_at: Utc | None = None


def started_at() -> datetime:
    """When this attempt began, by the server's clock for this workflow: the `now` of everything below."""
    return activity.info().started_time.astimezone(UTC)


async def record(tx: Transaction, work: Work) -> None:
    """Write the state and its entries, and a row per deployment that begins; harmless when they are there."""
    await tx.certificates.write(work.state, work.unrecorded)
    for entry in work.unrecorded:
        if isinstance(entry.fact, DeploymentStarted):
            await tx.deployments.add(_deployment(work.state, entry.fact))


async def act_once(
    storage: Storage,
    work: Work,
    *,
    key: str,
    now: datetime,
    effect: Callable[[], Awaitable[Fact]],
    before: Callable[[Transaction], Awaitable[None]] | None = None,
    beside: Callable[[Transaction, Fact], Awaitable[None]] | None = None,
) -> Done:
    """Claim *key*, act outside, then record fact, row and timeline together (DESIGN 4.2).

    A second caller, at any moment and after any crash, gets the first one's fact; *effect* itself must be idempotent,
    because the process may die between its end and its record. *before* reads what the effect needs to know, *beside*
    writes what belongs to the fact.
    """
    async with storage.begin() as tx:
        await record(tx, work)
        known = await tx.claims.claim(key, now)
        if known is not None:
            return await _again(tx, work, known)
        if before is not None:
            await before(tx)
    return await _settle(storage, work, key=key, now=now, fact=await effect(), beside=beside)


async def act_within(
    storage: Storage, work: Work, *, key: str, now: datetime, effect: Callable[[Transaction], Awaitable[Fact]]
) -> Done:
    """Do the same for an effect that is SQL alone: claim, effect, fact, row and timeline in one transaction."""
    async with storage.begin() as tx:
        await record(tx, work)
        known = await tx.claims.claim(key, now)
        if known is not None:
            return await _again(tx, work, known)
        return await _finish(tx, work, key=key, now=now, fact=await effect(tx))


async def _settle(
    storage: Storage,
    work: Work,
    *,
    key: str,
    now: datetime,
    fact: Fact,
    beside: Callable[[Transaction, Fact], Awaitable[None]] | None,
) -> Done:
    async with storage.begin() as tx:
        done = await _finish(tx, work, key=key, now=now, fact=fact)
        if beside is not None:
            await beside(tx, done.fact)
        return done


async def _finish(tx: Transaction, work: Work, *, key: str, now: datetime, fact: Fact) -> Done:
    return await _again(tx, work, await tx.claims.finish(key, Done(fact=fact).model_dump_json(), now))


def _deployment(state: CertificateState, started: DeploymentStarted) -> DeploymentRecord:
    return DeploymentRecord(
        id=started.deployment_id,
        certificate_id=state.certificate_id,
        account_id=state.account_id,
        target_id=started.target_id,
        number=started.number,
        trigger=started.trigger,
        actor=started.actor,
        restores=started.restores,
        started_at=started.at,
        updated_at=started.at,
    )


async def _again(tx: Transaction, work: Work, known: str) -> Done:
    """Record a known fact upon the state at hand.

    The answer of the first time may have been lost for so long that the workflow recorded a delay at its version; then
    the fact stands on the delay, in the row as in the workflow.
    """
    done = Done.model_validate_json(known)
    after = evolve(work.state, done.fact)
    await tx.certificates.write(after, [Entry(version=after.version, fact=done.fact)])
    return done
