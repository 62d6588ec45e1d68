"""A real sshd on loopback, by which tests reach an nginx as if it were on another machine."""

import asyncio
import os
import pwd
import shlex
import signal
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import asyncssh
import pytest
from pydantic import SecretStr

from certloom.domain.target import NginxSshCredentials, NginxSshSettings
from certloom.net.addresses import read_networks
from certloom.net.dialer import GuardedDialer
from certloom.net.nameservers import read_nameservers
from certloom.net.resolver import DnsResolver
from certloom.targets.nginx import NginxTarget, ssh_nginx
from tests.targets.waiting import listens, until
from workers.ports import free_port

SSHD: Final = Path("/usr/sbin/sshd")
USER: Final = pwd.getpwuid(os.getuid()).pw_name

_SSHD = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {folder}/authorized_keys
AuthenticationMethods publickey
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
MaxStartups 100
Subsystem sftp internal-sftp
SetEnv PATH={folder}/bin:/usr/bin:/bin
"""


class Sshd:
    """An sshd of our own, for the user who runs the tests; the plain word `nginx` means the given nginx there."""

    def __init__(self, folder: Path, nginx: Sequence[str], slot: Path) -> None:
        if not SSHD.exists():
            pytest.skip(f"{SSHD} is not installed")
        self.folder = folder
        self.port = free_port()
        self.host_key = asyncssh.generate_private_key("ssh-ed25519")
        self.user_key = asyncssh.generate_private_key("ssh-ed25519")
        self._slot = slot
        self._process: asyncio.subprocess.Process | None = None
        (folder / "bin").mkdir(parents=True)
        self.program("nginx", f'exec {shlex.join(nginx)} "$@"')
        self.host_key.write_private_key(folder / "host_key")
        (folder / "host_key").chmod(0o600)
        (folder / "authorized_keys").write_bytes(self.user_key.export_public_key())
        (folder / "sshd_config").write_text(_SSHD.format(port=self.port, folder=folder))

    def program(self, name: str, text: str) -> None:
        """Put a shell script in front of PATH."""
        (self.folder / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
        (self.folder / "bin" / name).chmod(0o755)

    def settings(self, *, sudo: bool = False, address: str = "127.0.0.1") -> NginxSshSettings:
        return NginxSshSettings(
            address=address,
            port=self.port,
            user=USER,
            host_key=public(self.host_key),
            folder=str(self._slot),
            sudo=sudo,
        )

    @property
    def credentials(self) -> NginxSshCredentials:
        return login_with(self.user_key)

    def target(self, *, sudo: bool = False) -> AbstractAsyncContextManager[NginxTarget]:
        return ssh_nginx(self.settings(sudo=sudo), self.credentials, loopback_dialer())

    def hang_up(self) -> None:
        """End every session, as a network that breaks does."""
        assert self._process is not None
        pid = self._process.pid
        for session in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            os.kill(int(session), signal.SIGKILL)

    async def __aenter__(self) -> Self:
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # Debian's sshd wants it, and its service makes it
        command = (str(SSHD), "-D", "-e", "-f", str(self.folder / "sshd_config"))
        with (self.folder / "log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(*command, stderr=log)
        running = self._process
        await until(lambda: running.returncode is not None or listens(self.port), "sshd starts listening")
        assert running.returncode is None, (self.folder / "log").read_text()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        if self._process.returncode is None:
            self._process.terminate()
        await self._process.wait()


def public(key: asyncssh.SSHKey) -> str:
    """A public key as settings take it."""
    return " ".join(key.export_public_key().decode().split()[:2])


def login_with(key: asyncssh.SSHKey) -> NginxSshCredentials:
    return NginxSshCredentials(private_key=SecretStr(key.export_private_key().decode()))


def loopback_dialer(*allowed: str) -> GuardedDialer:
    """A dialer that reaches this machine, by its literal address alone: nobody answers its DNS."""
    resolver = DnsResolver(read_nameservers(["127.0.0.1:9"]), query_lifetime=0.2, server_timeout=0.1)
    return GuardedDialer(resolver, allow_networks=read_networks(list(allowed) or ["127.0.0.0/8"]))
