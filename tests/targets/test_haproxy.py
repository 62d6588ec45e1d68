"""Slots of a real HAProxy with their files: what is served now, and what will be after a restart."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from certloom.domain.errors import Outage
from certloom.domain.target import HaproxySettings
from certloom.targets.haproxy import HaproxyTarget, host_haproxy
from certloom.targets.haproxy_api import RuntimeApi
from certloom.targets.haproxy_memory import SlotMemory
from certloom.targets.interface import Exclusive, Material, Standing
from certloom.targets.pem import one_file
from tests.targets.haproxy_slot import FOREIGN, NAME, PROGRAM, Haproxy, haproxy, mode
from tests.targets.pairs import pair

OTHER = "other.example.com"
NEW = "new.example.com"


@pytest.fixture
async def process(tmp_path: Path) -> AsyncIterator[Haproxy]:
    async with haproxy(tmp_path, NAME, OTHER) as started:
        yield started


def file_of(process: Haproxy, name: str) -> Path:
    return Path(process.path(name))


def lines(process: Haproxy) -> list[str]:
    return process.crt_list.read_text().splitlines()


def leftovers(process: Haproxy) -> list[Path]:
    return [path for folder in (process.certs, process.folder) for path in folder.glob(".*.new")]


async def put(target: HaproxyTarget, material: Material) -> Standing:
    before = await target.examine()
    await target.install(material, before=before)
    return before


async def test_what_was_installed_survives_a_restart(process: Haproxy) -> None:
    """Memory changes at once, and the file on disk holds the same for the next start."""
    await put(process.target(NAME), pair(NAME, 1))
    assert await process.served(NAME) == pair(NAME, 1).fingerprint_sha256

    await process.restart()

    assert await process.served(NAME) == pair(NAME, 1).fingerprint_sha256
    assert await process.served(OTHER) == pair(OTHER, FOREIGN).fingerprint_sha256
    assert leftovers(process) == []


async def test_a_new_file_is_bound_once_and_survives_a_restart(process: Haproxy) -> None:
    """A path that HAProxy has never heard of is added to the crt-list, in memory and on disk, without doubles."""
    target = process.target(NEW)
    for number in (1, 1, 2):
        await put(target, pair(NEW, number))

    assert lines(process).count(process.path(NEW)) == 1
    assert await target._memory.api.lines(str(process.crt_list), process.path(NEW)) == ("3",)
    await process.restart()
    assert await process.served(NEW) == pair(NEW, 2).fingerprint_sha256


async def test_a_new_file_in_a_folder_needs_no_line(tmp_path: Path) -> None:
    """Where HAProxy loads a whole folder, that folder stands for the crt-list, and there is a way back as well."""
    async with haproxy(tmp_path, NAME, by_folder=True) as process:
        target = process.target(NEW)
        before = await put(target, pair(NEW, 1))
        await process.restart()
        assert await process.served(NEW) == pair(NEW, 1).fingerprint_sha256

        await target.roll_back(before, installed=pair(NEW, 1), known=None)

        assert await process.served(NEW) is None
        assert [path.name for path in process.certs.iterdir()] == [f"{NAME}.pem"]


async def test_rights_of_the_file_are_kept(process: Haproxy) -> None:
    """A group that could read the old file can read the new one; a new file is for its owner alone."""
    file_of(process, NAME).chmod(0o640)

    await put(process.target(NAME), pair(NAME, 1))
    await put(process.target(NEW), pair(NEW, 1))

    assert (mode(file_of(process, NAME)), mode(file_of(process, NEW))) == (0o640, 0o600)


async def test_the_copy_for_the_way_back_is_ours_alone(process: Haproxy) -> None:
    """What was replaced is kept byte by byte where nobody else can read it, until it is forgotten."""
    old = file_of(process, NAME).read_bytes()
    target = process.target(NAME)
    before = await put(target, pair(NAME, 1))

    (copy,) = process.keep.iterdir()
    assert (mode(process.keep), mode(copy), copy.read_bytes()) == (0o700, 0o600, old)

    for _ in range(2):
        await target.forget(before)
    assert list(process.keep.iterdir()) == []


async def test_what_came_from_elsewhere_is_put_back_byte_by_byte(process: Haproxy) -> None:
    """The way back restores memory, and the file with its comments and rights; twice is fine."""
    file = file_of(process, NAME)
    file.chmod(0o644)
    old, target = file.read_bytes(), process.target(NAME)
    before = await put(target, pair(NAME, 1))

    for _ in range(2):
        await target.roll_back(before, installed=pair(NAME, 1), known=None)

    assert (file.read_bytes(), mode(file)) == (old, 0o644)
    assert await process.served(NAME) == pair(NAME, FOREIGN).fingerprint_sha256
    await process.restart()
    assert await process.served(NAME) == pair(NAME, FOREIGN).fingerprint_sha256
    assert await target.examine() == before


async def test_memory_that_somebody_else_changed_is_put_back_from_the_file(process: Haproxy) -> None:
    """Before anything was installed there is no copy, and the untouched file serves as well."""
    target = process.target(NAME)
    before = await target.examine()
    await process.say(f"set ssl cert {process.path(NAME)} <<\n{one_file(pair(NAME, 5))}\n")
    await process.say(f"commit ssl cert {process.path(NAME)}\n")

    await target.roll_back(before, installed=pair(NAME, 1), known=None)

    assert await process.served(NAME) == pair(NAME, FOREIGN).fingerprint_sha256


async def test_a_pair_of_ours_needs_no_copy(process: Haproxy) -> None:
    """When the copy is gone and the pair before is one of ours, both memory and disk get it back."""
    target = process.target(NAME)
    await put(target, pair(NAME, 1))
    before = await put(target, pair(NAME, 2))
    await target.forget(before)

    await target.roll_back(before, installed=pair(NAME, 2), known=pair(NAME, 1))

    await process.restart()
    assert await process.served(NAME) == pair(NAME, 1).fingerprint_sha256


async def test_the_way_back_from_a_new_file_leaves_no_trace(process: Haproxy) -> None:
    """A slot that was empty before is empty again: no entry, no line, no file, no certificate; and HAProxy starts."""
    target, old = process.target(NEW), lines(process)
    before = await put(target, pair(NEW, 1))

    for _ in range(2):
        await target.roll_back(before, installed=pair(NEW, 1), known=None)

    assert (await target.examine(), lines(process)) == (before, old)
    assert not file_of(process, NEW).exists()
    await process.restart()
    assert await process.served(NEW) is None
    assert await process.served(NAME) == pair(NAME, FOREIGN).fingerprint_sha256


async def test_the_way_back_leaves_what_somebody_else_put_there(process: Haproxy) -> None:
    """A certificate and a file that are not what we installed are not removed."""
    target = process.target(NEW)
    before = await target.examine()
    await put(process.target(NEW), pair(NEW, 7))

    await target.roll_back(before, installed=pair(NEW, 1), known=None)

    assert await process.served(NEW) == pair(NEW, 7).fingerprint_sha256
    assert file_of(process, NEW).read_text() == one_file(pair(NEW, 7))


async def test_what_is_installed_already_costs_no_transaction(process: Haproxy) -> None:
    """When memory and disk hold it, neither the file nor somebody else's open transaction is touched."""
    target, file = process.target(NAME), file_of(process, NAME)
    before = await put(target, pair(NAME, 1))
    written = file.stat().st_ino
    await process.say(f"set ssl cert {process.path(OTHER)} <<\n{one_file(pair(OTHER, 1))}\n")

    await target.install(pair(NAME, 1), before=before)

    assert "Serial" in await process.say(f"show ssl cert *{process.path(OTHER)}\n")
    assert file.stat().st_ino == written


