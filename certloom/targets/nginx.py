"""nginx as a target: pairs in folders of their own, one link that is swapped, and no reload without a test.

A slot is a folder: `versions/<fingerprint>-<digest>/` holds a pair and never changes once it is complete, `current` is
a link to one of them, or to a folder of somebody's own. nginx names `current/fullchain.pem` and `current/privkey.pem`,
so that certificate and key change in one step. A killed worker leaves one pair or the other, and never half of each.
"""

import asyncio
import contextlib
import posixpath
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final, NoReturn

from certloom.domain.errors import Outage
from certloom.domain.target import NginxSettings, NginxSshCredentials, NginxSshSettings
from certloom.net.interface import Dialer
from certloom.targets.allowed import AllowedTargets, require_inside
from certloom.targets.interface import Finding, Material, Standing, TargetRefused
from certloom.targets.machine import Machine, Ran, one_line
from certloom.targets.machine_local import LocalMachine
from certloom.targets.nginx_versions import CERTIFICATE, KEY, NginxSlot, version_of

_SECONDS: Final = 20.0
_NOT_RUNNING: Final = re.compile(r"invalid PID number|open\(\) .* failed \(2:|\(3: No such process\)")
_BAD: Final = re.compile(r"\[(?:emerg|alert|crit|error)\]")
_SUDO: Final = ("sudo", "-n")


class NotRunning(Outage):
    """nginx does not run, so nobody is served; what it will read when it starts is in place."""

    code = "not_running"


class NginxTarget:
    """Implements Target and Exclusive for one slot's folder. `written`: the folder as its configuration has it."""

    def __init__(
        self, machine: Machine, *, folder: str, command: Sequence[str], exclusive_key: str, written: str | None = None
    ) -> None:
        self._machine = machine
        self._slot = NginxSlot(machine, folder)
        self._command = tuple(command)
        self._exclusive_key = exclusive_key
        self._folders = dict.fromkeys((written or folder, folder))

    @property
    def exclusive_key(self) -> str:
        """One nginx: a test and a reload look at all its slots."""
        return self._exclusive_key

    async def examine(self) -> Standing:
        """See Target; `version` is the link word by word, and absent for an empty slot."""
        async with self._in_time():
            link = await self._slot.link()
            if link is None:
                return Standing()
            return Standing(fingerprint_sha256=await self._slot.fingerprint(), facts={"version": link})

    async def install(self, material: Material, *, before: Standing) -> None:
        """See Target; raises NotRunning when the pair is in place and no nginx takes it.

        A configuration that was broken before is refused before anything is changed, but for a slot without a pair:
        there nginx misses just the files that are about to come.
        """
        async with self._in_time():
            version, found = version_of(material), await self._slot.link()
            if found != version and await self._slot.fingerprint() is not None:
                await self._require_healthy("has a configuration that is broken without us, and nothing was changed")
            await self._slot.stage(material)
            if found != version:
                await self._slot.point(version)
            await self._take(version, back=before.facts.get("version") if found == version else found)

    async def roll_back(self, before: Standing, *, installed: Material, known: Material | None) -> None:
        """See Target; success when nginx does not run, for the next start takes what is there.

        nginx refuses the way back, but not *installed*: then *installed* stays, because a configuration that fails
        takes down everything at the next start. An empty slot whose files the configuration names is such a case.
        """
        async with self._in_time():
            link, back = await self._slot.link(), before.facts.get("version")
            if link == back and not await self._slot.seems_there(version_of(installed)):
                return
            if back is not None:
                back = await self._way_back(back, known)
            await self._slot.point(back)
            words = await self._test()
            if words is not None:
                await self._stay(version_of(installed), back, words)
            with contextlib.suppress(NotRunning):
                await self._reload()

    async def forget(self, before: Standing) -> None:
        """See Target; keeps the pair that is served and the one directly before it, for a way back by hand."""
        async with self._in_time():
            await self._slot.drop_all_but(before.facts.get("version"))

    async def check(self) -> Sequence[Finding]:
        """See Target."""
        async with self._in_time():
            reached = await self._machine.reach()
            if not all(finding.works for finding in reached):
                return reached
            trials = {"folder": self._try_folder, "link": self._try_link, "nginx": self._try_nginx}
            trials |= {"configuration": self._try_configuration}
            trials |= {"sudo": self._try_sudo} if self._command[:2] == _SUDO else {}
            return [*reached, *[await _tried(what, trial) for what, trial in trials.items()]]

    @contextlib.asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(_SECONDS):
                yield
        except TimeoutError as error:
            raise Outage(f"{self._machine.name} was not done within {_SECONDS:.0f} s.") from error

    async def _take(self, version: str, *, back: str | None) -> None:
        """Let nginx read *version*; what it refuses is taken away again."""
        try:
            await self._require_healthy("refuses its configuration with the new pair")
            await self._reload()
        except TargetRefused:
            await self._slot.point(back)
            if back != version:
                await self._slot.drop(version)
            raise

    async def _way_back(self, back: str, known: Material | None) -> str:
        """Return a link that leads to a pair; raises TargetRefused when there is none, with nothing changed."""
        if known is not None and (back == version_of(known) or not await self._slot.seems_there(back)):
            return await self._slot.stage(known)
        if not await self._slot.seems_there(back):
            raise TargetRefused(f"There is no way back: {one_line(back)} is gone from {self._slot.folder}.")
        return back

    async def _stay(self, version: str, back: str | None, words: str) -> NoReturn:
        """Choose between two ends when nginx refuses the way back; always raises."""
        if version != back and await self._slot.seems_there(version):
            await self._slot.point(version)
            if await self._test() is None:
                raise TargetRefused(f"There is no way back on {self._machine.name}, so the new pair stays: {words}")
            await self._slot.point(back)
        raise Outage(f"The pair before is in place, but nginx's configuration on {self._machine.name} fails: {words}")

    async def _require_healthy(self, else_: str) -> None:
        words = await self._test()
        if words is not None:
            raise TargetRefused(f"nginx on {self._machine.name} {else_}: {words}")

    async def _test(self) -> str | None:
        ran = await self._nginx("-t")
        return None if ran.code == 0 else _words(ran.output)

    async def _reload(self) -> None:
        ran = await self._nginx("-s", "reload")
        if ran.code and _NOT_RUNNING.search(ran.output):
            raise NotRunning(f"nginx on {self._machine.name} does not run; it takes the pair when it starts.")
        if ran.code:
            raise TargetRefused(f"nginx on {self._machine.name} cannot be reloaded: {_words(ran.output)}")

    async def _nginx(self, *arguments: str) -> Ran:
        ran = await self._machine.run((*self._command, *arguments))
        mute = ran.code and ran.output.startswith("sudo:") and "nginx:" not in ran.output
        if ran.code in (126, 127) or mute:
            command = " ".join((*self._command, *arguments))
            raise TargetRefused(f"`{command}` cannot be run on {self._machine.name}: {one_line(ran.output)}")
        return ran

    async def _try_folder(self) -> str:
        folder = self._slot.folder
        there = await self._machine.look(folder) is not None
        if not await self._machine.writable(folder if there else posixpath.dirname(folder)):
            raise TargetRefused(f"{folder} on {self._machine.name} cannot be written; make it, and give it to us.")
        return f"{folder} can be written." if there else f"{folder} can be made."

    async def _try_link(self) -> str:
        link = await self._slot.link()
        return "The slot is empty." if link is None else f"The slot leads to {link}."

    async def _try_nginx(self) -> str:
        await self._require_healthy("finds its configuration broken")
        return "nginx finds its configuration sound."

    async def _try_configuration(self) -> str:
        ran = await self._nginx("-T")
        if ran.code:
            return "Not looked at: `nginx -T` did not work."
        lines = [line for line in ran.output.splitlines() if not line.lstrip().startswith("#")]
        for directive, file in (("ssl_certificate", CERTIFICATE), ("ssl_certificate_key", KEY)):
            paths = "|".join(re.escape(f"{folder}/current/{file}") for folder in self._folders)
            if not any(re.search(rf"\b{directive}\s+[\"']?({paths})[\"']?\s*;", line) for line in lines):
                wanted = f"{next(iter(self._folders))}/current/{file}"
                raise TargetRefused(f"nginx's configuration does not read this slot; write: {directive} {wanted};")
        return "nginx reads this slot."

    async def _try_sudo(self) -> str:
        ran = await self._machine.run((*_SUDO, "-l", *self._command[2:], "-s", "reload"))
        if ran.code:
            raise TargetRefused(f"sudo on {self._machine.name} does not allow a reload: {one_line(ran.output)}")
        return "sudo allows a reload."


