"""Renewals at one CA that are due together: within its limits, whose leaf ends first goes first, and none lapses."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from certloom.domain.agenda import renewal_at
from certloom.domain.budget import Limit, Limits, LimitScope
from certloom.domain.certificate import Phase
from certloom.domain.state import CertificateState
from certloom.issuers.fake import Script
from tests.lives import product
from tests.workflows.world import World

STRANGERS = product(issuer="stranger")
TURN = timedelta(hours=3)
BUSY = timedelta(minutes=1)  # an order is under way for some seconds after its turn, while clocks go on
COUNT = 4


def is_renewed(state: CertificateState) -> bool:
    return len(state.issuances) == 2 and state.phase is Phase.IDLE


async def issued(built: World) -> list[str]:
    """Certificates below one registered domain, whose leaves end five seconds after one another."""
    found = []
    for number in range(COUNT):
        name = f"n{number}.in-turn.com"
        built.validator.prove(name)
        found.append(await built.buy(STRANGERS))
        await built.forward(found[-1], (number + 1) * timedelta(seconds=5))
        await built.apply(found[-1], name)
        await built.until(found[-1], lambda state: state.issuance is not None)
    return found


async def ask(built: World, certificate_id: str, at: datetime) -> None:
    """Let its clock run until *at*, when it asks for its turn, and wait until it has it or knows when to ask again."""
    await built.forward(certificate_id, at - await built.now(certificate_id))
    await built.until(
        certificate_id,
        lambda state: is_renewed(state) or (state.delay is not None and state.delay.until > at),
    )


async def renew_all(built: World, certificates: Sequence[str]) -> list[CertificateState]:
    """Have all come in the same minute, in no order, and then whenever each was told to."""
    for certificate_id in random.Random(7).sample(certificates, COUNT):
        due = renewal_at(await built.row(certificate_id))
        assert due is not None
        await ask(built, certificate_id, due)
    while waiting := [row for one in certificates if not is_renewed(row := await built.row(one))]:
        _, following = min((row.delay.until, row.certificate_id) for row in waiting if row.delay)
        row = await built.row(following)
        assert row.delay is not None
        await ask(built, following, row.delay.until)
    return [await built.row(one) for one in certificates]


@pytest.mark.timeout(120)
async def test_each_has_its_turn_in_time(built: World) -> None:
    """One certificate in three hours: the first to come is served, then whose leaf ends first, and all are in time."""
    built.stranger.script, built.stranger.window = Script(fresh_challenges=True), None
    built.stranger.limits = Limits()
    certificates = await issued(built)
    built.stranger.limits = Limits(items=(Limit(scope=LimitScope.DOMAIN, count=1, period=TURN),))
    renewed = await renew_all(built, certificates)
    built.stranger.limits = Limits()

    served = sorted(renewed, key=lambda row: row.issuances[-1].issued_at)
    times = [row.issuances[-1].issued_at for row in served]
    assert all(later - sooner > TURN - BUSY for sooner, later in pairwise(times)), times
    assert all(row.issuances[-1].issued_at < row.issuances[0].not_after for row in renewed)
    ends = [row.issuances[0].not_after for row in served]
    assert ends[1:] == sorted(ends[1:])
