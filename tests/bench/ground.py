"""What the bench runs on: one real Temporal dev server on a SQLite file, worker processes and the API process."""

import asyncio
import os
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from temporalio.client import Client

from certloom import wiring
from certloom.keys.keyring import create_key_file
from certloom.settings import PREFIX, Settings, read_settings
from certloom.storage.interface import Storage
from workers.home import PORT_NAMES, claim
from workers.seed import Seed, keep_seed
from workers.service import START_WITHIN, Service, _module

TICKS: Final = os.sysconf("SC_CLK_TCK")


class BenchService(Service):
    """`make run` without lab and reconcile, with the bench's own worker in as many processes as wanted."""

    module = "tests.bench.worker"
    workers = 1
    server: int | None = None  # the process id of the server that is deployed to, or orders from
    name_server: int | None = None  # the process id of the name server, unless it is the lab's

    async def start(self, seed: Path) -> None:
        """See Service; the API comes later, so that it does not share the processors with the orders."""
        temporal = await self._start("temporal", self._temporal_arguments())
        init = await self._start("init", _module("workers.init", "--seed", str(seed)), lasting=False)
        await init.until_done(within=START_WITHIN)
        for number in range(self.workers):
            worker = await self._start(f"worker-{number}", _module(self.module))
            await worker.until_ready(None, within=START_WITHIN)
        await temporal.until_ready(self._listens("temporal_ui"), within=START_WITHIN)

    async def start_api(self) -> str:
        """Start the API process and return its address."""
        api = await self._start("api", _module("api.serve"))
        await api.until_ready(self._answers("/readyz"), within=START_WITHIN)
        return f"http://127.0.0.1:{self._ports['api']}"

    async def start_targets(self, targets_file: Path) -> None:
        """Start the targets worker of this machine."""
        self._env = {**self._env, f"{PREFIX}TARGETS_FILE": str(targets_file)}
        targets = await self._start("targets", _module("workers.targets"))
        await targets.until_ready(None, within=START_WITHIN)

    async def stop(self) -> None:
        for name in [name for name in self._children if name.startswith("worker")]:
            await self._children[name].stop(within=15)
        await super().stop()

    def cpu(self) -> dict[str, float]:
        """Return the CPU seconds used by now: by ours, and by the commands they ran; nothing where there is no /proc.

        A server's count in full, its workers once they are gone.
        """
        used = {name: _cpu_seconds(child.pid) for name, child in self._children.items() if child.name != "init"}
        none, client = (0.0, 0.0), _cpu_seconds(os.getpid())
        targets = used.get("targets", none)
        return {
            "worker": sum(own for name, (own, _) in used.items() if name.startswith("worker")),
            "targets": targets[0],
            "temporal": used.get("temporal", none)[0],
            "client": client[0],
            "commands": targets[1] + client[1],
            "reconcile": used.get("reconcile", none)[0],
            "names": sum(_cpu_seconds(self.name_server)) if self.name_server else used.get("lab", none)[0],
            "server": sum(_cpu_seconds(self.server)) if self.server else 0.0,
        }

    def _env_of(self, name: str) -> dict[str, str]:
        return super()._env_of("worker" if name.startswith("worker") else name)

    def processes_env(self) -> Mapping[str, str]:
        """Return the environment that workers have."""
        return self._env_of("worker")


class WholeService(BenchService):
    """The same with the product's own workers, the lab, and who tidies up after orders."""

    module = "workers.certificates"

    async def start(self, seed: Path) -> None:
        """See Service."""
        lab = await self._start("lab", _module("lab.world", *self._lab_arguments()))
        await lab.until_ready(self._listens("lab_control"), within=START_WITHIN)
        await super().start(seed)
        await self._start("reconcile", _module("workers.reconcile"))


@dataclass(frozen=True)
class Ground:
    """What the loads work with."""

    service: BenchService
    settings: Settings
    storage: Storage
    client: Client
    seed: Seed
    database: Path


@asynccontextmanager
async def ground(
    folder: Path, *, workers: int, made: type[BenchService] = BenchService, **more: object
) -> AsyncIterator[Ground]:
    """Start everything in a folder and stop it afterwards; settings of other copies are not heard, *more* are."""
    given = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(PREFIX)}
    cli = given.get(f"{PREFIX}TEMPORAL_CLI")
    wanted = read_settings(home=folder, api_port=0, temporal_port=0, temporal_ui_port=0, temporal_cli=cli, **more)
    with claim(folder) as home:
        ports = home.choose_ports(dict.fromkeys(PORT_NAMES, 0), host="127.0.0.1")
        for kind in ("customer", "issuer", "payload"):
            create_key_file(home.keys / f"{kind}.key")
        seed = keep_seed(folder / "seed.json")
        service = made(home, wanted, ports)
        service.workers = workers
        settings = _settings(service.processes_env())
        storage = wiring.storage(settings)
        try:
            await service.start(folder / "seed.json")
            yield Ground(service, settings, storage, await wiring.connect(settings), seed, folder / "certloom.db")
        finally:
            await storage.close()
            await service.stop()
            os.environ.update(given)


async def unless_dead(service: Service, work: Coroutine[Any, Any, None]) -> None:
    """Do the work unless a process ends meanwhile: then raise what it said."""
    working = asyncio.ensure_future(work)
    dying = asyncio.ensure_future(service.until_dead())
    try:
        await asyncio.wait({working, dying}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise dying.result()
        working.result()
    finally:
        for task in (working, dying):
            task.cancel()
        await asyncio.gather(working, dying, return_exceptions=True)


def _settings(env: Mapping[str, str]) -> Settings:
    """Read the settings that the processes get."""
    ours = {name.removeprefix(PREFIX).lower(): value for name, value in env.items() if name.startswith(PREFIX)}
    return read_settings(**ours)


def _cpu_seconds(pid: int) -> tuple[float, float]:
    """User and system time of a process, and of those it started and saw end, as proc(5) tells it."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0, 0.0
    own, ended = int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])
    return own / TICKS, ended / TICKS
