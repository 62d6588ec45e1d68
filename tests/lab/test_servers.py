"""The lab's HAProxy and nginx: real ones, of which the service needs to know no more than the demo tells it."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from certloom.domain.target import HaproxySettings, NginxSettings
from certloom.targets.allowed import AllowedTargets, HaproxyInstance, NginxInstance
from certloom.targets.haproxy import host_haproxy
from certloom.targets.interface import Target
from certloom.targets.nginx import host_nginx
from lab.haproxy import LabHaproxy
from lab.nginx import LabNginx
from lab.program import find_program, run, version_of
from lab.self_signed import self_signed
from tests.lab.servers import NAME, program, served
from tests.targets.pairs import pair
from workers.child import ChildDied

HELD = self_signed(NAME)
Server = Callable[[Path], AbstractAsyncContextManager[tuple[Target, int]]]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where a socket's path is short."""
    with tempfile.TemporaryDirectory(prefix="lab-") as path:
        yield Path(path)


@asynccontextmanager
async def haproxy(folder: Path) -> AsyncIterator[tuple[Target, int]]:
    async with LabHaproxy(program("haproxy"), folder, name=NAME, held=HELD.pem) as place:
        instance = HaproxyInstance(socket=place.socket, folders=(place.certs,), crt_lists=(place.crt_list,))
        allowed = AllowedTargets(host="demo", keep=folder / "keep", haproxy={"main": instance})
        settings = HaproxySettings(host="demo", file=str(place.file), crt_list=str(place.crt_list))
        yield host_haproxy(settings, allowed), place.port


@asynccontextmanager
async def nginx(folder: Path) -> AsyncIterator[tuple[Target, int]]:
    async with LabNginx(program("nginx"), folder, name=NAME, held=HELD.pem) as place:
        instance = NginxInstance(folders=(place.slots,), command=tuple(place.command))
        allowed = AllowedTargets(host="demo", keep=folder / "keep", nginx={"main": instance})
        yield host_nginx(NginxSettings(host="demo", folder=str(place.slot)), allowed), place.port


@pytest.mark.parametrize("server", [haproxy, nginx], ids=["haproxy", "nginx"])
async def test_a_slot_holds_what_it_was_given_and_takes_what_is_deployed(server: Server, folder: Path) -> None:
    """It starts with a certificate from elsewhere, all findings of the service are good, and a deployment is served."""
    async with server(folder) as (target, port):
        before = await asyncio.to_thread(served, port)
        findings = await target.check()
        await target.install(pair(NAME, 1), before=await target.examine())
        async with asyncio.timeout(10):
            while await asyncio.to_thread(served, port) != pair(NAME, 1).fingerprint_sha256:
                await asyncio.sleep(0.01)

    assert before == HELD.fingerprint_sha256
    assert [finding.detail for finding in findings if not finding.works] == []


@pytest.mark.parametrize("server", [haproxy, nginx], ids=["haproxy", "nginx"])
async def test_nothing_listens_after_its_end(server: Server, folder: Path) -> None:
    """When the block ends the port is free again."""
    async with server(folder) as (_, port):
        pass

    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_a_program_that_does_not_come_up_is_told_in_its_own_words(folder: Path) -> None:
    """A bad configuration ends the start with the program's last words."""
    place = LabHaproxy(program("haproxy"), folder, name=NAME, held="no certificate\n")
    with pytest.raises(ChildDied, match=r"The HAProxy process ended with exit code 1(.|\n)*www\.shop\.lab\.test\.pem"):
        await place.start()


async def test_a_port_that_somebody_took_meanwhile_is_not_the_end(folder: Path) -> None:
    """Another port is tried before a start fails."""
    sign, ports = folder / "sign", list[int]()
    serve = "import http.server, sys; http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), None).serve_forever()"

    def command(port: int) -> tuple[str, ...]:
        ports.append(port)
        sign.touch()
        return ("false",) if len(ports) == 1 else ("python3", "-c", serve, str(port))

    running = await run("lab", command, sign=sign, log=folder / "log")
    await running.child.stop(within=5)

    assert running.port == ports[1] != ports[0]


async def test_programs_are_found_and_tell_their_version(
    monkeypatch: pytest.MonkeyPatch, folder: Path, tmp_path: Path
) -> None:
    """One that is not installed is None, one on PATH is found, and the version is the first number that it tells."""
    made = tmp_path / "lab-server"
    made.write_text("#!/bin/sh\necho lab server/2.10.3-1 of 2026 >&2\n")
    assert find_program("lab-server") is None

    made.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    assert find_program("lab-server") == made
    assert await version_of(made) == "2.10.3"
