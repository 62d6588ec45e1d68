"""What every Validator promises: the fake in memory and the real one looking into the lab."""

from collections.abc import AsyncIterator
from typing import Protocol

import pytest

from certloom.domain.application import Challenge
from certloom.domain.errors import Outage
from certloom.validation.fake import FakeValidator
from certloom.validation.interface import Validator
from lab.world import LabWorld
from lab.zone import Trouble
from tests.validation.challenges import dns_challenge, http_challenge
from tests.validation.conftest import validator_in


class World(Protocol):
    """What a test may do to the outside of a validator."""

    @property
    def validator(self) -> Validator: ...

    def publish(self, challenge: Challenge) -> None: ...

    def retract(self, challenge: Challenge) -> None: ...

    def forbid(self, name: str) -> None: ...

    def break_caa(self, name: str) -> None: ...


class FakeWorld:
    def __init__(self) -> None:
        self.validator = FakeValidator()
        self.publish = self.validator.publish
        self.retract = self.validator.retract

    def forbid(self, name: str) -> None:
        self.validator.forbid(name, f"A record at {name} forbids it.")

    def break_caa(self, name: str) -> None:
        self.validator.break_caa()


class RealWorld:
    def __init__(self, lab: LabWorld) -> None:
        self.validator = validator_in(lab)
        self.publish = lab.publish
        self.retract = lab.retract
        self._lab = lab

    def forbid(self, name: str) -> None:
        self._lab.zone.add(name, "CAA", '0 issue ";"')

    def break_caa(self, name: str) -> None:
        self._lab.zone.trouble(name, Trouble.SERVFAIL)


@pytest.fixture(params=["fake", "real"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    if request.param == "fake":
        yield FakeWorld()
        return
    async with LabWorld() as lab:
        yield RealWorld(lab)


CHALLENGES = [dns_challenge(), http_challenge(), http_challenge("127.0.0.1")]
IDS = ["dns-01", "http-01", "http-01 at an address"]


@pytest.mark.parametrize("challenge", CHALLENGES, ids=IDS)
async def test_a_published_proof_is_found(world: World, challenge: Challenge) -> None:
    """A look after publishing is proven, for that name and type, and without an error."""
    world.publish(challenge)

    look = await world.validator.look(challenge)

    assert (True, challenge.name, challenge.type, None) == (look.proven, look.name, look.type, look.error)


@pytest.mark.parametrize("challenge", CHALLENGES, ids=IDS)
async def test_a_missing_proof_is_explained(world: World, challenge: Challenge) -> None:
    """A look before publishing is not proven, and says what was seen and what to do."""
    look = await world.validator.look(challenge)

    assert not look.proven
    assert look.seen
    assert look.error


@pytest.mark.parametrize("challenge", CHALLENGES, ids=IDS)
async def test_a_retracted_proof_is_not_found(world: World, challenge: Challenge) -> None:
    """Each look is made anew: nothing is remembered from the last one."""
    world.publish(challenge)
    await world.validator.look(challenge)
    world.retract(challenge)

    assert not (await world.validator.look(challenge)).proven


@pytest.mark.parametrize("challenge", CHALLENGES, ids=IDS)
async def test_looking_again_sees_the_same(world: World, challenge: Challenge) -> None:
    """A look may be repeated and changes nothing."""
    world.publish(challenge)

    assert await world.validator.look(challenge) == await world.validator.look(challenge)


@pytest.mark.parametrize(
    ("asked", "published"),
    [
        (dns_challenge(value="a"), dns_challenge(value="b")),
        (dns_challenge("a.lab.test"), dns_challenge("b.lab.test")),
        (http_challenge(content="a"), http_challenge(content="b")),
        (http_challenge("a.lab.test"), http_challenge("b.lab.test")),
        (dns_challenge(), http_challenge()),
    ],
)
async def test_another_proof_does_not_count(world: World, asked: Challenge, published: Challenge) -> None:
    """A proof for another value, name or type proves nothing."""
    world.publish(published)

    assert not (await world.validator.look(asked)).proven


async def test_verdicts_come_in_order(world: World) -> None:
    """One verdict per name, in the order asked, and only the forbidden one says why."""
    world.forbid("b.lab.test")

    verdicts = await world.validator.check_caa(
        ["c.lab.test", "b.lab.test", "a.lab.test"], method="dns-01", identities=["ca.certloom.test"]
    )

    assert [(verdict.name, verdict.permitted) for verdict in verdicts] == [
        ("c.lab.test", True),
        ("b.lab.test", False),
        ("a.lab.test", True),
    ]
    assert ["b.lab.test" in (verdict.detail or "") for verdict in verdicts] == [False, True, False]


async def test_no_names_give_no_verdicts(world: World) -> None:
    """Asking about nothing is no error."""
    assert list(await world.validator.check_caa([], method="dns-01", identities=["ca.certloom.test"])) == []


async def test_addresses_have_no_caa(world: World) -> None:
    """CAA is about domain names: an address is permitted, and no name server is asked."""
    world.break_caa("1.1.1.1")

    verdicts = await world.validator.check_caa(
        ["1.1.1.1", "2606:4700::1111"], method="http-01", identities=["ca.certloom.test"]
    )

    assert [(verdict.name, verdict.permitted) for verdict in verdicts] == [("1.1.1.1", True), ("2606:4700::1111", True)]


async def test_a_failing_name_server_is_an_outage(world: World) -> None:
    """CAA that cannot be asked is never permission."""
    world.break_caa("www.lab.test")

    with pytest.raises(Outage):
        await world.validator.check_caa(["www.lab.test"], method="http-01", identities=["ca.certloom.test"])