async def test_a_transaction_that_was_left_behind_is_dropped(process: Haproxy) -> None:
    """Somebody's stale transaction for another path neither stops us nor gets our pair."""
    await process.say(f"set ssl cert {process.path(OTHER)} <<\n{one_file(pair(OTHER, 1))}\n")

    await put(process.target(NAME), pair(NAME, 1))

    assert await process.served(NAME) == pair(NAME, 1).fingerprint_sha256
    assert await process.served(OTHER) == pair(OTHER, FOREIGN).fingerprint_sha256


async def test_slots_of_one_process_go_one_after_the_other(process: Haproxy) -> None:
    """All slots of a process name the same key, and under that lock each ends with its own certificate."""
    names = [f"n{number}.example.com" for number in range(8)]
    targets = [process.target(name) for name in names]
    locks = {target.exclusive_key: asyncio.Lock() for target in targets if isinstance(target, Exclusive)}
    assert len(locks) == 1

    async def install(target: HaproxyTarget, name: str) -> None:
        async with locks[target.exclusive_key]:
            await put(target, pair(name, 1))

    await asyncio.gather(*(install(target, name) for target, name in zip(targets, names, strict=True)))

    assert [await process.served(name) for name in names] == [pair(name, 1).fingerprint_sha256 for name in names]


