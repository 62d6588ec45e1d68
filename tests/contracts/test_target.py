"""What every target promises, whatever serves behind it: a call made again has one effect, and there is a way back."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from certloom.domain.errors import Outage
from certloom.targets.interface import Material, Standing, TargetRefused
from tests.targets.alibaba.slots import alibaba_cdn_slot, alibaba_slb_domain_slot, alibaba_slb_slot
from tests.targets.fake_slot import fake_slot
from tests.targets.haproxy_slot import edge_slot, haproxy_new_slot, haproxy_slot, haproxy_tcp_slot
from tests.targets.nginx_slot import nginx_slot, nginx_ssh_slot
from tests.targets.pairs import mismatched, pair
from tests.targets.slot import Slot

OpenSlot = Callable[[Path], AbstractAsyncContextManager[Slot]]

SLOTS: Mapping[str, OpenSlot] = {
    "fake": fake_slot,
    "haproxy": haproxy_slot,
    "haproxy_new": haproxy_new_slot,
    "haproxy_tcp": haproxy_tcp_slot,
    "edge": edge_slot,
    "nginx": nginx_slot,
    "nginx_ssh": nginx_ssh_slot,
    "alibaba_cdn": alibaba_cdn_slot,
    "alibaba_slb": alibaba_slb_slot,
    "alibaba_slb_domain": alibaba_slb_domain_slot,
}

OURS = (1, 2, 3)  # the numbers of pairs that these tests install
BROKEN_OFF = (0.002, 0.02)  # seconds into a call; some kinds are done by then, and that is as good
SETTLES = 5.0  # seconds; a reload of nginx takes 0.13


@pytest.fixture(params=SLOTS)
async def slot(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Slot]:
    async with SLOTS[request.param](tmp_path) as opened:
        yield opened


async def settled(slot: Slot, fingerprint: str | None) -> str | None:
    """Return what is served: *fingerprint* as soon as it is, else whatever is after SETTLES seconds."""
    until = time.monotonic() + SETTLES
    while (found := await slot.served()) != fingerprint and time.monotonic() < until:
        await asyncio.sleep(0.02)
    return found


async def done(call: Callable[[], Awaitable[None]]) -> None:
    """Call until the place is done with its job, as an activity does."""
    for _ in range(20):
        try:
            return await call()
        except Outage as pause:
            if pause.retry_after is None:
                raise
    raise AssertionError("The job of this target does not end.")


async def examined(slot: Slot) -> Standing:
    """Examine as activities do: where the target cannot tell which of our leaves it holds, a handshake does."""
    standing = await slot.target.examine()
    served = await slot.served()
    if standing.fingerprint_sha256 is None and served in {slot.pair(number).fingerprint_sha256 for number in OURS}:
        return standing.model_copy(update={"fingerprint_sha256": served})
    return standing


async def put(slot: Slot, number: int, *, before: Standing | None = None) -> Standing:
    """Install a pair and see it served; returns what the slot held before."""
    standing = before or await examined(slot)
    material = slot.pair(number)
    await done(lambda: slot.target.install(material, before=standing))
    assert await settled(slot, material.fingerprint_sha256) == material.fingerprint_sha256
    return standing


async def broken_off(call: Awaitable[None], seconds: float) -> None:
    """Let a call run for so long and no longer."""
    with contextlib.suppress(TimeoutError, Outage):
        await asyncio.wait_for(call, seconds)


async def take_back(slot: Slot, before: Standing, installed: int, known: int | None) -> None:
    pair_before = None if known is None else slot.pair(known)
    await done(lambda: slot.target.roll_back(before, installed=slot.pair(installed), known=pair_before))


def name_of(slot: Slot) -> str:
    return slot.pair(1).names[0]


async def test_examining_changes_nothing(slot: Slot) -> None:
    """Two looks at the slot tell the same, and clients are served what they were served."""
    served = await slot.served()
    first = await slot.target.examine()
    assert await slot.target.examine() == first
    assert await slot.served() == served


async def test_what_is_examined_is_what_is_served(slot: Slot) -> None:
    """A target that tells a fingerprint tells the one that clients get."""
    told = (await slot.target.examine()).fingerprint_sha256
    assert told in (None, await slot.served())


async def test_an_installed_pair_is_served(slot: Slot) -> None:
    """After install clients get the new leaf, and the target says so if it says anything."""
    await put(slot, 1)
    assert (await slot.target.examine()).fingerprint_sha256 in (None, slot.pair(1).fingerprint_sha256)


async def test_installing_again_is_one_installation(slot: Slot) -> None:
    """The same call once more, as after a crash, succeeds and leaves the slot as it is."""
    before = await put(slot, 1)
    held = await slot.target.examine()
    await put(slot, 1, before=before)
    assert await slot.target.examine() == held


async def test_a_pair_that_is_there_already_can_be_installed(slot: Slot) -> None:
    """A new deployment of what is served already succeeds."""
    await put(slot, 1)
    await put(slot, 1)


async def test_a_deployment_of_what_is_there_already_can_be_taken_back(slot: Slot) -> None:
    """The way back from a pair to itself is to go on serving it."""
    await put(slot, 1)
    before = await put(slot, 1)
    await take_back(slot, before, installed=1, known=1)
    assert await settled(slot, slot.pair(1).fingerprint_sha256) == slot.pair(1).fingerprint_sha256


async def test_the_later_of_two_installations_is_served(slot: Slot) -> None:
    """Each pair takes the place of the one before."""
    for number in (1, 2, 3):
        await put(slot, number)


async def test_the_pair_before_comes_back(slot: Slot) -> None:
    """roll_back after install lets clients have the pair before, and once more changes nothing."""
    await put(slot, 1)
    before = await put(slot, 2)
    for _ in range(2):
        await take_back(slot, before, installed=2, known=1)
        assert await settled(slot, slot.pair(1).fingerprint_sha256) == slot.pair(1).fingerprint_sha256


async def test_what_came_from_elsewhere_comes_back(slot: Slot) -> None:
    """The slot's first content, which is none of ours and may be nothing, is served again."""
    served = await slot.served()
    before = await put(slot, 1)
    for _ in range(2):
        await take_back(slot, before, installed=1, known=None)
        assert await settled(slot, served) == served


