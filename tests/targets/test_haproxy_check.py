"""What a check of a HAProxy slot finds, and says to whoever has to mend it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from certloom.targets.haproxy import HaproxyTarget
from tests.targets.haproxy_slot import NAME, Haproxy, haproxy

NEW = "new.example.com"


@pytest.fixture
async def process(tmp_path: Path) -> AsyncIterator[Haproxy]:
    async with haproxy(tmp_path, NAME) as started:
        yield started


async def failures(target: HaproxyTarget) -> dict[str, str]:
    return {finding.what: finding.detail for finding in await target.check() if not finding.works}


@pytest.mark.parametrize("name", [NAME, NEW])
async def test_a_sound_slot_has_no_failures(process: Haproxy, name: str) -> None:
    """A file that is served and one that would be added are both fine."""
    found = await process.target(name).check()

    assert {finding.what for finding in found} == {"folder", "socket", "level", "file", "crt_list"}
    assert await failures(process.target(name)) == {}


@pytest.mark.parametrize("level", ["operator", "user"])
async def test_a_socket_without_the_right_is_found(process: Haproxy, level: str) -> None:
    """The sentence names the level that the socket has and the one it needs."""
    found = await failures(process.target(NAME, level=level))

    assert list(found) == ["level"]
    assert f"has `level {level}`; certificates need `level admin`" in found["level"]


async def test_a_missing_socket_is_found(process: Haproxy) -> None:
    """A process that is not there is a finding, not an exception."""
    found = await failures(process.target(NAME, level="none"))

    assert list(found) == ["socket"]
    assert found["socket"].endswith("cannot be reached: No such file or directory.")


async def test_a_process_that_was_stopped_is_found(process: Haproxy) -> None:
    """A stale socket file is told from one that answers."""
    target = process.target(NAME)
    await process.stop()

    assert list(await failures(target)) == ["socket"]


async def test_a_file_that_nothing_binds_is_found(process: Haproxy) -> None:
    """Without a crt_list an unknown file is a failure, before anything was tried."""
    assert list(await failures(process.target(NEW, bind=False))) == ["file"]


async def test_a_crt_list_that_is_gone_is_found(process: Haproxy) -> None:
    """A list that HAProxy has in memory and the disk no longer has would not survive a restart."""
    process.crt_list.unlink()

    assert await failures(process.target(NAME)) == {"folder": f"There is no crt-list {process.crt_list}."}


async def test_a_folder_that_is_gone_is_found(process: Haproxy) -> None:
    """A missing folder is named."""
    process.certs.rename(process.folder / "elsewhere")

    assert await failures(process.target(NAME)) == {"folder": f"There is no folder {process.certs}."}