@pytest.mark.parametrize("moment", range(1, 9))
async def test_an_administrator_at_work_leads_to_no_wrong_certificate(process: Haproxy, moment: int) -> None:
    """Somebody's `set` for another path, at any moment of ours, ends in our pair, or an outage that a retry mends."""
    connections = 0

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        nonlocal connections
        connections += 1
        if connections == moment:
            await process.say(f"set ssl cert {process.path(OTHER)} <<\n{one_file(pair(OTHER, 1))}\n")
        return await asyncio.open_unix_connection(process.sockets / "admin")

    calm = process.target(NAME)
    before = await calm.examine()
    memory = SlotMemory(RuntimeApi(connect, where="The socket"), process.path(NAME), str(process.crt_list))
    try:
        await HaproxyTarget(memory, exclusive_key="", files=calm._files).install(pair(NAME, 1), before=before)
    except Outage:
        await calm.install(pair(NAME, 1), before=before)

    assert connections >= moment
    assert await process.served(NAME) == pair(NAME, 1).fingerprint_sha256
    assert await process.served(OTHER) == pair(OTHER, FOREIGN).fingerprint_sha256


async def test_a_file_that_was_written_without_a_reload_is_the_way_back(process: Haproxy) -> None:
    """When disk and memory differ no fingerprint is told, and the way back leads to what the next start would serve."""
    file_of(process, NAME).write_text(one_file(pair(NAME, 8)))
    target = process.target(NAME)
    before = await put(target, pair(NAME, 1))
    assert before.fingerprint_sha256 is None

    await target.roll_back(before, installed=pair(NAME, 1), known=None)

    assert await process.served(NAME) == pair(NAME, 8).fingerprint_sha256
    assert file_of(process, NAME).read_text() == one_file(pair(NAME, 8))


async def test_lines_of_others_stay_as_they_are(process: Haproxy) -> None:
    """Options, filters, comments and empty lines of the crt-list survive our line and its removal."""
    process.crt_list.write_text(f"# ours\n{process.path(NAME)} [alpn h2] {NAME}\n\n{process.path(OTHER)}\n")
    old = lines(process)
    await process.restart()
    target = process.target(NEW)
    await put(process.target(NAME), pair(NAME, 1))
    before = await put(target, pair(NEW, 1))
    assert lines(process) == [*old, process.path(NEW)]

    await target.roll_back(before, installed=pair(NEW, 1), known=None)

    assert lines(process) == old
    await process.restart()
    assert await process.served(NAME) == pair(NAME, 1).fingerprint_sha256


async def test_a_link_is_replaced_and_not_followed(process: Haproxy, tmp_path: Path) -> None:
    """What a link leads to, outside our folders, is read for the way back and never written."""
    outside, file = tmp_path / "outside.pem", file_of(process, NAME)
    file.rename(outside)
    file.symlink_to(outside)
    old = outside.read_bytes()

    await put(process.target(NAME), pair(NAME, 1))

    assert (outside.read_bytes(), file.is_symlink()) == (old, False)
    assert file.read_text() == one_file(pair(NAME, 1))


def test_a_file_that_is_half_written_is_skipped_in_a_folder(tmp_path: Path) -> None:
    """HAProxy loads every file of a `crt <folder>` but those whose name begins with a dot, as our new ones do."""
    if not PROGRAM.exists():
        pytest.skip(f"{PROGRAM} is not installed")
    (tmp_path / "site.pem").write_text(one_file(pair(NAME, 1)))
    (tmp_path / ".site.pem.new").write_text("-----BEGIN CERT")
    configuration = tmp_path.parent / "folder.cfg"
    configuration.write_text(
        "defaults\n mode http\n timeout connect 5s\n timeout client 5s\n timeout server 5s\n"
        f"frontend f\n bind 127.0.0.1:44344 ssl crt {tmp_path}\n"
    )

    told = subprocess.run([PROGRAM, "-c", "-f", configuration], capture_output=True, text=True, check=False)

    assert told.returncode == 0, told.stderr


def test_slots_of_different_processes_have_different_keys(tmp_path: Path) -> None:
    """Two instances, named by any path of their sockets, do not wait for each other."""
    (tmp_path / "link").symlink_to(tmp_path)
    one = HaproxySettings(host="edge-1", file=f"{tmp_path}/certs/a.pem")

    def key(sockets: Path, name: str) -> str:
        process = Haproxy.__new__(Haproxy)
        process.certs, process.crt_list, process.keep, process.sockets = tmp_path / "certs", tmp_path, tmp_path, sockets
        return host_haproxy(one, process.allowed(level=name)).exclusive_key

    assert key(tmp_path, "a.sock") == key(tmp_path / "link", "a.sock") != key(tmp_path, "b.sock")
