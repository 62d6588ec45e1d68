"""The whole way with real name servers: published, late, taken away after an outage, delegated."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from certloom.dns.interface import DelegationZone
from certloom.dns.opener import ProviderOpener
from certloom.domain.errors import Outage
from tests.dns.bind import Bind, make_authorities, make_bind, make_dialer, make_provider, needs_bind, running
from tests.dns.ground import DELEGATION, THEIRS, Ground, challenge, make_ground

pytestmark = needs_bind
ONE = "@ NS ns1\n@ NS ns2\nns1 A 127.0.0.1\nns2 A 127.0.0.1\n"
TWO = (
    "@ NS ns1.one.test.\n"
    f"_acme-challenge.good CNAME ours.{DELEGATION}.\n"
    f"_certloom-challenge.good CNAME ours.{DELEGATION}.\n"
    f"_acme-challenge.foreign CNAME theirs.{DELEGATION}.\n"
)
NAME = "_acme-challenge.www.one.test"


@dataclass
class Real:
    ground: Ground
    first: Bind
    second: Bind

    async def add_zone(self) -> None:
        await self.ground.add_zone(settings=self.first.settings)


@pytest.fixture
async def real(tmp_path: Path) -> AsyncIterator[Real]:
    delegation = "@ NS ns1.one.test.\n"
    first = make_bind(tmp_path / "1", {"one.test": ONE, "two.test": TWO, DELEGATION: delegation})
    second = make_bind(tmp_path / "2", {"one.test": ONE})
    async with running(first, second):
        authorities = make_authorities(first, {"ns2.one.test": second.port})
        opener, own = ProviderOpener(make_dialer(first)), make_provider(first, DELEGATION)
        async with make_ground(tmp_path, opener, authorities, DelegationZone(DELEGATION, own)) as ground:
            yield Real(ground, first, second)


async def test_a_proof_is_ready_when_both_servers_have_it(real: Real) -> None:
    """The sealed key opens, the primary is written, and the late secondary is waited for."""
    await real.add_zone()
    plain = challenge()
    early = await real.ground.publish(plain)
    await make_provider(real.second, "one.test").present(NAME, "v")  # as a transfer would

    assert "ns2.one.test" in early[plain].error
    assert await real.ground.publish(plain) == {}


async def test_a_server_that_was_switched_off_is_not_waited_for_forever(real: Real) -> None:
    """A CA asks the servers that answer; after some minutes so do we, and no renewal fails for ever."""
    await real.add_zone()
    await real.second.stop()
    plain = challenge()
    early = await real.ground.publish(plain)
    real.ground.later(minutes=6)

    assert "these do not answer" in early[plain].error
    assert await real.ground.publish(plain) == {}


@pytest.mark.parametrize("transaction", [1, 2])
async def test_a_crash_before_or_after_publishing_is_made_good(real: Real, transaction: int) -> None:
    """Dying before the row, or between the record and its mark, ends in one row and one value, which goes again."""
    await real.add_zone()
    await make_provider(real.second, "one.test").present(NAME, "v")
    plain, storage = challenge(), real.ground.storage
    storage.fail_at = transaction
    with pytest.raises(Outage):
        await real.ground.publish(plain)
    assert real.first.texts(NAME) == (set() if transaction == 1 else {"v"})
    assert await real.ground.publish(plain) == {}

    assert real.first.texts(NAME) == {"v"}
    assert [row.presented_at is not None for row in await real.ground.rows()] == [True]
    await real.ground.release()
    await real.ground.sweep()
    assert real.first.texts(NAME) == set()


async def test_two_values_come_and_go_by_value(real: Real) -> None:
    """A name and its wildcard stand side by side; each goes with its own order."""
    await real.add_zone()
    await real.ground.publish(challenge(value="a"), challenge("*.www.one.test", "b"), attempt=1)
    await real.ground.publish(challenge(value="c"), attempt=2)
    assert real.first.texts(NAME) == {"a", "b", "c"}
    await real.ground.release(attempt=1)
    await real.ground.sweep()

    assert real.first.texts(NAME) == {"c"}


async def test_a_sweep_goes_on_after_an_outage(real: Real) -> None:
    """The server may be away when the order ends: the record goes when it is back."""
    await real.add_zone()
    await real.ground.publish(challenge())
    await real.ground.release()
    await real.first.stop()
    await real.ground.sweep()
    (row,) = await real.ground.rows()
    await real.first.start()
    assert real.first.texts(NAME) == {"v"}
    real.ground.later(seconds=5)
    await real.ground.sweep()

    assert "Nothing listens" in (row.error or "")
    assert real.first.texts(NAME) == set()
    assert await real.ground.rows() == []


@pytest.mark.parametrize("label", ["_acme-challenge", "_certloom-challenge"])
async def test_a_delegated_proof_is_published_and_taken_away(real: Real, label: str) -> None:
    """The alias in the customer's zone leads into ours, where the value stands for as long as it is wanted."""
    place = await real.ground.delegate("good.two.test")
    delegated = challenge("good.two.test", label=label)
    assert await real.ground.publish(delegated) == {}
    assert real.first.texts(place) == {"v"}
    await real.ground.release()
    await real.ground.sweep()

    assert real.first.texts(place) == set()


async def test_a_foreign_label_proves_nothing(real: Real) -> None:
    """A name that leads to another account's label cannot be proven by us, and nothing is written anywhere."""
    await real.ground.delegate("foreign.two.test")
    await real.ground.delegate("foreign.two.test", account_id=THEIRS, label="theirs")
    foreign = challenge("foreign.two.test")
    obstacle = (await real.ground.publish(foreign))[foreign]

    assert f"leads to theirs.{DELEGATION}" in obstacle.error
    assert real.first.texts(f"theirs.{DELEGATION}") == real.first.texts(f"ours.{DELEGATION}") == set()
