"""Real servers to deploy to: a HAProxy and an nginx of the bench's own, each with a slot for every name."""

import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from certloom.domain.errors import Outage
from certloom.domain.target import PROVE_WITHIN, Endpoint, HaproxySettings, NginxSettings, Target, TargetKind
from tests.targets import haproxy_slot, nginx_slot
from tests.targets.haproxy_slot import Haproxy
from tests.targets.nginx_slot import Nginx
from tests.targets.pairs import pair

HOST: Final = "bench"
SEED: Final = 100  # the number of the pair that slots hold at first
PROGRAMS: Final[Mapping[TargetKind, Path]] = {
    TargetKind.HAPROXY: haproxy_slot.PROGRAM,
    TargetKind.NGINX: nginx_slot.NGINX,
}


@dataclass(frozen=True)
class Edge:
    """One running server, and what a targets worker must know of it."""

    kind: TargetKind
    names: Sequence[str]
    targets: Mapping[str, Target]  # by name
    pid: int
    section: str  # of the targets file


@dataclass(frozen=True)
class Edges:
    """All servers that could be started, and the targets file that allows them."""

    found: Sequence[Edge]
    targets_file: Path


def missing() -> list[str]:
    """Say what is left out because it is not installed."""
    return [f"{kind}: left out, no {path}" for kind, path in PROGRAMS.items() if not path.exists()]


@asynccontextmanager
async def edges(folder: Path, *, slots: int, account_id: str) -> AsyncIterator[Edges]:
    """Run every server that is installed; raises Outage when one does not start."""
    start = {TargetKind.HAPROXY: _haproxy, TargetKind.NGINX: _nginx}
    folder.mkdir()
    async with AsyncExitStack() as stack:
        found = []
        for kind, program in PROGRAMS.items():
            if program.exists():
                names = [f"{kind}{number}.example.com" for number in range(slots)]
                (folder / kind).mkdir()
                found.append(await stack.enter_async_context(start[kind](folder / kind, names, account_id)))
        targets_file = folder / "targets.toml"
        sections = "".join(edge.section for edge in found)
        targets_file.write_text(f'host = "{HOST}"\nkeep = "{folder / "keep"}"\n{sections}')
        yield Edges(found, targets_file)


@asynccontextmanager
async def _haproxy(folder: Path, names: Sequence[str], account_id: str) -> AsyncIterator[Edge]:
    with tempfile.TemporaryDirectory() as sockets:  # a socket's path may have 107 bytes
        server = Haproxy(folder, Path(sockets))
        for name in names:
            server.hold(name, pair(name, SEED))
        crt_list = str(server.crt_list)
        await _started(server)
        targets = {
            name: _target(
                HaproxySettings(host=HOST, file=server.path(name), crt_list=crt_list),
                name,
                server.tls_port,
                account_id,
            )
            for name in names
        }
        section = (
            f'[haproxy.main]\nsocket = "{server.sockets / "admin"}"\nfolders = ["{server.certs}"]\n'
            f'crt_lists = ["{server.crt_list}"]\n'
        )
        try:
            yield Edge(TargetKind.HAPROXY, names, targets, _pid(server), section)
        finally:
            await server.stop()


@asynccontextmanager
async def _nginx(folder: Path, names: Sequence[str], account_id: str) -> AsyncIterator[Edge]:
    server = Nginx(folder, names)
    await _started(server)
    targets = {
        name: _target(NginxSettings(host=HOST, folder=str(server.slot(name))), name, server.port, account_id)
        for name in names
    }
    command = ", ".join(f'"{word}"' for word in server.command)
    section = f'[nginx.main]\nfolders = ["{server.slots}"]\ncommand = [{command}]\n'
    try:
        yield Edge(TargetKind.NGINX, names, targets, _pid(server), section)
    finally:
        await server.stop()


async def _started(server: Haproxy | Nginx) -> None:
    try:
        await server.start()
    except (pytest.fail.Exception, AssertionError) as error:
        await server.stop()
        raise Outage(f"The server to deploy to does not start: {error}") from None


def _target(settings: HaproxySettings | NginxSettings, name: str, port: int, account_id: str) -> Target:
    """Describe a slot; its endpoint is an address, so that no DNS is in the figures."""
    return Target(
        id=f"tgt_{name.partition('.')[0]}",
        account_id=account_id,
        name=f"{settings.kind} {name}",
        settings=settings,
        endpoints=(Endpoint(host="127.0.0.1", port=port, server_name=name),),
        prove_within=PROVE_WITHIN[settings.kind],
        created_at=datetime.now(UTC),
    )


def _pid(server: Haproxy | Nginx) -> int:
    if server._process is None:
        raise Outage("The server to deploy to was not started.")
    return server._process.pid