async def test_a_way_back_from_what_never_arrived_changes_nothing(slot: Slot) -> None:
    """roll_back without an install before it leaves served what is served."""
    await put(slot, 1)
    await take_back(slot, await examined(slot), installed=2, known=1)
    assert await settled(slot, slot.pair(1).fingerprint_sha256) == slot.pair(1).fingerprint_sha256


async def test_a_first_installation_that_never_arrived_changes_nothing(slot: Slot) -> None:
    """roll_back to content from elsewhere that is still there leaves it there."""
    served = await slot.served()
    await take_back(slot, await examined(slot), installed=1, known=None)
    assert await settled(slot, served) == served


async def test_after_the_way_back_the_same_pair_can_be_installed(slot: Slot) -> None:
    """A deployment that was taken back may be tried again."""
    await put(slot, 1)
    before = await put(slot, 2)
    await take_back(slot, before, installed=2, known=1)
    await put(slot, 2)


@pytest.mark.parametrize("seconds", BROKEN_OFF)
async def test_an_installation_that_is_broken_off_is_finished_by_the_next_call(slot: Slot, seconds: float) -> None:
    """A worker that goes away in the middle leaves nothing that the same call later stumbles over."""
    await put(slot, 1)
    before = await examined(slot)
    await broken_off(slot.target.install(slot.pair(2), before=before), seconds)
    await put(slot, 2, before=before)


@pytest.mark.parametrize("seconds", BROKEN_OFF)
async def test_an_installation_that_is_broken_off_can_be_taken_back(slot: Slot, seconds: float) -> None:
    """Whatever arrived of a pair, the way back leads to the one before."""
    await put(slot, 1)
    before = await examined(slot)
    await broken_off(slot.target.install(slot.pair(2), before=before), seconds)
    await take_back(slot, before, installed=2, known=1)
    assert await settled(slot, slot.pair(1).fingerprint_sha256) == slot.pair(1).fingerprint_sha256
    await put(slot, 3)


