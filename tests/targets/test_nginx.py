"""nginx on this machine: a real one with a generated configuration."""

import asyncio
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from certloom.domain.errors import Outage
from certloom.domain.target import NginxSettings
from certloom.targets.interface import Exclusive, Standing, TargetRefused
from certloom.targets.machine_local import LocalMachine
from certloom.targets.nginx import NginxTarget, NotRunning, host_nginx
from certloom.targets.nginx_versions import version_of
from tests.targets.nginx_slot import HOST, NAME, Nginx
from tests.targets.nginx_steps import SEED, files, held, put, settled, versions
from tests.targets.pairs import mismatched, pair


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


async def test_certificate_and_key_change_in_one_step(nginx: Nginx) -> None:
    """Whoever reads both files while pairs come and go gets two that belong together."""
    target, seen = nginx.target(), set()

    async def install_all() -> None:
        for number in (1, 2, 1, 2):
            await put(target, pair(NAME, number))

    work = asyncio.ensure_future(install_all())
    while not work.done():
        seen.add(held(nginx))
        await asyncio.sleep(0.001)
    await work
    assert seen <= {files(SEED), files(pair(NAME, 1)), files(pair(NAME, 2))}
    assert len(seen) > 1


async def test_a_key_of_another_leaf_leaves_the_served_pair_alone(nginx: Nginx) -> None:
    """A mismatch is refused with nginx's words in one line, also for a leaf that is served, and leaves no file."""
    target, bad = nginx.target(), mismatched(NAME)
    for good in (SEED, pair(NAME, 901)):
        if good != SEED:
            await put(target, good)
            assert await settled(nginx, good)
        before, there = await target.examine(), versions(nginx)
        with pytest.raises(TargetRefused, match="key values mismatch") as refused:
            await target.install(bad, before=before)
        assert refused.value.detail.isprintable()
        assert (held(nginx), versions(nginx)) == (files(good), there)
        await nginx.restart()
        assert await nginx.served() == good.fingerprint_sha256


async def test_a_configuration_that_is_broken_elsewhere_is_not_touched(nginx: Nginx) -> None:
    """With a broken line in another site nothing is changed, the sentence says whose fault it is, no reload comes."""
    nginx.site("zz.example.com").write_text("server { listn 80; }")
    before = await nginx.target().examine()
    with pytest.raises(TargetRefused, match=r"broken without us.*unknown directive .listn"):
        await nginx.target().install(pair(NAME, 1), before=before)
    assert (await nginx.target().examine(), versions(nginx)) == (before, set())
    await nginx.target().roll_back(before, installed=pair(NAME, 1), known=None)
    assert await nginx.served() == SEED.fingerprint_sha256


async def test_an_nginx_that_does_not_run_is_an_outage(nginx: Nginx) -> None:
    """The pair is in place, so that the next start serves it; until then the call says that nothing serves."""
    await nginx.stop()
    with pytest.raises(NotRunning, match="does not run"):
        await put(nginx.target(), pair(NAME, 1))
    await nginx.start()
    assert await nginx.served() == pair(NAME, 1).fingerprint_sha256


async def test_the_first_pair_of_an_empty_slot_is_served(empty: Nginx) -> None:
    """A configuration that fails only because the pair is not there yet becomes sound with it."""
    assert await empty.target().examine() == Standing()
    await put(empty.target(), pair(NAME, 1))
    assert await settled(empty, pair(NAME, 1))


async def test_a_bad_first_pair_leaves_the_slot_empty(empty: Nginx) -> None:
    """A mismatch in an empty slot is refused, and taking it back finds nothing to do."""
    with pytest.raises(TargetRefused, match="key values mismatch"):
        await put(empty.target(), mismatched(NAME))
    await empty.target().roll_back(Standing(), installed=mismatched(NAME), known=None)
    assert (await empty.target().examine(), versions(empty)) == (Standing(), set())


async def test_files_that_were_left_damaged_are_replaced(nginx: Nginx) -> None:
    """A half-written version of the same pair, open to others, is made complete and private."""
    version = nginx.slot() / version_of(pair(NAME, 1))
    version.mkdir(parents=True)
    (version / "privkey.pem").write_text(pair(NAME, 1).key_pem)
    (version / "privkey.pem").chmod(0o644)
    (version / "fullchain.pem").write_text("half")
    await put(nginx.target(), pair(NAME, 1))
    assert held(nginx) == files(pair(NAME, 1))
    assert stat.S_IMODE((version / "privkey.pem").stat().st_mode) == 0o600


async def test_only_the_owner_reads_what_we_write(nginx: Nginx) -> None:
    """Both files have mode 0600 and their folders 0700, whatever the mask is."""
    mask = os.umask(0)
    try:
        await put(nginx.target(), pair(NAME, 1))
    finally:
        os.umask(mask)
    version = nginx.slot() / version_of(pair(NAME, 1))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (version.parent, *version.parent.rglob("*"))}
    assert modes == {"versions": 0o700, version.name: 0o700, "fullchain.pem": 0o600, "privkey.pem": 0o600}


async def test_a_folder_in_the_place_of_the_link_is_refused(nginx: Nginx) -> None:
    """Whoever made `current` a folder is told the two commands that make it a link."""
    (nginx.slot() / "current").unlink()
    (nginx.folder / "own" / NAME).rename(nginx.slot() / "current")
    for call in (nginx.target().examine(), nginx.target().install(pair(NAME, 1), before=Standing())):
        with pytest.raises(TargetRefused, match="ln -s original"):
            await call
    assert held(nginx) == files(SEED)


