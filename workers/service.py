"""What `make run` starts on one machine: which processes, in which order, with which environment."""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from certloom.settings import PREFIX, BadSetting, Settings
from workers.child import Child, ChildDied, Probe, start
from workers.home import Home

ROOT: Final = Path(__file__).resolve().parent.parent
LAB_SUFFIX: Final = "lab.test"
LAB_ISSUER: Final = "certloom.lab.test"  # what CAA records in the lab name us by

START_WITHIN: Final = 60.0  # seconds, for a busy machine; five are usual
PROBE_WITHIN: Final = 2.0
# Seconds to end by itself, in the order of the stop: no new requests, running work done, then what they lean on.
STOP_WITHIN: Final[Mapping[str, float]] = {
    "api": 10.0,
    "worker": 15.0,  # its own grace for running activities is 10 s
    "targets": 15.0,
    "reconcile": 10.0,
    "init": 5.0,
    "lab": 5.0,
    "temporal": 10.0,
}
_ISSUER_KEY: Final = (f"{PREFIX}ISSUER_KEY", f"{PREFIX}ISSUER_KEY_FILE")


class Service:
    """All processes of one instance. Start it once; stop and kill may be called at any moment, and twice."""

    def __init__(self, home: Home, settings: Settings, ports: Mapping[str, int]) -> None:
        self._home = home
        self._settings = settings
        self._ports = ports
        self._children: dict[str, Child] = {}
        self._watches: set[asyncio.Task[None]] = set()
        self._died: asyncio.Future[ChildDied] = asyncio.get_running_loop().create_future()
        self._temporal_cli = find_temporal_cli(settings)
        self._env = self._environment()

    async def start(self, seed: Path) -> None:
        """Start everything and return when it serves; raises ChildDied. *seed* says which account and keys to make."""
        temporal = await self._start("temporal", self._temporal_arguments())
        lab = await self._start("lab", _module("lab.world", *self._lab_arguments()))
        init = await self._start("init", _module("workers.init", "--seed", str(seed)), lasting=False)
        await init.until_done(within=START_WITHIN)
        working = [await self._start("worker", _module("workers.certificates"))]
        api = await self._start("api", _module("api.serve"))
        if self._settings.targets_file:
            working.append(await self._start("targets", _module("workers.targets")))
        await asyncio.gather(
            temporal.until_ready(self._listens("temporal_ui"), within=START_WITHIN),
            lab.until_ready(self._listens("lab_control"), within=START_WITHIN),
            api.until_ready(self._answers("/readyz"), within=START_WITHIN),
            *(worker.until_ready(None, within=START_WITHIN) for worker in working),
        )
        await self._start("reconcile", _module("workers.reconcile"))

    async def until_dead(self) -> ChildDied:
        """Wait until a process that should last has ended."""
        return await asyncio.shield(self._died)

    async def stop(self) -> None:
        """End all processes in their order."""
        for watch in self._watches:
            watch.cancel()
        for name, within in STOP_WITHIN.items():
            if child := self._children.get(name):
                await child.stop(within=within)

    def kill(self) -> None:
        """End all processes at once."""
        for child in self._children.values():
            child.send(signal.SIGKILL)

    async def _start(self, name: str, arguments: Sequence[str], *, lasting: bool = True) -> Child:
        log = self._home.logs / f"{name}.log"
        child = await start(name, arguments, env=self._env_of(name), log=log)
        self._children[name] = child
        self._home.remember({name: child.pid for name, child in self._children.items()})
        if lasting:
            self._watches.add(asyncio.create_task(self._watch(child)))
        return child

    async def _watch(self, child: Child) -> None:
        death = await child.until_dead()
        if not self._died.done():
            self._died.set_result(death)

    def _listens(self, name: str) -> Probe:
        async def probe() -> bool:
            with contextlib.suppress(OSError, TimeoutError):
                connecting = asyncio.open_connection("127.0.0.1", self._ports[name])
                _, writer = await asyncio.wait_for(connecting, PROBE_WITHIN)
                writer.close()
                return True
            return False

        return probe

    def _answers(self, path: str) -> Probe:
        async def probe() -> bool:
            with contextlib.suppress(OSError, TimeoutError):
                return await asyncio.wait_for(_is_ok(self._settings.api_host, self._ports["api"], path), PROBE_WITHIN)
            return False

        return probe

    def _temporal_arguments(self) -> list[str]:
        options = {
            "--ip": "127.0.0.1",
            "--port": str(self._ports["temporal"]),
            "--ui-port": str(self._ports["temporal_ui"]),
            "--db-filename": str(self._home.folder / "temporal.db"),
            "--log-level": "error",
        }
        pragmas = ("journal_mode=WAL", "synchronous=NORMAL")
        # The dev server has one shard, whose queues are polled 20 times a second unless told otherwise: each hop of a
        # workflow then waits up to 50 ms (one deployment to HAProxy: 0.55 s, and 0.30 s with these; measured).
        queues = {f"history.{queue}ProcessorMaxPollRPS": 1000 for queue in ("transfer", "timer", "visibility")}
        # Parts of a task queue are for several servers; one server hands tasks from part to part (a tenth of its work).
        parts = {f"matching.numTaskqueue{side}Partitions": 1 for side in ("Read", "Write")}
        return [
            str(self._temporal_cli),
            *("server", "start-dev", "--ui-disable-news-fetch"),
            *(word for option in options.items() for word in option),
            *(word for pragma in pragmas for word in ("--sqlite-pragma", pragma)),
            *(
                word
                for name, value in {**queues, **parts}.items()
                for word in ("--dynamic-config-value", f"{name}={value}")
            ),
        ]

    def _lab_arguments(self) -> list[str]:
        ours = {name.removeprefix("lab_"): port for name, port in self._ports.items() if name.startswith("lab_")}
        ports = [f"--{name.replace('_', '-')}-port={port}" for name, port in ours.items()]
        self._home.keep_lab_key()
        key = f"--update-key={self._home.lab_key}"
        return [*ports, key, f"--suffix={LAB_SUFFIX}", f"--state={self._home.folder / 'lab.json'}"]

    def _environment(self) -> dict[str, str]:
        """Say what the processes get besides what the person set: what was chosen here, and the lab."""
        wanted, ports = self._settings, self._ports
        chosen = {
            "HOME": str(self._home.folder),
            "API_PORT": str(ports["api"]),
            "PUBLIC_URL": wanted.public_url or f"http://127.0.0.1:{ports['api']}",
            "TEMPORAL_ADDRESS": f"127.0.0.1:{ports['temporal']}",
            "TEMPORAL_UI_URL": wanted.temporal_ui_url or f"http://127.0.0.1:{ports['temporal_ui']}",
            "DNS_SERVERS": ",".join(wanted.dns_servers) or f"127.0.0.1:{ports['lab_dns']}",
            "HTTP01_PORT": str(wanted.http01_port if "http01_port" in wanted.model_fields_set else ports["lab_http"]),
            "AUTHORITY_PORT": str(
                wanted.authority_port if "authority_port" in wanted.model_fields_set else ports["lab_dns"]
            ),
            "ALLOW_NETWORKS": ",".join(("127.0.0.0/8", *map(str, wanted.allow_networks))),
            "INTERNAL_SUFFIXES": ",".join((LAB_SUFFIX, *wanted.internal_suffixes)),
            "CAA_IDENTITIES": ",".join(wanted.caa_identities or (LAB_ISSUER,)),
            "MEMBERS_ADD_HAPROXY_TCP": "true",  # the lab's edge is for its customer to play with
            "LAB_CONTROL_URL": f"http://127.0.0.1:{ports['lab_control']}",
        }
        for kind in ("customer", "issuer", "payload"):
            if not getattr(wanted, f"{kind}_key") and not getattr(wanted, f"{kind}_key_file"):
                chosen[f"{kind.upper()}_KEY_FILE"] = str(self._home.keys / f"{kind}.key")
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(PREFIX)},
            **{f"{PREFIX}{name}": value for name, value in {**_given(wanted), **chosen}.items()},
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
        }

    def _env_of(self, name: str) -> dict[str, str]:
        """Keep the CA's key from what does not sign."""
        signs = name in {"init", "worker", "reconcile"}
        return {key: value for key, value in self._env.items() if signs or key not in _ISSUER_KEY}


