"""A worker that was killed at any moment of a deployment to HAProxy: going on and going back both end well."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from certloom.domain.errors import Outage
from certloom.targets.haproxy import HaproxyTarget
from certloom.targets.interface import Standing
from certloom.targets.pem import one_file
from tests.targets.haproxy_slot import FOREIGN, NAME, Haproxy, haproxy
from tests.targets.pairs import pair

NEW = "new.example.com"
Step = Callable[[], Awaitable[None]]


@pytest.fixture
async def process(tmp_path: Path) -> AsyncIterator[Haproxy]:
    async with haproxy(tmp_path, NAME) as started:
        yield started


def steps(process: Haproxy, name: str, before: Standing) -> Sequence[Step]:
    """Everything that an installation does, one by one."""
    target, path, pem = process.target(name), process.path(name), one_file(pair(name, 1))
    files, api = target._files, target._memory.api
    assert files
    on_disk = files.file

    async def disk(work: Callable[[], object]) -> None:
        await asyncio.to_thread(work)

    memory: list[Step] = [lambda: api.offer(path, pem), lambda: api.commit(path)]
    replace: list[Step] = [
        lambda: disk(lambda: on_disk.with_name(f".{on_disk.name}.new").replace(on_disk)),
    ]
    if name == NAME:
        copy: Step = lambda: disk(lambda: files.copy(before.facts["file"]))  # noqa: E731 - beside the others
        return [copy, lambda: disk(lambda: files.stage(pem)), *memory, *replace]
    return [
        lambda: disk(lambda: files.stage(pem)),
        lambda: api.create(path),
        *memory,
        lambda: api.bind(str(process.crt_list), path),
        *replace,
    ]


async def killed_after(process: Haproxy, name: str, count: int) -> tuple[HaproxyTarget, Standing]:
    """Do the first steps of an installation and no more; return a new worker's slot, and what it was told."""
    target = process.target(name)
    before = await target.examine()
    for step in steps(process, name, before)[:count]:
        await step()
    return target, before


MOMENTS = [(NAME, count) for count in range(6)] + [(NEW, count) for count in range(7)]


@pytest.mark.parametrize(("name", "count"), MOMENTS)
async def test_the_same_call_goes_on_to_the_end(process: Haproxy, name: str, count: int) -> None:
    """From every partial state an install ends in one certificate, served now and after a restart, bound once."""
    target, before = await killed_after(process, name, count)

    await target.install(pair(name, 1), before=before)

    assert await process.served(name) == pair(name, 1).fingerprint_sha256
    assert process.crt_list.read_text().splitlines().count(process.path(name)) == 1
    assert len(await target._memory.api.lines(str(process.crt_list), process.path(name)) or ()) == 1
    await process.restart()
    assert await process.served(name) == pair(name, 1).fingerprint_sha256
    assert list(process.certs.glob(".*")) == []


@pytest.mark.parametrize(("name", "count"), MOMENTS)
async def test_the_way_back_starts_anywhere(process: Haproxy, name: str, count: int) -> None:
    """From every partial state a roll-back restores memory and disk, so that no restart brings the new one up."""
    served = pair(NAME, FOREIGN).fingerprint_sha256 if name == NAME else None
    target, before = await killed_after(process, name, count)

    await target.roll_back(before, installed=pair(name, 1), known=None)

    assert await target.examine() == before
    assert await process.served(name) == served
    assert await process.say(f"abort ssl cert {process.path(name)}\n") == "No ongoing transaction!\n\n"
    await process.restart()
    assert await process.served(name) == served
    assert list(process.certs.glob(".*")) == []


async def test_a_restart_between_memory_and_disk_costs_nothing(process: Haproxy) -> None:
    """When HAProxy itself forgot what was committed, the same call installs it again."""
    target, before = await killed_after(process, NEW, 5)
    await process.restart()

    await target.install(pair(NEW, 1), before=before)

    assert await process.served(NEW) == pair(NEW, 1).fingerprint_sha256


async def test_a_deployment_after_one_that_was_killed_and_given_up(process: Haproxy) -> None:
    """What a forgotten deployment left in memory alone is no obstacle for the next, and has a way back."""
    await killed_after(process, NAME, 4)
    target = process.target(NAME)
    before = await target.examine()
    await target.install(pair(NAME, 2), before=before)

    await target.roll_back(before, installed=pair(NAME, 2), known=None)

    assert await process.served(NAME) == pair(NAME, FOREIGN).fingerprint_sha256


async def test_a_restart_before_the_way_back_costs_nothing(process: Haproxy) -> None:
    """When HAProxy has started from the new file meanwhile, the pair before is put back all the same."""
    target, before = await killed_after(process, NAME, 5)
    await process.restart()
    assert await process.served(NAME) == pair(NAME, 1).fingerprint_sha256

    await target.roll_back(before, installed=pair(NAME, 1), known=None)

    assert await process.served(NAME) == pair(NAME, FOREIGN).fingerprint_sha256


@pytest.mark.parametrize("name", [NAME, NEW])
async def test_a_process_that_is_down_is_helped_by_the_way_back(process: Haproxy, name: str) -> None:
    """The disk is restored although nobody answers, so that the next start serves what was served before."""
    target = process.target(name)
    before, served = await target.examine(), await process.served(name)
    await target.install(pair(name, 1), before=before)
    await process.stop()

    with pytest.raises(Outage):
        await target.roll_back(before, installed=pair(name, 1), known=None)
    await process.start()

    assert await process.served(name) == served
    await target.roll_back(before, installed=pair(name, 1), known=None)
    assert await target.examine() == before