async def test_forgetting_keeps_what_is_served(slot: Slot) -> None:
    """What the slot held before goes, once or twice, and clients notice nothing."""
    await put(slot, 1)
    before = await put(slot, 2)
    for _ in range(2):
        await slot.target.forget(before)
    assert await slot.served() == slot.pair(2).fingerprint_sha256
    assert (await slot.target.examine()).fingerprint_sha256 in (None, slot.pair(2).fingerprint_sha256)


async def test_forgetting_never_takes_what_is_served(slot: Slot) -> None:
    """A slot that holds again what is to be forgotten keeps it."""
    await put(slot, 1)
    await slot.target.forget(await examined(slot))
    assert await slot.served() == slot.pair(1).fingerprint_sha256
    await put(slot, 2)


async def test_life_goes_on_after_forgetting(slot: Slot) -> None:
    """After forget a third pair is installed, and can be taken back."""
    await put(slot, 1)
    await slot.target.forget(await put(slot, 2))
    before = await put(slot, 3)
    await take_back(slot, before, installed=3, known=2)
    assert await settled(slot, slot.pair(2).fingerprint_sha256) == slot.pair(2).fingerprint_sha256


async def test_a_forgotten_pair_can_be_installed_again(slot: Slot) -> None:
    """Who goes back to an old certificate by a new deployment is served."""
    await put(slot, 1)
    await slot.target.forget(await put(slot, 2))
    await put(slot, 1)


async def test_a_key_that_is_not_the_leafs_is_refused(slot: Slot) -> None:
    """A mismatched pair is refused with a sentence without the key, what was served stays, and a good pair works."""
    await put(slot, 1)
    before, bad = await examined(slot), mismatched(name_of(slot))
    with pytest.raises(TargetRefused) as refused:
        await done(lambda: slot.target.install(bad, before=before))
    assert not any(line in refused.value.detail for line in bad.key_pem.splitlines())
    assert await slot.served() == slot.pair(1).fingerprint_sha256
    assert await examined(slot) == before
    await put(slot, 2)


async def test_a_refused_pair_can_be_taken_back(slot: Slot) -> None:
    """roll_back after a refusal leaves served what was served."""
    await put(slot, 1)
    before, bad = await examined(slot), mismatched(name_of(slot))
    with pytest.raises(TargetRefused):
        await done(lambda: slot.target.install(bad, before=before))
    await done(lambda: slot.target.roll_back(before, installed=bad, known=slot.pair(1)))
    assert await settled(slot, slot.pair(1).fingerprint_sha256) == slot.pair(1).fingerprint_sha256


async def test_a_check_of_a_sound_slot_finds_all_well(slot: Slot) -> None:
    """Every finding works, has a code and a sentence, and an install then succeeds as foretold."""
    findings = await slot.target.check()
    assert findings
    assert [finding for finding in findings if not (finding.works and finding.what and finding.detail)] == []
    await put(slot, 1)


async def test_a_check_changes_nothing(slot: Slot) -> None:
    """Trying out leaves the slot as it was, also when it is done twice."""
    await put(slot, 1)
    before = await slot.target.examine()
    first = await slot.target.check()
    assert await slot.target.check() == first
    assert await slot.target.examine() == before
    assert await slot.served() == slot.pair(1).fingerprint_sha256


async def test_what_is_remembered_of_a_slot_holds_no_key(slot: Slot) -> None:
    """A standing goes into a payload, so no line of a private key is in it."""
    await put(slot, 1)
    told = (await slot.target.examine()).model_dump_json()
    assert not any(line in told for line in slot.pair(1).key_pem.splitlines())


def test_a_material_never_shows_its_key() -> None:
    """The key is in no log line that shows the material."""
    material: Material = pair("www.example.com")
    assert not any(line in f"{material!r} {material}" for line in material.key_pem.splitlines())
