"""Another machine over SSH: files by SFTP, and few commands.

The machine may be anybody's: what it sends is bounded, and its words are cleaned. Files are synced; SFTP cannot sync a
folder, so that a power cut there may bring the link's old end back.
"""

import asyncio
import contextlib
import shlex
import stat
from collections.abc import AsyncIterator, Sequence
from typing import Final

import asyncssh

from certloom.domain.errors import CertloomError, Outage
from certloom.targets.interface import Finding, TargetRefused
from certloom.targets.machine import COMMAND_SECONDS, MOST_OUTPUT, MOST_READ, Entry, Kind, Ran, one_line
from certloom.targets.ssh import CONNECT_SECONDS, STRANGE, SshConnection

_MOST_NAMES: Final = 1000
_WELL: Final = {
    "address": "A connection came about.",
    "host_key": "The machine has the host key that was given.",
    "login": "The private key is accepted.",
    "sftp": "Files can be transferred.",
}
_GONE: Final = (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath)


class SshMachine:
    """Implements Machine; whoever made the connection closes it."""

    def __init__(self, connection: SshConnection) -> None:
        self._connection = connection
        self._files: asyncssh.SFTPClient | None = None

    @property
    def name(self) -> str:
        """See Machine."""
        return self._connection.name

    async def reach(self) -> Sequence[Finding]:
        """See Machine: address, host key, login, SFTP, as far as one comes."""
        trouble = ""
        try:
            await self._sftp()
        except CertloomError as error:
            trouble = error.detail
        good = [Finding(what=step, works=True, detail=_WELL[step]) for step in self._connection.reached]
        return [*good, Finding(what=self._connection.step, works=False, detail=trouble)] if trouble else good

    async def look(self, path: str) -> Entry | None:
        """See Machine."""
        async with self._asking(path) as files:
            try:
                found = await files.lstat(path)
            except _GONE:
                return None
            kinds = {stat.S_IFREG: Kind.FILE, stat.S_IFDIR: Kind.FOLDER, stat.S_IFLNK: Kind.LINK}
            mode = found.permissions or 0
            return Entry(kinds.get(stat.S_IFMT(mode), Kind.OTHER), stat.S_IMODE(mode))

    async def read(self, path: str) -> bytes | None:
        """See Machine."""
        async with self._asking(path) as files:
            try:
                async with files.open(path, "rb") as file:
                    content: bytes = await file.read(MOST_READ)
            except _GONE:
                return None
            return content

    async def names(self, folder: str) -> Sequence[str]:
        """See Machine."""
        found: list[str] = []
        async with self._asking(folder) as files:
            with contextlib.suppress(*_GONE):
                async for entry in files.scandir(folder):
                    found.append(str(entry.filename))
                    if len(found) == _MOST_NAMES:
                        break
        return [name for name in found if name not in (".", "..")]

    async def target_of(self, link: str) -> str:
        """See Machine."""
        async with self._asking(link) as files:
            return str(await files.readlink(link))

    async def writable(self, folder: str) -> bool:
        """See Machine."""
        return (await self.run(("test", "-w", folder, "-a", "-x", folder))).code == 0

    async def write(self, path: str, content: bytes) -> None:
        """See Machine."""
        async with self._asking(path) as files:
            with contextlib.suppress(*_GONE):
                await files.remove(path)
            async with files.open(path, "xb", asyncssh.SFTPAttrs(permissions=0o600)) as file:
                await file.write(content)
                await file.fsync()

    async def make_folder(self, path: str) -> None:
        """See Machine."""
        async with self._asking(path) as files:
            await files.mkdir(path, asyncssh.SFTPAttrs(permissions=0o700))

    async def make_link(self, target: str, path: str) -> None:
        """See Machine."""
        async with self._asking(path) as files:
            await files.symlink(target, path)

    async def rename(self, source: str, target: str) -> None:
        """See Machine."""
        async with self._asking(target) as files:
            await files.posix_rename(source, target)

    async def remove(self, path: str) -> None:
        """See Machine."""
        async with self._asking(path) as files:
            with contextlib.suppress(*_GONE):
                await files.remove(path)

    async def remove_folder(self, path: str) -> None:
        """See Machine; SFTP has one word for all that fails, so any failure counts as a folder that holds something."""
        async with self._asking(path) as files:
            with contextlib.suppress(asyncssh.SFTPFailure, asyncssh.SFTPDirNotEmpty, *_GONE):
                await files.rmdir(path)

    async def run(self, command: Sequence[str]) -> Ran:
        """See Machine."""
        connection = await self._connection.login()
        try:
            async with asyncio.timeout(COMMAND_SECONDS):
                return await _run(connection, shlex.join(command))
        except TimeoutError as error:
            raise Outage(f"{command[0]} on {self.name} did not end within {COMMAND_SECONDS:.0f} s.") from error
        except asyncssh.ChannelOpenError as error:
            raise TargetRefused(f"{self.name} runs no commands: {one_line(error.reason)}") from error
        except STRANGE as error:
            raise Outage(f"The connection to {self.name} broke: {one_line(str(error))}") from error

    @contextlib.asynccontextmanager
    async def _asking(self, path: str) -> AsyncIterator[asyncssh.SFTPClient]:
        files = await self._sftp()
        try:
            yield files
        except (asyncssh.SFTPPermissionDenied, asyncssh.SFTPOpUnsupported, asyncssh.SFTPNoSuchFile) as error:
            raise TargetRefused(f"{one_line(path)} on {self.name}: {one_line(error.reason)}") from error
        except STRANGE as error:
            why = one_line(str(error)) or type(error).__name__
            raise Outage(
                f"{one_line(path)} on {self.name}: {why}; is the disk full, or the connection gone?"
            ) from error

    async def _sftp(self) -> asyncssh.SFTPClient:
        if self._files is None:
            connection = await self._connection.login()
            self._connection.step = "sftp"
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    self._files = await connection.start_sftp_client()
            except (TimeoutError, asyncssh.ConnectionLost, asyncssh.SFTPConnectionLost) as error:
                raise Outage(f"{self.name} does not answer the request for SFTP.") from error
            except STRANGE as error:
                raise TargetRefused(f"{self.name} offers no SFTP: {one_line(str(error))}") from error
            self._connection.reached.append("sftp")
        return self._files


async def _run(connection: asyncssh.SSHClientConnection, command: str) -> Ran:
    async with connection.create_process(
        command, stdin=asyncssh.DEVNULL, stderr=asyncssh.STDOUT, encoding=None
    ) as process:
        try:
            output = await process.stdout.readexactly(MOST_OUTPUT)
        except asyncio.IncompleteReadError as end:
            output = end.partial
        else:
            process.channel.abort()
        await process.wait_closed()
        code = process.returncode
    return Ran(255 if code is None else code, output.decode(errors="replace"))
