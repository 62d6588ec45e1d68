"""`make run`: the whole service on this machine, with its lab, until Ctrl-C.

Also as a part of demo and tests: DevStack runs this file as a process of its own.
"""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from rich.console import Console

from certloom.domain.errors import CertloomError
from certloom.keys.keyring import create_key_file
from certloom.settings import LOOPBACK, Settings, read_settings
from workers.home import LAB_PORTS, Home, claim, read_json, write_private
from workers.seed import Seed, keep_seed
from workers.service import ROOT, Service
from workers.welcome import make_links, welcome

WATCH_INTERVAL: Final = 60.0  # seconds between two looks at what endpoints serve; in production 900 is usual
STOP_WITHIN: Final = 60.0  # seconds that DevStack grants a stop; every process has its own, shorter limit


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until a signal; returns 0 after a clean stop, 1 with one sentence on stderr otherwise."""
    parser = argparse.ArgumentParser(prog="python -m workers.dev", description="The whole service on this machine.")
    parser.add_argument("--attached", action="store_true", help="stop, too, when standard input is closed")
    options = parser.parse_args(arguments)
    os.umask(0o077)  # everything under HOME is ours alone
    try:
        settings = _watched_often(read_settings())
        with claim(settings.home.absolute()) as home:
            return asyncio.run(_run(home, settings, attached=options.attached))
    except CertloomError as error:
        sys.stderr.write(f"certloom: {error.detail}\n")
        return 1


async def _run(home: Home, settings: Settings, *, attached: bool) -> int:
    home.dev_json.unlink(missing_ok=True)
    home.end_leftovers()
    wanted = {"api": settings.api_port, "temporal": settings.temporal_port, "temporal_ui": settings.temporal_ui_port}
    ports = home.choose_ports({**wanted, **dict.fromkeys(LAB_PORTS, 0)}, host=settings.api_host)
    for kind in ("customer", "issuer", "payload"):
        create_key_file(home.keys / f"{kind}.key")
    seed = keep_seed(home.folder / "seed.json")
    service = Service(home, settings, ports)
    stop = _on_signals(service)
    if attached:
        _on_end_of_input(stop)
    console = Console(highlight=False)
    console.print("[bold]Certloom[/] starts; its logs are in", home.logs)
    try:
        if await _unless_stopped(service.start(home.folder / "seed.json"), service, stop):
            facts = {**_facts(settings, ports, seed), "lab_dns_key": home.keep_lab_key()}
            welcome(console, facts, await make_links(facts, host=settings.api_host), home=home.folder)
            if settings.api_host in LOOPBACK:  # last: whoever waits for this file finds everything said
                write_private(home.dev_json, json.dumps({**facts, "pid": os.getpid()}, indent=1))
            await _unless_stopped(stop.wait(), service, stop)
        console.print("Certloom stops; Ctrl-C again to kill it.")
    finally:
        home.dev_json.unlink(missing_ok=True)
        await service.stop()
    console.print("Certloom has stopped; everything is kept in", home.folder)
    return 0


def _watched_often(settings: Settings) -> Settings:
    """Have endpoints looked at so often that one sees it, unless the person says how often."""
    if "watch_interval" in settings.model_fields_set:
        return settings
    return settings.model_copy(update={"watch_interval": WATCH_INTERVAL})


def _on_signals(service: Service) -> asyncio.Event:
    """Stop at the first signal, kill at the second."""
    stop = asyncio.Event()

    def hear() -> None:
        if stop.is_set():
            service.kill()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, hear)
    return stop


def _on_end_of_input(stop: asyncio.Event) -> None:
    """Stop when whoever started us is gone, however it ended."""
    loop = asyncio.get_running_loop()

    def hear() -> None:
        if not os.read(0, 1024):
            loop.remove_reader(0)
            stop.set()

    loop.add_reader(0, hear)


async def _unless_stopped(work: Coroutine[None, None, object], service: Service, stop: asyncio.Event) -> bool:
    """Do the work unless a signal comes first; False then. Raises ChildDied when a process ends meanwhile."""
    working = asyncio.ensure_future(work)
    dying = asyncio.ensure_future(service.until_dead())
    stopping = asyncio.ensure_future(stop.wait())
    tasks = {working, dying, stopping}
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    try:
        if stopping.done():
            return False
        if working.done():
            working.result()
            return True
        raise dying.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _facts(settings: Settings, ports: Mapping[str, int], seed: Seed) -> dict[str, str]:
    """Return what others build on, as dev.json has it (DESIGN 8)."""
    api = f"http://127.0.0.1:{ports['api']}"
    return {
        "api_url": api,
        "console_url": f"{api}/",
        "temporal_address": f"127.0.0.1:{ports['temporal']}",
        "temporal_ui_url": settings.temporal_ui_url or f"http://127.0.0.1:{ports['temporal_ui']}",
        "customer_api_key": seed.customer_api_key,
        "operator_api_key": seed.operator_api_key,
        "account_id": seed.account_id,
        "lab_dns": f"127.0.0.1:{ports['lab_dns']}",
        "lab_edge": f"127.0.0.1:{ports['lab_edge_tls']}",
        "lab_edge_admin": f"127.0.0.1:{ports['lab_edge_admin']}",
    }


class StackFailed(CertloomError):
    """The service did not start; the sentence is what it said."""

    code = "stack_failed"


class DevStack:
    """A whole service in a folder of its own, as a process of its own, for demo and tests; a context manager.

    It ends with us, however we end, because it stops when its standard input closes. `env` adds settings. The same
    folder may be started again after a stop or a kill, and goes on where it was.
    """

    def __init__(self, home: Path, *, env: Mapping[str, str] | None = None) -> None:
        self._home = home.absolute()
        ports = {f"CERTLOOM_{name}": "0" for name in ("API_PORT", "TEMPORAL_PORT", "TEMPORAL_UI_PORT")}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("CERTLOOM_")}
        self._env = {**inherited, **ports, **(env or {}), "CERTLOOM_HOME": str(self._home), "PYTHONPATH": str(ROOT)}
        self._process: subprocess.Popen[bytes] | None = None
        self.facts: Mapping[str, str] = {}

    def start(self, *, within: float = 120.0) -> None:
        """Start and wait until it serves; then `facts` are those of dev.json. Raises StackFailed."""
        process = self.begin()
        deadline = time.monotonic() + within
        while (facts := read_json(self._home / "dev.json")).get("pid") != process.pid:
            if process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise StackFailed(self.log.read_text(encoding="utf-8", errors="replace")[-2000:])
            time.sleep(0.05)
        self.facts = {name: str(value) for name, value in facts.items()}

    def begin(self) -> subprocess.Popen[bytes]:
        """Start without waiting."""
        self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            command = (sys.executable, "-P", "-m", "workers.dev", "--attached")
            self._process = subprocess.Popen(  # noqa: S603 - ourselves
                command, env=self._env, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True
            )
        return self._process

    @property
    def log(self) -> Path:
        """What it printed."""
        return self._home / "dev.log"

    @property
    def home(self) -> Path:
        """Its folder."""
        return self._home

    @property
    def pid(self) -> int:
        """Its process id; only while it runs."""
        if self._process is None:
            raise StackFailed("It was not started.")
        return self._process.pid

    def stop(self) -> int:
        """Stop it cleanly and return its exit code; 0 when it does not run."""
        if self._process is not None:
            self._process.terminate()
        return self.wait()

    def wait(self) -> int:
        """Wait for its end and return its exit code; it is killed when it takes too long."""
        process, self._process = self._process, None
        if process is None:
            return 0
        try:
            return process.wait(STOP_WITHIN)
        finally:
            process.kill()
            _close(process)

    def kill(self) -> None:
        """Kill it as a power cut would; its children die with it."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            _close(process)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _close(process: subprocess.Popen[bytes]) -> None:
    if process.stdin:
        with contextlib.suppress(OSError):
            process.stdin.close()


if __name__ == "__main__":
    sys.exit(main())
