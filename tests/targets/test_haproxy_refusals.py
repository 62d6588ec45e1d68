"""What a slot of a real HAProxy will not do, and that nothing has changed after it said so."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from certloom.domain.target import HaproxySettings
from certloom.targets.haproxy import HaproxyTarget, host_haproxy
from certloom.targets.interface import Material, Standing, TargetRefused
from certloom.targets.pem import certificates_pem, one_file
from tests.targets.haproxy_slot import FOREIGN, NAME, Haproxy, handshake, haproxy
from tests.targets.pairs import mismatched, pair

NEW = "new.example.com"


@pytest.fixture
async def process(tmp_path: Path) -> AsyncIterator[Haproxy]:
    async with haproxy(tmp_path, NAME) as started:
        yield started


def file_of(process: Haproxy, name: str) -> Path:
    return Path(process.path(name))


def lines(process: Haproxy) -> list[str]:
    return process.crt_list.read_text().splitlines()


def leftovers(process: Haproxy) -> list[Path]:
    return [path for folder in (process.certs, process.folder) for path in folder.glob(".*.new")]


def with_chain(size: int) -> Material:
    one, more = pair(NAME, 1), pair(NAME, 2).leaf_pem
    return Material(
        fingerprint_sha256=one.fingerprint_sha256,
        serial=one.serial,
        names=one.names,
        leaf_pem=one.leaf_pem,
        chain_pem=more * (size // len(more)),
        key_pem=one.key_pem,
    )


async def put(target: HaproxyTarget, material: Material) -> Standing:
    before = await target.examine()
    await target.install(material, before=before)
    return before


async def test_a_pair_larger_than_allowed_is_refused_with_both_sizes(process: Haproxy) -> None:
    """The sentence names what the pair needs and what the process takes, and nothing is touched."""
    with pytest.raises(TargetRefused, match=r"are 1[45],\d\d\d bytes, and this HAProxy takes at most 9,000"):
        await put(process.target(NAME, largest=9_000), with_chain(15_000))

    assert not process.keep.exists()


async def test_a_limit_that_promises_too_much_is_found_out(process: Haproxy) -> None:
    """When the targets file allows more than tune.bufsize, HAProxy hangs up, and nothing that is served changes."""
    with pytest.raises(TargetRefused, match=r"tune\.bufsize"):
        await put(process.target(NAME, largest=100_000), with_chain(20_000))

    assert await process.served(NAME) == pair(NAME, FOREIGN).fingerprint_sha256
    assert leftovers(process) == []


@pytest.mark.parametrize("name", [NAME, NEW])
async def test_a_mismatched_pair_changes_nothing(process: Haproxy, name: str) -> None:
    """What HAProxy refuses is gone from memory and disk again, in a known place and in a new one."""
    target = process.target(name)
    before, served, old = await target.examine(), await process.served(name), lines(process)

    with pytest.raises(TargetRefused, match="does not belong"):
        await target.install(mismatched(name), before=before)

    assert (await target.examine(), await process.served(name), lines(process)) == (before, served, old)
    assert leftovers(process) == []
    assert "No ongoing transaction" in await process.say(f"abort ssl cert {process.path(name)}\n")


async def test_a_file_that_nothing_binds_is_refused_with_what_to_do(process: Haproxy) -> None:
    """Without a crt_list, HAProxy must have the file in its configuration."""
    target = process.target(NEW, bind=False)

    with pytest.raises(TargetRefused, match="name the file in its configuration, or give this target a crt_list"):
        await put(target, pair(NEW, 1))

    assert not file_of(process, NEW).exists()


async def test_a_key_kept_apart_is_no_way_back(process: Haproxy) -> None:
    """A file without its key could not be put back into memory, so it is not replaced."""
    file = file_of(process, NAME)
    file.write_text(certificates_pem(file.read_text()))

    with pytest.raises(TargetRefused, match="could not be put back as it is"):
        await put(process.target(NAME), pair(NAME, 1))

    assert await process.served(NAME) == pair(NAME, FOREIGN).fingerprint_sha256


async def test_a_file_too_large_to_be_put_back_is_not_replaced(process: Haproxy) -> None:
    """HAProxy reads any size from disk, but takes no more than its buffer from us."""
    file_of(process, NAME).write_text(one_file(with_chain(20_000)))

    with pytest.raises(TargetRefused, match=r"could not be put back: it holds .* at most 16,000"):
        await put(process.target(NAME), pair(NAME, 2))


async def test_a_file_that_is_a_pipe_does_not_hang_a_worker(process: Haproxy) -> None:
    """Only ordinary files are read."""
    file = file_of(process, NAME)
    file.unlink()
    os.mkfifo(file)

    with pytest.raises(TargetRefused, match="no ordinary file"):
        await process.target(NAME).examine()


async def test_a_file_that_changed_since_the_look_is_not_replaced(process: Haproxy) -> None:
    """Somebody else's newer file stays, for nobody would know it was there; the way back leaves it, too."""
    target = process.target(NAME)
    before = await target.examine()
    file_of(process, NAME).write_text(one_file(pair(NAME, 9)))

    with pytest.raises(TargetRefused, match="Somebody else changed"):
        await target.install(pair(NAME, 1), before=before)
    await target.roll_back(before, installed=pair(NAME, 1), known=None)

    assert file_of(process, NAME).read_text() == one_file(pair(NAME, 9))


