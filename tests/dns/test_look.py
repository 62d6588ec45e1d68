"""The look as an activity: what is published, what is found, what CAA takes back."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.proof import Looking, Proofs, but_for_caa
from activities.verification import Seen, VerificationActivities
from certloom.dns.fake import FakeDns
from certloom.dns.interface import DnsRefused
from certloom.domain.application import Challenge, ValidationMethod
from certloom.issuers.fake import FakeIssuer
from certloom.issuers.interface import Issuer
from certloom.storage.records import LookRecord
from certloom.validation.fake import FakeValidator
from certloom.validation.interface import CaaVerdict, Look
from tests.dns.ground import CERT, OURS, Ground, challenge

PLAIN = challenge()
IDENTITIES = {"private": "ours.test", "le": "letsencrypt.org"}


def issuers(*, outside: bool) -> Mapping[str, Issuer]:
    found = {name: FakeIssuer(outside=outside) for name in IDENTITIES}
    for name, issuer in found.items():
        issuer.identities = (IDENTITIES[name],)
    return found


async def look(
    ground: Ground,
    validator: FakeValidator,
    *challenges: Challenge,
    issuer: str = "private",
    outside: bool = False,
    after: timedelta | None = None,
) -> Seen:
    """Look, so long *after* the order began."""
    env = ActivityEnvironment()
    proofs = Proofs(
        storage=ground.storage,
        validator=validator,
        issuers=issuers(outside=outside),
        publication=ground.publication,
    )
    activities = VerificationActivities(proofs=proofs, check_interval=timedelta(seconds=5))
    looking = Looking(
        certificate_id=CERT,
        names=tuple(one.name for one in challenges),
        validation=ValidationMethod.DNS_01,
        challenges=challenges,
        account_id=OURS,
        attempt=1,
        issuer=issuer,
        ordered_at=None if after is None else env.info.started_time - after,
    )
    return await env.run(activities.look, looking)


async def told(ground: Ground) -> Sequence[LookRecord]:
    async with ground.storage.storage.read() as tx:
        return await tx.looks.list(CERT)


async def test_a_published_proof_is_found_in_the_same_look(ground: Ground, board: FakeDns) -> None:
    """It is published, checked and found in one attempt."""
    await ground.add_zone()
    validator = FakeValidator()
    validator.publish(PLAIN)

    await look(ground, validator, PLAIN)
    assert board.shown == {PLAIN.record_name: {"v"}}
    assert [one.proven for one in await told(ground)] == [True]


async def test_no_resolver_is_asked_too_early(ground: Ground, board: FakeDns) -> None:
    """While one server lacks it nobody asks a cache, which would remember the gap; the customer reads which server."""
    await ground.add_zone()
    board.late = {"ns2.one.test"}
    validator = FakeValidator()
    validator.publish(PLAIN)
    with pytest.raises(ApplicationError, match="1 of 1 proofs not found yet"):
        await look(ground, validator, PLAIN)

    (one,) = await told(ground)
    assert validator.looks == {}
    assert (one.proven, one.seen) == (False, "on 1 of 2 name servers")
    assert "ns2.one.test" in (one.error or "")


async def test_what_went_wrong_with_publishing_is_the_error(ground: Ground, board: FakeDns) -> None:
    """The name server's refusal is what the customer reads for that name."""
    await ground.add_zone()
    board.broken = DnsRefused("The name server ns1.one.test refused the key proofs.")
    with pytest.raises(ApplicationError):
        await look(ground, FakeValidator(), PLAIN)

    assert (await told(ground))[0].error == "The name server ns1.one.test refused the key proofs."


async def test_a_proof_published_by_hand_counts_although_we_were_refused(ground: Ground, board: FakeDns) -> None:
    """What stands there proves the name, whoever put it there."""
    await ground.add_zone()
    board.broken = DnsRefused("The name server ns1.one.test refused the key proofs.")
    validator = FakeValidator()
    validator.publish(PLAIN)

    await look(ground, validator, PLAIN)
    assert (await told(ground))[0].proven


async def test_without_zones_the_look_is_as_it_was(ground: Ground, board: FakeDns) -> None:
    """One read more, and that is all."""
    validator = FakeValidator()
    validator.publish(PLAIN)
    await look(ground, validator, PLAIN)

    assert (ground.storage.reads, ground.storage.writes) == (1, 1)
    assert board.calls == {}


@pytest.mark.parametrize(("issuer", "identities"), [("private", ("ours.test",)), ("le", ("letsencrypt.org",))])
async def test_caa_is_asked_for_the_issuer(ground: Ground, issuer: str, identities: tuple[str, ...]) -> None:
    """Each issuer is permitted by its own names."""
    validator = FakeValidator()
    validator.publish(PLAIN)
    await look(ground, validator, PLAIN, issuer=issuer)

    assert validator.identities == identities


@pytest.mark.parametrize(
    ("outside", "minutes", "asked"), [(True, 1, False), (True, 11, True), (False, 1, True)], ids=["no", "old", "ours"]
)
async def test_caa_stands_for_some_minutes(ground: Ground, *, outside: bool, minutes: int, asked: bool) -> None:
    """It was asked when the order was placed, and a CA of somebody else's asks again; our own relies on us."""
    validator = FakeValidator()
    validator.publish(PLAIN)
    await look(ground, validator, PLAIN, outside=outside, after=timedelta(minutes=minutes))

    assert bool(validator.identities) is asked


def looks(*names: str) -> list[Look]:
    return [Look(name=name, type="dns-01", proven=True) for name in names]


def verdicts(**permitted: bool) -> list[CaaVerdict]:
    names = {"base": "a.test", "star": "*.a.test", "other": "b.test"}
    return [
        CaaVerdict(name=names[key], permitted=value, detail=None if value else f"CAA forbids {names[key]}.")
        for key, value in permitted.items()
    ]


@pytest.mark.parametrize(
    ("looked", "judged", "wanted"),
    [
        # The private CA proves the base name once, for both.
        (["a.test"], verdicts(base=True, star=False), {"a.test": "CAA forbids *.a.test."}),
        (["a.test"], verdicts(base=False, star=True), {"a.test": "CAA forbids a.test."}),
        (["a.test"], verdicts(base=True, star=True), {"a.test": None}),
        # An ACME CA has a challenge for each: one may be forbidden and the other not.
        (
            ["a.test", "*.a.test"],
            verdicts(base=True, star=False),
            {"a.test": None, "*.a.test": "CAA forbids *.a.test."},
        ),
        (["a.test", "*.a.test"], verdicts(base=False, star=True), {"a.test": "CAA forbids a.test.", "*.a.test": None}),
        # What the issuer holds as proven has no challenge, and is forbidden all the same.
        (["a.test"], verdicts(base=True, other=False), {"a.test": None, "b.test": "CAA forbids b.test."}),
        (["*.a.test"], verdicts(base=False, star=True), {"*.a.test": None, "a.test": "CAA forbids a.test."}),
    ],
)
def test_caa_takes_back_the_right_look(
    looked: list[str], judged: list[CaaVerdict], wanted: dict[str, str | None]
) -> None:
    """A verdict is about one name, with or without its star."""
    found = but_for_caa(looks(*looked), judged, ValidationMethod.DNS_01)

    assert {one.name: one.error for one in found} == wanted
    assert [one.proven for one in found] == [one.error is None for one in found]