def _words(output: str) -> str:
    lines = output.splitlines()
    return one_line(" ".join([line for line in lines if _BAD.search(line)] or lines).replace("nginx: ", ""))


async def _tried(what: str, trial: Callable[[], Awaitable[str]]) -> Finding:
    try:
        return Finding(what=what, works=True, detail=await trial())
    except TargetRefused as refusal:
        return Finding(what=what, works=False, detail=refusal.detail)


def host_nginx(settings: NginxSettings, allowed: AllowedTargets) -> NginxTarget:
    """Open a slot on the worker's own machine; raises TargetRefused for what its targets file does not allow."""
    instance = allowed.nginx_instance(settings.host, settings.instance)
    try:
        real = Path(settings.folder).resolve()
    except (OSError, RuntimeError) as error:  # links that lead in a circle
        raise TargetRefused(f"The folder {settings.folder} cannot be followed: {error}.") from error
    return NginxTarget(
        LocalMachine(allowed.host),
        folder=str(require_inside(real, instance.folders, what="The folder")),
        command=instance.command,
        exclusive_key=f"nginx:{settings.host}:{settings.instance}",
        written=settings.folder,
    )


@contextlib.asynccontextmanager
async def ssh_nginx(
    settings: NginxSshSettings, credentials: NginxSshCredentials, dialer: Dialer
) -> AsyncIterator[NginxTarget]:
    """Open a slot on another machine; connects at the first call, and hangs up at the end."""
    from certloom.targets.machine_ssh import SshMachine  # noqa: PLC0415 (asyncssh is loaded when it is needed)
    from certloom.targets.ssh import SshConnection  # noqa: PLC0415 (as above)

    connection = SshConnection(settings, credentials, dialer)
    try:
        yield NginxTarget(
            SshMachine(connection),
            folder=settings.folder,
            command=(*_SUDO, "nginx") if settings.sudo else ("nginx",),
            exclusive_key=f"nginx_ssh:{settings.user}@{settings.address}:{settings.port}",
        )
    finally:
        await connection.close()