def outside(nginx: Nginx, kind: str) -> Path:
    """A folder that a targets file does not allow, by one of the ways to get there."""
    elsewhere = nginx.folder / "elsewhere"
    elsewhere.mkdir()
    if kind == "plain":
        return elsewhere / "site"
    if kind == "parent":
        (nginx.slots / "parent").symlink_to(elsewhere)
        return nginx.slots / "parent" / "site"
    if kind == "itself":
        (nginx.slots / "itself").symlink_to(elsewhere)
        return nginx.slots / "itself"
    if kind == "circle":
        (nginx.slots / "circle").symlink_to(nginx.slots / "circle")
        return nginx.slots / "circle"
    return nginx.slots


@pytest.mark.parametrize("kind", ["plain", "parent", "itself", "circle", "whole"])
def test_a_folder_outside_the_allowed_ones_is_refused(tmp_path: Path, kind: str) -> None:
    """Neither a path, nor a link on its way or at its end, nor the allowed folder as a whole opens a slot."""
    nginx = Nginx(tmp_path / "nginx", [])
    with pytest.raises(TargetRefused, match=r"outside the folders|cannot be followed"):
        host_nginx(NginxSettings(host=HOST, folder=str(outside(nginx, kind))), nginx.allowed)


async def test_versions_behind_a_link_are_refused(nginx: Nginx) -> None:
    """A link in the place of `versions` would lead our keys elsewhere, so nothing is written there."""
    (nginx.folder / "elsewhere").mkdir()
    (nginx.slot() / "versions").symlink_to(nginx.folder / "elsewhere")
    with pytest.raises(TargetRefused, match="is no folder"):
        await put(nginx.target(), pair(NAME, 1))
    assert list((nginx.folder / "elsewhere").iterdir()) == []


async def test_a_check_says_what_is_missing(tmp_path: Path) -> None:
    """A folder without a parent, a real folder for the link, a site that reads another file: each has a sentence."""
    nginx = Nginx(tmp_path / "nginx", [NAME])
    assert [finding.what for finding in await nginx.target().check() if not finding.works] == []
    nginx.site(NAME).write_text("# " + nginx.site(NAME).read_text().replace("\n", " "))
    (nginx.slot() / "current").unlink()
    (nginx.slot() / "current").mkdir()
    bad = {finding.what: finding.detail for finding in await nginx.target().check() if not finding.works}
    assert bad.keys() == {"link", "configuration"}
    assert f"ssl_certificate {nginx.slot()}/current/fullchain.pem;" in bad["configuration"]
    gone = await nginx.target("a/b").check()
    assert {finding.what for finding in gone if not finding.works} == {"folder", "configuration"}


async def test_a_command_that_is_not_there_is_named(nginx: Nginx) -> None:
    """A wrong command in the targets file is refused by name, with nothing changed."""
    target = NginxTarget(LocalMachine(HOST), folder=str(nginx.slot()), command=("/nowhere/nginx",), exclusive_key="one")
    with pytest.raises(TargetRefused, match=r"`/nowhere/nginx -t` cannot be run"):
        await put(target, pair(NAME, 1))
    assert held(nginx) == files(SEED)


async def test_a_command_that_hangs_is_an_outage(nginx: Nginx) -> None:
    """A command that does not end is killed after its time."""
    machine = LocalMachine(HOST, seconds=0.05)
    with pytest.raises(Outage, match="did not end"):
        await machine.run(("/bin/sleep", "60"))


async def test_a_refused_reload_puts_back_what_was_there(nginx: Nginx, tmp_path: Path) -> None:
    """Where the test works and the reload is not allowed, the link is back and the words are shown."""
    script = tmp_path / "nginx.sh"
    script.write_text(
        '#!/bin/sh\n[ "$1" = -t ] && exit 0\nprintf "nginx: [alert] kill(1, 1) failed \\033[1m(1: no)" >&2; exit 1\n'
    )
    script.chmod(0o755)
    target = NginxTarget(LocalMachine(HOST), folder=str(nginx.slot()), command=(str(script),), exclusive_key="one")
    with pytest.raises(TargetRefused, match="cannot be reloaded") as refused:
        await put(target, pair(NAME, 1))
    assert refused.value.detail.isprintable()
    assert (held(nginx), versions(nginx)) == (files(SEED), set())


def test_all_slots_of_one_nginx_exclude_each_other(tmp_path: Path) -> None:
    """Two slots of one instance have one key, because a test of the configuration looks at both."""
    nginx = Nginx(tmp_path / "nginx", ["a.example.com", "b.example.com"])
    first, second = nginx.target("a.example.com"), nginx.target("b.example.com")
    assert isinstance(first, Exclusive)
    assert first.exclusive_key == second.exclusive_key == f"nginx:{HOST}:main"


async def test_many_names_of_one_nginx_change_one_by_one(tmp_path: Path) -> None:
    """Each name gets its own pair, and the others keep theirs."""
    names = [f"s{number}.example.com" for number in range(4)]
    async with Nginx(tmp_path / "nginx", names) as nginx:
        for name in names[:2]:
            await put(nginx.target(name), pair(name, 1))
        assert all([await settled(nginx, pair(name, 1), name) for name in names[:2]])
        assert all([await settled(nginx, pair(name, 100), name) for name in names[2:]])
