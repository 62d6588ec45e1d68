"""Looking for a proof in DNS: a TXT record, also behind an alias (RFC 8555 section 8.4)."""

import asyncio
import hmac

from certloom.domain.application import Challenge
from certloom.domain.errors import CertloomError
from certloom.net.interface import Answer, Missing, Resolver
from certloom.validation.interface import Look
from certloom.validation.shown import show_values

DEADLINE = 9.5
"""Seconds for one look, half a second less than Validator promises."""


async def look_at_dns(resolver: Resolver, challenge: Challenge, *, deadline: float = DEADLINE) -> Look:
    """Look once for the record; one right value among several is enough, because others may prove names, too."""
    where, expected = challenge.record_name or "", challenge.record_value or ""
    try:
        async with asyncio.timeout(deadline):
            answer = await resolver.texts(where)
    except TimeoutError:
        return _look(challenge, error=f"The name servers did not say within {deadline:g} s what stands at {where}.")
    except CertloomError as failure:
        return _look(challenge, error=failure.detail)
    matches = [value for value in answer.records if _equal(value, expected)]
    if matches and expected:
        return Look(name=challenge.name, type=challenge.type, proven=True, seen=show_values(matches[:1]))
    return _look(challenge, seen=_seen(answer), error=_advice(answer, where))


def _look(challenge: Challenge, *, error: str, seen: str | None = None) -> Look:
    return Look(name=challenge.name, type=challenge.type, proven=False, seen=seen, error=error)


def _equal(value: str, expected: str) -> bool:
    return hmac.compare_digest(value.strip().encode(), expected.encode())


def _seen(answer: Answer[str]) -> str:
    if answer.records:
        return show_values(answer.records)
    return "no such name (NXDOMAIN)" if answer.missing is Missing.NO_SUCH_NAME else "no TXT record"


def _advice(answer: Answer[str], where: str) -> str:
    alias = answer.canonical_name
    place = where if alias.lower() == where.lower() else f"{where}, which is an alias of {alias},"
    if answer.records:
        return (
            f"The TXT record at {place} has another value than the one to publish; add ours beside it, without quotes."
        )
    if answer.missing is Missing.NO_SUCH_NAME:
        return f"There is no name {place} in DNS yet; publish the TXT record there. New records take some minutes."
    return f"There is no TXT record at {place} yet; publish it there. New records take some minutes."
