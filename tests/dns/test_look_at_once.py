"""The look beside an order that was placed just now: when it is enough, and what it leaves to the look that follows."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from activities import proof
from activities.proof import Looking, Proofs
from certloom.dns.fake import FakeDns
from certloom.dns.interface import DnsRefused
from certloom.domain.application import Challenge, ValidationMethod
from certloom.domain.errors import Outage
from certloom.domain.zone import ManualSettings
from certloom.issuers.fake import FakeIssuer
from certloom.storage.records import LookRecord
from certloom.validation.fake import FakeValidator
from certloom.validation.interface import Look
from tests.dns.ground import CERT, OURS, Ground, challenge

PLAIN = challenge()
NAME = "_acme-challenge.www.one.test"
BY_HAND = challenge("www.two.test")
FILE = Challenge(name="www.one.test", type=ValidationMethod.HTTP_01, token="t", url="http://x/", content="t")
FORBIDDEN = "CAA of www.one.test forbids ca.example.net."


def finding(*challenges: Challenge) -> FakeValidator:
    """Return a validator that finds these."""
    made = FakeValidator()
    for one in challenges:
        made.publish(one)
    return made


def proofs(ground: Ground, validator: FakeValidator, *, outside: bool = True) -> Proofs:
    issuers = {"le": FakeIssuer(outside=outside)}
    return Proofs(storage=ground.storage, validator=validator, issuers=issuers, publication=ground.publication)


def wanted(ground: Ground, *challenges: Challenge, account_id: str = OURS) -> Looking:
    return Looking(
        certificate_id=CERT,
        names=("www.one.test",),
        validation=ValidationMethod.DNS_01,
        challenges=challenges,
        account_id=account_id,
        attempt=1,
        issuer="le",
        ordered_at=ground.now,
    )


async def at_once(
    ground: Ground, validator: FakeValidator, *challenges: Challenge, outside: bool = True, account_id: str = OURS
) -> bool:
    looking = wanted(ground, *challenges, account_id=account_id)
    return await proofs(ground, validator, outside=outside).look_at_once(looking, now=ground.now)


async def after(
    ground: Ground, validator: FakeValidator, *challenges: Challenge, outside: bool = True
) -> Sequence[Look]:
    """Look as the activity does that follows."""
    looking, pause = wanted(ground, *challenges), timedelta(seconds=5)
    return await proofs(ground, validator, outside=outside).look(looking, now=ground.now, pause=pause)


async def told(ground: Ground) -> Sequence[LookRecord]:
    async with ground.storage.storage.read() as tx:
        return await tx.looks.list(CERT)


async def noted(ground: Ground) -> list[bool]:
    """Say of each row whether what it is about was published."""
    return [row.presented_at is not None for row in await ground.rows()]


class TestProven:
    async def test_what_is_ours_and_everywhere_is_proven(self, ground: Ground, board: FakeDns) -> None:
        """It is published, noted and found in one go, and the customer can read what was seen."""
        await ground.add_zone()

        assert await at_once(ground, finding(PLAIN), PLAIN)
        assert board.shown == {NAME: {"v"}}
        assert await noted(ground) == [True]
        assert [(one.proven, one.next_look_at) for one in await told(ground)] == [(True, None)]

    async def test_a_wildcard_and_its_name_are_proven_together(self, ground: Ground, board: FakeDns) -> None:
        """Two values at one record are two looks."""
        await ground.add_zone()
        both = challenge(value="a"), challenge("*.www.one.test", "b")

        assert await at_once(ground, finding(*both), *both)
        assert board.shown == {NAME: {"a", "b"}}
        assert await noted(ground) == [True, True]

    async def test_a_delegated_name_is_proven(self, ground: Ground, board: FakeDns) -> None:
        """What leads to this account's label is published there, and needs nobody else either."""
        board.aliases[NAME] = place = await ground.delegate()

        assert await at_once(ground, finding(PLAIN), PLAIN)
        assert board.shown == {place: {"v"}}

    @pytest.mark.parametrize("outside", [True, False])
    async def test_what_the_issuer_holds_as_proven_needs_no_look(self, ground: Ground, *, outside: bool) -> None:
        """An order without challenges is proven, with no zone and no question to a resolver."""
        validator = finding()

        assert await at_once(ground, validator, outside=outside)
        assert validator.looks == {}
        assert await told(ground) == []

    async def test_repeated_after_a_lost_answer_it_says_the_same(self, ground: Ground, board: FakeDns) -> None:
        """The attempt whose answer nobody heard runs again, and publishes nothing more."""
        await ground.add_zone()
        for _ in range(2):
            assert await at_once(ground, finding(PLAIN), PLAIN)

        assert board.calls["present", NAME, "v"] == 1
        assert await noted(ground) == [True]

    async def test_killed_after_publishing_it_publishes_once_more(
        self, ground: Ground, board: FakeDns, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nobody noted the value, so it is presented again; there is one value and one row."""
        await ground.add_zone()
        published = asyncio.Event()

        async def die(*_: str) -> None:
            published.set()
            await asyncio.Event().wait()

        with monkeypatch.context() as patch:
            patch.setattr(board, "check", die)
            attempt = asyncio.create_task(at_once(ground, finding(PLAIN), PLAIN))
            await published.wait()
            attempt.cancel()
            await asyncio.wait([attempt])
        assert (board.shown, await noted(ground)) == ({NAME: {"v"}}, [False])

        assert await at_once(ground, finding(PLAIN), PLAIN)
        assert board.calls["present", NAME, "v"] == 2
        assert (board.shown, await noted(ground)) == ({NAME: {"v"}}, [True])


class TestLeftToALook:
    async def test_what_another_publishes_is_waited_for(self, ground: Ground, board: FakeDns) -> None:
        """One name by hand is enough; ours is published and noted all the same, and no resolver is asked."""
        await ground.add_zone()
        validator = finding(PLAIN, BY_HAND)

        assert not await at_once(ground, validator, PLAIN, BY_HAND)
        assert (board.shown, await noted(ground)) == ({NAME: {"v"}}, [True])
        assert (validator.looks, await told(ground)) == ({}, [])

    @pytest.mark.parametrize("one", [PLAIN, FILE], ids=["record", "file"])
    async def test_who_publishes_by_hand_is_not_looked_for(
        self, ground: Ground, board: FakeDns, one: Challenge
    ) -> None:
        """Without a zone neither DNS nor a resolver is asked, and nothing is written."""
        validator = finding(one)

        assert not await at_once(ground, validator, one)
        assert (board.calls, validator.looks) == ({}, {})
        assert (await ground.rows(), await told(ground)) == ([], [])

    async def test_a_manual_zone_is_another_s(self, ground: Ground, board: FakeDns) -> None:
        """A part of the zone that its owner writes is not ours to publish."""
        await ground.add_zone()
        await ground.add_zone("www.one.test", settings=ManualSettings())

        assert not await at_once(ground, finding(PLAIN), PLAIN)
        assert board.shown == {}

    async def test_without_an_account_nothing_is_published(self, ground: Ground, board: FakeDns) -> None:
        """Nobody knows whose zones to write then."""
        await ground.add_zone()

        assert not await at_once(ground, finding(PLAIN), PLAIN, account_id="")
        assert board.calls == {}

    async def test_a_server_that_lacks_it_is_left_to_the_look(self, ground: Ground, board: FakeDns) -> None:
        """No resolver is asked too early; the look that follows finds it, and does not publish it again."""
        await ground.add_zone()
        board.late = {"ns2.one.test"}
        validator = finding(PLAIN)
        assert not await at_once(ground, validator, PLAIN)
        assert (validator.looks, await told(ground), await noted(ground)) == ({}, [], [True])
        board.late = set()

        assert [one.proven for one in await after(ground, validator, PLAIN)] == [True]
        assert board.calls["present", NAME, "v"] == 1
        assert [one.proven for one in await told(ground)] == [True]

    async def test_an_alias_that_does_not_lead_here_is_left_to_the_look(self, ground: Ground, board: FakeDns) -> None:
        """A delegated name without its CNAME is never published, and the look says what is missing."""
        place = await ground.delegate()
        validator = finding()
        assert not await at_once(ground, validator, PLAIN)
        assert await told(ground) == []
        await after(ground, validator, PLAIN)

        assert board.shown == {}
        assert (await told(ground))[0].error == (
            f"{NAME} is no alias, so nothing is published for it. Let it be an alias of this account's own label: "
            f"{NAME}. CNAME {place}."
        )

    async def test_what_a_resolver_does_not_see_is_left_to_the_look(self, ground: Ground, board: FakeDns) -> None:
        """Everywhere on the servers and not yet at the resolver: noted, and only the look tells of it."""
        await ground.add_zone()
        assert not await at_once(ground, finding(), PLAIN)
        assert (await told(ground), await noted(ground)) == ([], [True])
        await after(ground, finding(PLAIN), PLAIN)

        assert board.calls["present", NAME, "v"] == 1
        assert [one.proven for one in await told(ground)] == [True]

    @pytest.mark.parametrize("error", [Outage("The server is away."), DnsRefused("It refused the key.")])
    async def test_what_a_name_server_answers_is_told_by_the_look(
        self, ground: Ground, board: FakeDns, error: Outage | DnsRefused
    ) -> None:
        """A zone that cannot be written is no error of the order."""
        await ground.add_zone()
        board.broken = error
        assert not await at_once(ground, finding(), PLAIN)
        assert await told(ground) == []
        await after(ground, finding(), PLAIN)

        assert [one.error for one in await told(ground)] == [error.detail]

    @pytest.mark.parametrize("write", [1, 2], ids=["before publishing", "after publishing"])
    async def test_an_outage_of_the_database_is_not_proven(self, ground: Ground, board: FakeDns, write: int) -> None:
        """The order stands, and the look that follows does all of it, with one value and one row."""
        await ground.add_zone()
        ground.storage.fail_at = write
        assert not await at_once(ground, finding(PLAIN), PLAIN)
        assert await told(ground) == []

        assert [one.proven for one in await after(ground, finding(PLAIN), PLAIN)] == [True]
        assert board.calls["present", NAME, "v"] == write
        assert (board.shown, await noted(ground)) == ({NAME: {"v"}}, [True])

    @pytest.mark.parametrize("call", ["present", "check"])
    async def test_a_provider_that_hangs_is_waited_for_only_shortly(
        self, ground: Ground, board: FakeDns, monkeypatch: pytest.MonkeyPatch, call: str
    ) -> None:
        """Whoever applied waits for this: after FIRST_SECONDS the rest is the look's."""
        await ground.add_zone()
        monkeypatch.setattr(proof, "FIRST_SECONDS", 0.05)
        with monkeypatch.context() as patch:
            patch.setattr(board, call, lambda *_: asyncio.Event().wait())
            assert not await at_once(ground, finding(PLAIN), PLAIN)
        assert await told(ground) == []

        assert [one.proven for one in await after(ground, finding(PLAIN), PLAIN)] == [True]
        assert (board.shown, await noted(ground)) == ({NAME: {"v"}}, [True])


class TestCaa:
    async def test_it_stands_from_the_order_at_anothers_ca(self, ground: Ground) -> None:
        """It was looked at a moment ago, before the CA heard of the order."""
        await ground.add_zone()
        validator = finding(PLAIN)
        validator.forbid("www.one.test", FORBIDDEN)

        assert await at_once(ground, validator, PLAIN)
        assert validator.caa_checks == {}

    @pytest.mark.parametrize("challenges", [(PLAIN,), ()], ids=["ours", "none"])
    async def test_our_own_ca_looks_at_it(self, ground: Ground, challenges: Sequence[Challenge]) -> None:
        """What CAA forbids is not proven, and the look that follows tells the customer why."""
        await ground.add_zone()
        validator = finding(PLAIN)
        validator.forbid("www.one.test", FORBIDDEN)
        assert not await at_once(ground, validator, *challenges, outside=False)
        assert await told(ground) == []
        await after(ground, validator, *challenges, outside=False)

        assert [(one.proven, one.error) for one in await told(ground)] == [(False, FORBIDDEN)]

    async def test_without_an_answer_it_is_not_proven(self, ground: Ground) -> None:
        """An outage of the CAA lookup permits nothing."""
        await ground.add_zone()
        validator = finding(PLAIN)
        validator.break_caa()

        assert not await at_once(ground, validator, PLAIN, outside=False)
        assert await noted(ground) == [True]
