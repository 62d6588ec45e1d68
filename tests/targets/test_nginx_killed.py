"""A worker that drives nginx and is killed ahead of every call that it makes to the machine."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from certloom.targets.interface import TargetRefused
from certloom.targets.machine_local import LocalMachine
from certloom.targets.nginx_versions import version_of
from tests.targets.nginx_slot import HOST, NAME, Nginx
from tests.targets.nginx_steps import SEED, Killed, Mortal, files, held, mortal, over, put, settled, versions
from tests.targets.pairs import mismatched, pair

INSTALL, ROLL_BACK, FORGET = 20, 8, 9  # calls of each to the machine, counted in a test below


@pytest.fixture
async def nginx(tmp_path: Path) -> AsyncIterator[Nginx]:
    async with Nginx(tmp_path / "nginx") as running:
        yield running


async def test_the_calls_of_each_step_are_as_many_as_are_tried_below(nginx: Nginx) -> None:
    """Install, way back and forgetting take no more calls of the machine than the tests kill at."""
    machine = Mortal(LocalMachine(HOST))
    target = over(machine, nginx)
    counts = []
    for number in (1, 2, 3):
        before = await target.examine()
        machine.calls = 0
        await target.install(pair(NAME, number), before=before)
        counts.append(machine.calls)
    machine.calls = 0
    await target.forget(before)
    forget, machine.calls = machine.calls, 0
    await target.roll_back(before, installed=pair(NAME, 3), known=None)
    assert (max(counts), machine.calls, forget) == (INSTALL, ROLL_BACK, FORGET)


@pytest.mark.parametrize("life", range(INSTALL))
async def test_an_install_that_was_killed_is_done_again(nginx: Nginx, life: int) -> None:
    """Killed at any step the slot holds one whole pair, and the same call once more ends in the new one."""
    before, new = await nginx.target().examine(), pair(NAME, 1)
    with pytest.raises(Killed):
        await mortal(nginx, life).install(new, before=before)
    assert held(nginx) in (files(SEED), files(new))
    await nginx.target().install(new, before=before)
    assert held(nginx) == files(new)
    assert await settled(nginx, new)
    assert [path.name for path in nginx.slot().rglob("*.new")] == []


@pytest.mark.parametrize("life", range(INSTALL))
async def test_an_install_that_was_killed_is_taken_back(nginx: Nginx, life: int) -> None:
    """Killed at any step, and then taken back, the slot holds and serves what it held before."""
    before, new = await nginx.target().examine(), pair(NAME, 1)
    with pytest.raises(Killed):
        await mortal(nginx, life).install(new, before=before)
    for _ in range(2):
        await nginx.target().roll_back(before, installed=new, known=None)
    assert await nginx.target().examine() == before
    assert await settled(nginx, SEED)


@pytest.mark.parametrize("life", range(ROLL_BACK))
async def test_a_way_back_that_was_killed_is_gone_again(nginx: Nginx, life: int) -> None:
    """A roll_back killed at any step is finished by the next one."""
    before = await put(nginx.target(), pair(NAME, 1))
    with pytest.raises(Killed):
        await mortal(nginx, life).roll_back(before, installed=pair(NAME, 1), known=None)
    assert held(nginx) in (files(SEED), files(pair(NAME, 1)))
    await nginx.target().roll_back(before, installed=pair(NAME, 1), known=None)
    assert await nginx.target().examine() == before
    assert await settled(nginx, SEED)


@pytest.mark.parametrize("life", range(FORGET))
async def test_a_forgetting_that_was_killed_is_done_again(nginx: Nginx, life: int) -> None:
    """A forget killed at any step leaves what is served, and is finished by the next one."""
    target = nginx.target()
    for number in (1, 2, 3):
        before = await put(target, pair(NAME, number))
    with pytest.raises(Killed):
        await mortal(nginx, life).forget(before)
    assert held(nginx) == files(pair(NAME, 3))
    await target.forget(before)
    assert versions(nginx) == {version_of(pair(NAME, number)) for number in (2, 3)}


async def test_a_mismatch_that_a_killed_worker_left_is_put_back(nginx: Nginx) -> None:
    """Killed between swap and test, the next call finds the mismatch and puts back what was there before it."""
    before, bad = await nginx.target().examine(), mismatched(NAME)
    machine = Mortal(LocalMachine(HOST), INSTALL - 2)
    with pytest.raises(Killed, match="run"):
        await over(machine, nginx).install(bad, before=before)
    assert held(nginx) == files(bad)
    with pytest.raises(TargetRefused, match="key values mismatch"):
        await nginx.target().install(bad, before=before)
    assert await nginx.target().examine() == before
