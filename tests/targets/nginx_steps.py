"""What tests of nginx share: one step of a deployment, what is on disk and served, and a worker that is killed."""

import asyncio
import os
from typing import Any, cast

from certloom.targets.interface import Material, Standing
from certloom.targets.machine import Machine
from certloom.targets.machine_local import LocalMachine
from certloom.targets.nginx import NginxTarget
from tests.targets.nginx_slot import HOST, NAME, Nginx
from tests.targets.pairs import pair

SEED = pair(NAME, 100)


class Killed(Exception):
    """What the worker dies of."""


class Mortal:
    """A machine whose user is killed ahead of one of its calls; a file that was being written is left half."""

    def __init__(self, machine: Machine, life: float = float("inf")) -> None:
        self._machine = machine
        self._life = life
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._machine, name)
        if not callable(found):
            return found

        async def call(*arguments: Any) -> Any:
            if self.calls >= self._life:
                if name == "write":
                    path, content = arguments
                    await self._machine.write(path, content[: len(content) // 2])
                raise Killed(name)
            self.calls += 1
            return await found(*arguments)

        return call


def over(machine: Mortal, nginx: Nginx) -> NginxTarget:
    return NginxTarget(cast("Machine", machine), folder=str(nginx.slot()), command=nginx.command, exclusive_key="one")


def mortal(nginx: Nginx, life: float) -> NginxTarget:
    return over(Mortal(LocalMachine(HOST), life), nginx)


async def settled(nginx: Nginx, wanted: Material, name: str = NAME) -> bool:
    """Whether *wanted* is served within some seconds."""
    for _ in range(200):
        if await nginx.served(name) == wanted.fingerprint_sha256:
            return True
        await asyncio.sleep(0.01)
    return False


def held(nginx: Nginx, name: str = NAME) -> tuple[str, str]:
    """The two files that nginx would read at its next start, by one look at the link."""
    folder = os.open(nginx.slot(name) / "current", os.O_RDONLY | os.O_DIRECTORY)
    try:
        return _text(folder, "fullchain.pem"), _text(folder, "privkey.pem")
    finally:
        os.close(folder)


def _text(folder: int, name: str) -> str:
    number = os.open(name, os.O_RDONLY, dir_fd=folder)
    try:
        return os.read(number, 100_000).decode()
    finally:
        os.close(number)


def files(material: Material) -> tuple[str, str]:
    return material.leaf_pem + material.chain_pem, material.key_pem


def versions(nginx: Nginx, name: str = NAME) -> set[str]:
    return {f"versions/{path.name}" for path in (nginx.slot(name) / "versions").glob("*")}


async def put(target: NginxTarget, material: Material) -> Standing:
    before = await target.examine()
    await target.install(material, before=before)
    return before