def find_temporal_cli(settings: Settings) -> Path:
    """Return the Temporal CLI to start: the setting's, the wheel's beside python, or the PATH's.

    Raises BadSetting with what to do when there is none.
    """
    if settings.temporal_cli:
        if not os.access(settings.temporal_cli, os.X_OK):
            raise BadSetting(f"CERTLOOM_TEMPORAL_CLI={settings.temporal_cli} is no program that can be run.")
        return settings.temporal_cli.absolute()
    beside = Path(sys.executable).with_name("temporal")
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which("temporal")
    if found is None:
        raise BadSetting(
            "There is no Temporal server for this platform among the Python packages: install the Temporal CLI "
            "(docs.temporal.io/cli), or name it in CERTLOOM_TEMPORAL_CLI."
        )
    return Path(found)


def _given(settings: Settings) -> dict[str, str]:
    """Say again, as environment variables, what was set on purpose; files by their whole path."""
    return {name.upper(): _text(getattr(settings, name)) for name in settings.model_fields_set}


def _text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Path):
        return str(value.absolute())
    return ",".join(map(str, value)) if isinstance(value, tuple) else "" if value is None else str(value)


def _module(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-P", "-m", name, *arguments]  # -P: a folder called `api` where we stand is not ours


async def _is_ok(host: str, port: int, path: str) -> bool:
    """Ask without an HTTP client, whose import would cost more than everything else here."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
        status = await reader.readline()
    finally:
        writer.close()
    return status.split()[1:2] == [b"200"]