async def test_a_certificate_in_memory_alone_is_not_replaced(process: Haproxy) -> None:
    """What is served without a file could not be put back; a look from outside that knows the pair helps."""
    target = process.target(NAME)
    file_of(process, NAME).unlink()
    before = await target.examine()

    with pytest.raises(TargetRefused, match="another origin"):
        await target.install(pair(NAME, 1), before=before)

    seen = before.model_copy(update={"fingerprint_sha256": pair(NAME, FOREIGN).fingerprint_sha256})
    await target.install(pair(NAME, 1), before=seen)
    await target.roll_back(seen, installed=pair(NAME, 1), known=pair(NAME, FOREIGN))
    assert await handshake(process.tls_port, NAME) == pair(NAME, FOREIGN).fingerprint_sha256
    assert not file_of(process, NAME).exists()


async def test_a_way_back_to_what_nobody_has_keeps_the_file(process: Haproxy) -> None:
    """When memory cannot be put back, the file that a restart would serve is not removed either."""
    target = process.target(NAME)
    file_of(process, NAME).unlink()
    before = (await target.examine()).model_copy(update={"fingerprint_sha256": "00" * 32})
    await target.install(pair(NAME, 1), before=before)

    with pytest.raises(TargetRefused, match="Nobody has the pair"):
        await target.roll_back(before, installed=pair(NAME, 1), known=None)

    await process.restart()
    assert await process.served(NAME) == pair(NAME, 1).fingerprint_sha256


async def test_a_keep_folder_that_others_can_read_is_refused(process: Haproxy) -> None:
    """Private keys are not copied to where others can read them, and nothing else is done either."""
    process.keep.mkdir(mode=0o755)

    with pytest.raises(TargetRefused, match="chmod 700"):
        await put(process.target(NAME), pair(NAME, 1))

    assert await process.served(NAME) == pair(NAME, FOREIGN).fingerprint_sha256


async def test_places_outside_the_targets_file_are_refused(process: Haproxy) -> None:
    """A slot outside the folders, a crt-list without a name there, and an unspeakable path are not opened."""
    for change, words in (
        ({"file": "/etc/haproxy/site.pem"}, "outside the folders"),
        ({"crt_list": "/etc/haproxy/list.txt"}, "does not name the crt-list"),
        ({"file": f"{process.certs}/a;b.pem"}, "cannot be told the path"),
        ({"instance": "second"}, "no section"),
    ):
        settings = HaproxySettings(host="edge-1", file=process.path(NAME)).model_copy(update=change)
        with pytest.raises(TargetRefused, match=words):
            host_haproxy(settings, process.allowed())
