"""The whole service as real processes that a test may kill one by one, and a customer who never gives up."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx

from certloom.keys.keyring import create_key_file
from certloom.settings import PREFIX, Settings
from workers.home import Home, claim
from workers.seed import Seed, keep_seed
from workers.service import Service, _module

JSON = dict[str, Any]
PATIENCE: Final = 150.0  # seconds for one answer, through every kill
AGAIN: Final = {409: "idempotency_in_progress", 503: None}
ARGUMENTS: Final = {"worker": "workers.certificates", "api": "api.serve", "targets": "workers.targets"}


class Stack(Service):
    """`make run` without its supervisor: nothing stops when a process dies."""

    def __init__(self, home: Home, settings: Settings, ports: Mapping[str, int]) -> None:
        self._own: dict[str, tuple[str, dict[str, str]]] = {}  # further processes: module and settings
        super().__init__(home, settings, ports)

    async def kill(self, name: str = "") -> None:  # type: ignore[override]
        """SIGKILL one process."""
        child = self._children[name]
        child.send(signal.SIGKILL)
        await child.process.wait()

    async def also(self, name: str, module: str, **settings: str) -> None:
        """Start a further process of ours, with settings of its own, and wait until it is ready."""
        self._own[name] = (module, {f"{PREFIX}{key}": value for key, value in settings.items()})
        child = await self._start(name, _module(module))
        await child.until_ready(None, within=60)

    async def until_gone(self, name: str) -> None:
        """Wait until a process has ended by itself."""
        await self._children[name].process.wait()

    async def stop(self) -> None:
        """End the further ones first, then everything."""
        for name in self._own:
            await self._children[name].stop(within=15)
        await super().stop()

    def _env_of(self, name: str) -> dict[str, str]:
        _, settings = self._own.get(name, ("", {}))
        return {**super()._env_of(name), **settings}

    async def again(self, name: str) -> None:
        """Start a killed process, and wait until it serves."""
        module = self._own[name][0] if name in self._own else ARGUMENTS.get(name, "")
        arguments = self._temporal_arguments() if name == "temporal" else _module(module)
        child = await self._start(name, arguments)
        probe = {"temporal": self._listens("temporal_ui"), "api": self._answers("/healthz")}.get(name)
        await child.until_ready(probe, within=60)


@asynccontextmanager
async def stack(folder: Path, **settings: str) -> AsyncIterator[tuple[Stack, Seed, str]]:
    """Run everything in a folder; yields the processes, the keys and the API's address."""
    wanted = Settings(home=folder, api_port=0, temporal_port=0, temporal_ui_port=0, check_interval=1, **settings)  # type: ignore[arg-type]
    with claim(folder) as home:
        running, seed, api = _prepare(home, wanted)
        try:
            await running.start(home.folder / "seed.json")
            yield running, seed, api
        finally:
            await running.stop()


def _prepare(home: Home, wanted: Settings) -> tuple[Stack, Seed, str]:
    names = ("api", "temporal", "temporal_ui", "lab_dns", "lab_http", "lab_control")
    ports = home.choose_ports(dict.fromkeys(names, 0), host="127.0.0.1")
    for kind in ("customer", "issuer", "payload"):
        create_key_file(home.keys / f"{kind}.key")
    seed = keep_seed(home.folder / "seed.json")
    return Stack(home, wanted, ports), seed, f"http://127.0.0.1:{ports['api']}"


class Customer:
    """Sends each request with a key of its own until it is answered, as a careful script does."""

    def __init__(self, http: httpx.AsyncClient, api_key: str) -> None:
        self._http = http
        self._headers = {"Authorization": f"Bearer {api_key}"}

    async def call(self, method: str, path: str, body: JSON | None = None, *, key: str | None = None) -> httpx.Response:
        """Return the first answer that is one."""
        headers = {**self._headers, **({"Idempotency-Key": key} if key else {})}
        async with asyncio.timeout(PATIENCE):
            while True:
                answer = await self._try(method, path, body, headers)
                if answer is not None:
                    return answer
                await asyncio.sleep(0.3)

    async def _try(self, method: str, path: str, body: JSON | None, headers: JSON) -> httpx.Response | None:
        try:
            answer = await self._http.request(method, path, json=body, headers=headers)
        except httpx.TransportError:
            return None
        busy = answer.status_code in AGAIN and AGAIN[answer.status_code] in (None, answer.json().get("code"))
        return None if busy else answer

    async def view(self, certificate_id: str) -> JSON:
        answer: JSON = (await self.call("GET", f"/v1/certificates/{certificate_id}")).json()
        return answer

    async def until(self, certificate_id: str, holds: Callable[[JSON], bool]) -> JSON:
        async with asyncio.timeout(PATIENCE):
            while not holds(view := await self.view(certificate_id)):
                await asyncio.sleep(0.3)
        return view


def read(path: Path) -> JSON:
    """Return a JSON file."""
    found: JSON = json.loads(path.read_text())
    return found


PYTHON: Final = sys.executable
