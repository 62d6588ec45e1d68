"""The fake issuer goes wrong as it is told, and only so."""

import pytest

from certloom.domain.errors import IssuerRefused, Outage, OutcomeUnknown
from certloom.issuers.fake import FakeIssuer, Script
from certloom.issuers.interface import Pending, SignedLeaf
from tests.issuers.orders import END, NOW, order, signed, to_revoke


async def test_it_is_pending_as_often_as_told() -> None:
    """Each order is pending so many times, then signed."""
    fake = FakeIssuer(Script(pending=2))
    opened = await fake.begin(order(), now=NOW)
    steps = [await fake.advance(opened.order_ref, now=NOW, not_after=END) for _ in range(3)]
    assert [type(step) for step in steps] == [Pending, Pending, SignedLeaf]


async def test_it_is_out_as_often_as_told_and_does_nothing_meanwhile() -> None:
    """Outages come before anything is done, and end."""
    fake = FakeIssuer()
    leaf = await signed(fake, order())
    fake.script.outages = 2
    for _ in range(2):
        with pytest.raises(Outage):
            await fake.revoke(to_revoke(leaf), now=NOW)
    assert fake.revoked == {}
    await fake.revoke(to_revoke(leaf), now=NOW)
    assert list(fake.revoked) == [leaf.serial]


async def test_a_lost_answer_comes_after_the_deed() -> None:
    """What was done under a lost answer is found done by the next call."""
    fake = FakeIssuer(Script(lost_answers=1))
    with pytest.raises(OutcomeUnknown):
        await fake.begin(order(), now=NOW)
    assert len(fake._orders) == 1
    await fake.begin(order(), now=NOW)
    assert len(fake._orders) == 1


async def test_it_refuses_where_told() -> None:
    """Refusals come at the call that was named, with the reason that was given."""
    fake = FakeIssuer(Script(refuse_advance="policy"))
    opened = await fake.begin(order(), now=NOW)
    with pytest.raises(IssuerRefused) as refused:
        await fake.advance(opened.order_ref, now=NOW, not_after=END)
    assert refused.value.reason == "policy"
    fake.script.refuse_begin = "caa"
    with pytest.raises(IssuerRefused) as refused:
        await fake.begin(order(key="another"), now=NOW)
    assert refused.value.reason == "caa"


async def test_it_remembers_what_it_was_asked() -> None:
    """The calls are kept in order."""
    fake = FakeIssuer()
    leaf = await signed(fake, order())
    await fake.revoke(to_revoke(leaf), now=NOW)
    assert fake.calls == ["begin", "advance", "revoke"]
