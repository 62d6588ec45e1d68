"""The shipped fake of targets: it goes wrong exactly as it was told, and then no more."""

import asyncio
from collections.abc import Sequence

import pytest

from certloom.domain.errors import Outage
from certloom.targets.fake import OTHER_LEAF, Call, CallName, FakeProver, FakeTargets, Trouble
from certloom.targets.interface import Exclusive, Sight, Standing, TargetRefused
from tests.targets.fake_slot import NAME, record
from tests.targets.pairs import pair

TWO = record("www.example.com", "edge.example.com")
OLD, NEW = pair(NAME, 1), pair(NAME, 2)


class Killed(Exception):
    pass


@pytest.fixture
def targets() -> FakeTargets:
    made = FakeTargets()
    made.register(TWO)
    made.serve(TWO.id, OLD)
    return made


async def install(targets: FakeTargets) -> None:
    async with targets.open(TWO, None) as target:
        await target.install(NEW, before=Standing())


async def every_call(targets: FakeTargets) -> None:
    before = Standing(fingerprint_sha256=OLD.fingerprint_sha256)
    async with targets.open(TWO, None) as target:
        await target.install(NEW, before=before)
        await target.examine()
        await target.check()
        await target.roll_back(before, installed=NEW, known=None)
        await target.forget(before)


async def seen(targets: FakeTargets) -> Sequence[tuple[Sight, str | None]]:
    looks = [look for endpoint in TWO.endpoints for look in await FakeProver(targets).look(endpoint)]
    return [(look.sight, look.fingerprint_sha256) for look in looks]


def served(fingerprint: str) -> tuple[Sight, str | None]:
    return Sight.SERVED, fingerprint


@pytest.mark.parametrize(("trouble", "error"), [(Trouble.REFUSE, TargetRefused), (Trouble.OUTAGE, Outage)])
async def test_what_is_refused_or_unanswered_changes_nothing(
    targets: FakeTargets, trouble: Trouble, error: type[Exception]
) -> None:
    """A trouble that is counted comes so often, has no effect, and then is over."""
    targets.trouble(TWO.id, trouble, times=2)
    for _ in range(2):
        with pytest.raises(error):
            await install(targets)
    assert (targets.served(TWO.id), len(targets.calls)) == (OLD.fingerprint_sha256, 4)
    await install(targets)
    assert targets.served(TWO.id) == NEW.fingerprint_sha256


async def test_a_crash_comes_once_and_after_the_effect(targets: FakeTargets) -> None:
    """The error of the test's choice is raised when all is done, and the next call finds it done."""
    targets.trouble(TWO.id, Trouble.CRASH, error=Killed())
    with pytest.raises(Killed):
        await install(targets)
    await install(targets)
    assert targets.changes(TWO.id) == (OLD.fingerprint_sha256, NEW.fingerprint_sha256)


async def test_what_is_accepted_may_be_kept_out(targets: FakeTargets) -> None:
    """A target that says yes and does nothing goes on until it is healed."""
    targets.trouble(TWO.id, Trouble.KEEP)
    await install(targets)
    assert targets.served(TWO.id) == OLD.fingerprint_sha256
    targets.heal(TWO.id)
    await install(targets)
    assert targets.served(TWO.id) == NEW.fingerprint_sha256


@pytest.mark.parametrize("call", ["open", "examine", "roll_back", "forget", "check"])
async def test_any_call_can_go_wrong(targets: FakeTargets, call: CallName) -> None:
    """A trouble is in the call that was named, and install is spared."""
    targets.trouble(TWO.id, Trouble.OUTAGE, call=call, times=1)
    with pytest.raises(Outage):
        await every_call(targets)
    assert targets.calls[-1].name == call


@pytest.mark.parametrize(
    ("trouble", "look"),
    [
        (Trouble.STALE, (Sight.SERVED, OLD.fingerprint_sha256)),
        (Trouble.OTHER, (Sight.SERVED, OTHER_LEAF.fingerprint_sha256)),
        (Trouble.HANG, (Sight.NO_CERTIFICATE, None)),
        (Trouble.UNREACHABLE, (Sight.UNREACHABLE, None)),
        (Trouble.DENIED, (Sight.REFUSED, None)),
    ],
)
async def test_one_endpoint_can_be_in_trouble(
    targets: FakeTargets, trouble: Trouble, look: tuple[Sight, str | None]
) -> None:
    """The other endpoint serves what was installed, and both do when the trouble is over."""
    targets.trouble(TWO.id, trouble, endpoint=1, times=1)
    await install(targets)
    assert await seen(targets) == [served(NEW.fingerprint_sha256), look]
    assert await seen(targets) == [served(NEW.fingerprint_sha256)] * 2


async def test_one_address_can_be_in_trouble(targets: FakeTargets) -> None:
    """Of several addresses of every endpoint one may go on serving the old leaf."""
    targets.spread(TWO.id, 2)
    targets.trouble(TWO.id, Trouble.STALE, endpoint=0, address=1)
    await install(targets)
    new, old = served(NEW.fingerprint_sha256), served(OLD.fingerprint_sha256)
    assert await seen(targets) == [new, old, new, new]


async def test_an_endpoint_of_no_target_is_unreachable() -> None:
    """A prover knows the endpoints of registered targets alone."""
    assert await seen(FakeTargets()) == [(Sight.UNREACHABLE, None)] * 2


async def test_calls_are_told_in_their_order(targets: FakeTargets) -> None:
    """Every call is logged with the leaf that it was about."""
    await install(targets)
    assert targets.calls == [Call(TWO.id, "open"), Call(TWO.id, "install", NEW.fingerprint_sha256)]


async def test_changes_at_once_under_one_key_are_noticed(targets: FakeTargets) -> None:
    """Two targets that share a key are exclusive, and who changes both at once is found out."""
    targets.share("one process", TWO.id, "target_2")
    async with targets.open(TWO, None) as one, targets.open(record("b.example.com", id="target_2"), None) as two:
        assert isinstance(one, Exclusive)
        await one.install(NEW, before=Standing())
        assert targets.overlapped == []
        await asyncio.gather(*(target.install(OLD, before=Standing()) for target in (one, two)))
    assert targets.overlapped == ["one process"]


async def test_targets_are_not_exclusive_by_themselves(targets: FakeTargets) -> None:
    """Without a shared key the ability is missing."""
    async with targets.open(TWO, None) as target:
        assert not isinstance(target, Exclusive)
