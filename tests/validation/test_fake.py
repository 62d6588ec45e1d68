"""What tests of other rooms rely on in the fake."""

from certloom.validation.fake import FakeValidator
from tests.validation.challenges import dns_challenge


async def test_a_name_can_be_proven_whatever_its_challenge() -> None:
    """A test that does not know the token can let a name be proven."""
    fake = FakeValidator()
    fake.prove("www.lab.test")

    assert (await fake.look(dns_challenge(value="any"))).proven


async def test_what_is_seen_can_be_scripted() -> None:
    """A test can say what a look sees instead of the proof."""
    fake = FakeValidator()
    fake.show("www.lab.test", seen='"old"', error="Another value.")

    look = await fake.look(dns_challenge())

    assert (look.proven, look.seen, look.error) == (False, '"old"', "Another value.")


async def test_looks_and_checks_are_counted() -> None:
    """A test can tell how often a name was looked at and checked by which method."""
    fake = FakeValidator()
    await fake.look(dns_challenge())
    await fake.look(dns_challenge())
    await fake.check_caa(["www.lab.test"], method="dns-01", identities=["ca.example.net"])

    assert (fake.looks["www.lab.test"], fake.caa_checks["www.lab.test", "dns-01"]) == (2, 1)
