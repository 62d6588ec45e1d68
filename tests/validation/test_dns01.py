"""Looks at proofs in DNS: what is enough, and what a customer reads when it is not."""

import asyncio

import pytest

from certloom.domain.errors import InvalidInput
from certloom.net.interface import Answer, CaaRecord, IPAddress
from certloom.validation.dns01 import look_at_dns
from certloom.validation.validator import NetworkValidator
from lab.world import LabWorld
from lab.zone import Trouble, txt
from tests.validation.challenges import dns_challenge

RECORD = "_certloom-challenge.www.lab.test"


async def test_the_expected_value_proves(lab: LabWorld, validator: NetworkValidator) -> None:
    """A TXT record with the value is the proof, and what was seen is told."""
    lab.publish(dns_challenge())

    look = await validator.look(dns_challenge())

    assert (look.proven, look.seen, look.error) == (True, '"token-1"', None)


async def test_one_right_value_among_others_proves(lab: LabWorld, validator: NetworkValidator) -> None:
    """Values of other applications at the same name do no harm."""
    lab.zone.add(RECORD, "TXT", txt("somebody else's"))
    lab.publish(dns_challenge())

    assert (await validator.look(dns_challenge())).proven


async def test_a_value_behind_an_alias_proves(lab: LabWorld, validator: NetworkValidator) -> None:
    """A customer may delegate the record to another zone."""
    lab.zone.add(RECORD, "CNAME", "x.delegated.example.")
    lab.zone.add("x.delegated.example", "TXT", txt("token-1"))

    assert (await validator.look(dns_challenge())).proven


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        ("token-2", '"token-2"'),
        ("token", '"token"'),
        ("token-10", '"token-10"'),
        ("TOKEN-1", '"TOKEN-1"'),
        ('"token-1"', '"\\"token-1\\""'),
        ("", '""'),
    ],
)
async def test_another_value_does_not_prove_and_is_shown(
    lab: LabWorld, validator: NetworkValidator, value: str, seen: str
) -> None:
    """Only the exact value counts; the customer sees what stands there instead."""
    lab.zone.add(RECORD, "TXT", txt(value))

    look = await validator.look(dns_challenge())

    assert (False, seen) == (look.proven, look.seen)
    assert "another value" in (look.error or "")


async def test_no_name_is_told(validator: NetworkValidator) -> None:
    """A customer who published nothing reads where to publish."""
    look = await validator.look(dns_challenge())

    assert (look.proven, look.seen) == (False, "no such name (NXDOMAIN)")
    assert RECORD in (look.error or "")


async def test_no_record_is_told(lab: LabWorld, validator: NetworkValidator) -> None:
    """A record of another type at the right name is not mistaken for nothing at all."""
    lab.zone.add(RECORD, "A", "192.0.2.1")

    assert (await validator.look(dns_challenge())).seen == "no TXT record"


async def test_an_alias_to_nowhere_is_named(lab: LabWorld, validator: NetworkValidator) -> None:
    """When a delegation leads to nothing, its target is in the sentence."""
    lab.zone.add(RECORD, "CNAME", "gone.delegated.example.")

    assert "an alias of gone.delegated.example" in ((await validator.look(dns_challenge())).error or "")


async def test_what_is_seen_stays_short_and_printable(lab: LabWorld, validator: NetworkValidator) -> None:
    """Hostile values cannot fill or forge what a customer reads."""
    for number in range(9):
        lab.zone.add(RECORD, "TXT", txt(f"{number}" + "\\010" * 250))

    seen = (await validator.look(dns_challenge())).seen or ""

    assert seen.isprintable()
    assert len(seen) < 600
    assert seen.endswith("and 4 more")


@pytest.mark.parametrize("trouble", [Trouble.SERVFAIL, Trouble.DROP])
async def test_failing_name_servers_are_an_error_of_the_look(
    lab: LabWorld, validator: NetworkValidator, trouble: Trouble
) -> None:
    """A look does not raise when DNS fails: it says so and sees nothing."""
    lab.zone.trouble(RECORD, trouble)

    look = await validator.look(dns_challenge())

    assert (look.proven, look.seen) == (False, None)
    assert "No name server could answer" in (look.error or "")


async def test_a_name_too_long_for_its_record_is_an_error_of_the_look(validator: NetworkValidator) -> None:
    """A name that leaves no room for the record's label gets a sentence."""
    look = await validator.look(dns_challenge(".".join(["a" * 60] * 4)))

    assert "cannot be looked up" in (look.error or "")


@pytest.mark.parametrize("field", ["record_name", "record_value"])
async def test_an_incomplete_challenge_is_invalid(validator: NetworkValidator, field: str) -> None:
    """Nothing to look for is never proven; it is the caller's fault."""
    with pytest.raises(InvalidInput, match=field):
        await validator.look(dns_challenge().model_copy(update={field: None}))


class Endless:
    """A resolver that follows aliases for ever."""

    async def texts(self, name: str) -> Answer[str]:
        await asyncio.Event().wait()
        raise AssertionError

    async def addresses(self, host: str) -> Answer[IPAddress]:
        raise NotImplementedError

    async def caa(self, name: str) -> Answer[CaaRecord]:
        raise NotImplementedError


async def test_a_look_ends_in_time() -> None:
    """However many aliases there are, the look ends at its deadline."""
    async with asyncio.timeout(10):
        look = await look_at_dns(Endless(), dns_challenge(), deadline=0.05)

    assert "did not say within 0.05 s" in (look.error or "")
