"""The ways back of nginx, and what is forgotten when none is needed."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from certloom.domain.errors import Outage
from certloom.targets.interface import Standing, TargetRefused
from certloom.targets.nginx_versions import version_of
from tests.targets.nginx_slot import NAME, Nginx
from tests.targets.nginx_steps import SEED, files, held, put, settled, versions
from tests.targets.pairs import pair


@pytest.fixture
async def nginx(tmp_path: Path) -> AsyncIterator[Nginx]:
    async with Nginx(tmp_path / "nginx") as running:
        yield running


@pytest.fixture
async def empty(tmp_path: Path) -> AsyncIterator[Nginx]:
    """An nginx that runs, and whose configuration was written for a pair that is yet to come."""
    running = Nginx(tmp_path / "nginx", [])
    running.add("other.example.com")
    async with running:
        running.add(NAME, seeded=False)
        yield running


async def test_a_way_back_waits_for_a_configuration_that_is_broken_elsewhere(nginx: Nginx) -> None:
    """The link is back at once, an outage says what nginx finds wrong, and the same call works when it is mended."""
    before = await put(nginx.target(), pair(NAME, 1))
    nginx.site("zz.example.com").write_text("server { listn 80; }")
    with pytest.raises(Outage, match="listn"):
        await nginx.target().roll_back(before, installed=pair(NAME, 1), known=None)
    assert held(nginx) == files(SEED)
    nginx.site("zz.example.com").unlink()
    await nginx.target().roll_back(before, installed=pair(NAME, 1), known=None)
    assert await settled(nginx, SEED)


async def test_a_way_back_that_nginx_refuses_leaves_the_new_pair(nginx: Nginx) -> None:
    """When the pair before was damaged meanwhile, nginx stays able to start with the new one."""
    before = await put(nginx.target(), pair(NAME, 1))
    assert await settled(nginx, pair(NAME, 1))
    (nginx.folder / "own" / NAME / "privkey.pem").write_text("nothing")
    with pytest.raises(TargetRefused, match="no way back"):
        await nginx.target().roll_back(before, installed=pair(NAME, 1), known=None)
    await nginx.restart()
    assert await nginx.served() == pair(NAME, 1).fingerprint_sha256


async def test_the_way_back_needs_no_running_nginx(nginx: Nginx) -> None:
    """Taken back while nginx is down, its next start serves the pair before."""
    before = await put(nginx.target(), pair(NAME, 1))
    await nginx.stop()
    await nginx.target().roll_back(before, installed=pair(NAME, 1), known=None)
    await nginx.start()
    assert await nginx.served() == SEED.fingerprint_sha256


async def test_the_only_pair_of_a_configured_slot_cannot_be_taken_back(empty: Nginx) -> None:
    """Without the pair nginx could not start any more, so it stays, and whoever asked is told, each time."""
    await put(empty.target(), pair(NAME, 1))
    for _ in range(2):
        with pytest.raises(TargetRefused, match="no way back"):
            await empty.target().roll_back(Standing(), installed=pair(NAME, 1), known=None)
    await empty.restart()
    assert await empty.served() == pair(NAME, 1).fingerprint_sha256


async def test_a_slot_that_no_configuration_names_is_emptied_again(empty: Nginx) -> None:
    """When nginx is sound without the pair, the way back to an empty slot is open, also twice."""
    await put(empty.target(), pair(NAME, 1))
    empty.site(NAME).unlink()
    for _ in range(2):
        await empty.target().roll_back(Standing(), installed=pair(NAME, 1), known=None)
    assert await empty.target().examine() == Standing()


async def test_a_lost_version_of_ours_is_written_again(nginx: Nginx) -> None:
    """The way back to a pair that we know is open, although somebody removed its files."""
    await put(nginx.target(), pair(NAME, 1))
    before = await put(nginx.target(), pair(NAME, 2))
    version = nginx.slot() / version_of(pair(NAME, 1))
    (version / "privkey.pem").unlink()
    await nginx.target().roll_back(before, installed=pair(NAME, 2), known=pair(NAME, 1))
    assert held(nginx) == files(pair(NAME, 1))
    assert await settled(nginx, pair(NAME, 1))


async def test_a_lost_pair_from_elsewhere_leaves_no_way_back(nginx: Nginx) -> None:
    """A folder that the operator removed is named, and the new pair stays in place."""
    before = await put(nginx.target(), pair(NAME, 1))
    (nginx.folder / "own" / NAME).rename(nginx.folder / "away")
    with pytest.raises(TargetRefused, match="is gone"):
        await nginx.target().roll_back(before, installed=pair(NAME, 1), known=None)
    assert held(nginx) == files(pair(NAME, 1))


async def test_forgetting_keeps_the_pair_before(nginx: Nginx) -> None:
    """The served pair and the one directly before it stay; older ones go, and what is not ours stays."""
    stranger = nginx.slot() / "versions" / "by-hand"
    for number in (1, 2, 3):
        before = await put(nginx.target(), pair(NAME, number))
    stranger.mkdir()
    (nginx.slot() / version_of(pair(NAME, 1)) / "note.txt").write_text("keep me")
    await nginx.target().forget(before)
    assert versions(nginx) == {"versions/by-hand", *(version_of(pair(NAME, number)) for number in (1, 2, 3))}
    assert [path.name for path in (nginx.slot() / version_of(pair(NAME, 1))).iterdir()] == ["note.txt"]


async def test_forgetting_does_nothing_while_somebody_elses_pair_is_served(nginx: Nginx) -> None:
    """An operator who went back to a folder of their own by hand finds every version of ours still there."""
    for number in (1, 2):
        before = await put(nginx.target(), pair(NAME, number))
    (nginx.slot() / "current").unlink()
    (nginx.slot() / "current").symlink_to(nginx.folder / "own" / NAME)
    await nginx.target().forget(before)
    assert len(versions(nginx)) == 2


async def test_the_link_from_elsewhere_is_remembered_word_by_word(nginx: Nginx) -> None:
    """A relative link into an operator's folder comes back as it was written."""
    (nginx.slot() / "current").unlink()
    (nginx.slot() / "current").symlink_to(f"../../own/./{NAME}")
    before = await put(nginx.target(), pair(NAME, 1))
    await nginx.target().roll_back(before, installed=pair(NAME, 1), known=None)
    assert os.readlink(nginx.slot() / "current") == f"../../own/./{NAME}"  # noqa: PTH115 (word by word)
    assert before.fingerprint_sha256 == SEED.fingerprint_sha256
