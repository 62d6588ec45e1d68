"""An SSH connection to a machine that a tenant names: to a checked address, with one host key and one user key.

No name reaches asyncssh, no file of ours is read for it, no agent is asked, and nothing is forwarded.
"""

import asyncio
import contextlib
import socket
from typing import Final

import asyncssh

from certloom.domain.errors import CertloomError, InvalidInput, Outage
from certloom.domain.target import NginxSshCredentials, NginxSshSettings
from certloom.net.interface import Dialer, IPAddress, Unreachable
from certloom.targets.interface import TargetRefused
from certloom.targets.machine import one_line

CONNECT_SECONDS: Final = 3.0
LOGIN_SECONDS: Final = 10.0
STRANGE: Final = (asyncssh.Error, OSError, ValueError, LookupError, EOFError)
"""Whatever a peer can bring about in asyncssh by what it sends."""

_HOST_KEYS: Final = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)


class _Witness(asyncssh.SSHClient):
    """Lets one host key pass, and remembers the one that was offered."""

    def __init__(self, expected: asyncssh.SSHKey) -> None:
        self.expected = expected
        self.offered: asyncssh.SSHKey | None = None
        self.passed = False

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002 (asyncssh's)
        self.offered = key
        self.passed = key.public_data == self.expected.public_data
        return self.passed


class SshConnection:
    """Logs in at the first call that needs it. `reached` are the steps behind us, `step` is the one under way."""

    def __init__(
        self,
        settings: NginxSshSettings,
        credentials: NginxSshCredentials,
        dialer: Dialer,
        *,
        login_seconds: float = LOGIN_SECONDS,
    ) -> None:
        self._login_seconds = login_seconds
        self._settings = settings
        self._credentials = credentials
        self._dialer = dialer
        self._connection: asyncssh.SSHClientConnection | None = None
        self.name = f"{settings.user}@{settings.address}:{settings.port}"
        self.reached: list[str] = []
        self.step = ""

    async def close(self) -> None:
        """Hang up; may be called twice."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort()
            with contextlib.suppress(TimeoutError, *STRANGE):
                await asyncio.wait_for(connection.wait_closed(), CONNECT_SECONDS)

    async def login(self) -> asyncssh.SSHClientConnection:
        """Return the open connection; raises TargetRefused, AddressRefused, Outage."""
        if self._connection is None:
            expected, own = self._host_key(), self._user_key()
            self.step = "address"
            sock = await self._dial()
            self.reached, self.step = ["address"], "host_key"
            self._connection = await self._shake(sock, expected, own)
            self.reached = ["address", "host_key", "login"]
        return self._connection

    def _host_key(self) -> asyncssh.SSHKey:
        self.step = "host_key"
        try:
            return asyncssh.import_public_key(self._settings.host_key)
        except (asyncssh.KeyImportError, ValueError) as error:
            raise TargetRefused(f"The host key given for {self.name} cannot be read.") from error

    def _user_key(self) -> asyncssh.SSHKey:
        self.step = "login"
        try:
            return asyncssh.import_private_key(self._credentials.private_key.get_secret_value())
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, ValueError):
            raise TargetRefused(  # the cause is left out: it may quote the key
                f"The private key for {self.name} cannot be read: give an OpenSSH or PKCS#8 key without a passphrase."
            ) from None

    async def _dial(self) -> socket.socket:
        try:
            addresses = await self._dialer.resolve(self._settings.address)
        except InvalidInput as error:
            raise TargetRefused(f"The address {self._settings.address} cannot be used: {error.detail}") from error
        second = next((one for one in addresses if one.version < addresses[0].version), None)
        try:
            return await self._connect(addresses[0])
        except Unreachable:
            if second is None:
                raise
            return await self._connect(second)

    async def _connect(self, address: IPAddress) -> socket.socket:
        sock = socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET, socket.SOCK_STREAM)
        sock.settimeout(0)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await asyncio.get_running_loop().sock_connect(sock, (str(address), self._settings.port))
        except BaseException as error:
            sock.close()
            if isinstance(error, OSError):  # TimeoutError is one
                why = "no answer in time" if isinstance(error, TimeoutError) else error.strerror or str(error)
                raise Unreachable(f"No connection to port {self._settings.port} of {address}: {why}.") from error
            raise
        return sock

    async def _shake(
        self, sock: socket.socket, expected: asyncssh.SSHKey, own: asyncssh.SSHKey
    ) -> asyncssh.SSHClientConnection:
        witness = _Witness(expected)
        try:
            return await _connect_ssh(sock, self._settings, witness, own, self._login_seconds)
        except (TimeoutError, *STRANGE) as error:
            sock.close()
            if witness.passed:
                self.reached, self.step = ["address", "host_key"], "login"
            raise self._why(error, witness) from error

    def _why(self, error: Exception, witness: _Witness) -> CertloomError:
        if witness.offered is not None and not witness.passed:
            offered = f"{witness.offered.get_algorithm()} {witness.offered.get_fingerprint()}"
            return TargetRefused(f"{self.name} offered another host key than the one given: {offered}.")
        if isinstance(error, asyncssh.PermissionDenied):
            return TargetRefused(f"{self.name} does not accept the given private key.")
        if isinstance(error, asyncssh.KeyExchangeFailed):
            return TargetRefused(f"No algorithms in common with {self.name}: {one_line(error.reason)}")
        why = "no answer in time" if isinstance(error, TimeoutError) else one_line(str(error))
        return Outage(f"No SSH connection to {self.name} came about: {why}.")


async def _connect_ssh(
    sock: socket.socket, settings: NginxSshSettings, witness: _Witness, own: asyncssh.SSHKey, seconds: float
) -> asyncssh.SSHClientConnection:
    kind = [name for name in _HOST_KEYS if name.encode() in witness.expected.sig_algorithms]
    return await asyncssh.connect(
        sock=sock,
        host=str(sock.getpeername()[0]),  # for messages alone: the socket is connected
        port=settings.port,
        config=None,
        client_factory=lambda: witness,
        known_hosts=([], [], []),  # nobody but the witness lets a key pass
        server_host_key_algs=[*kind, *(name for name in _HOST_KEYS if name not in kind)],
        x509_trusted_certs=None,
        username=settings.user,
        client_keys=[own],
        agent_path=None,
        preferred_auth="publickey",
        password_auth=False,
        kbdint_auth=False,
        host_based_auth=False,
        gss_host=None,
        agent_forwarding=False,
        compression_algs=None,
        connect_timeout=seconds,
        login_timeout=seconds,
    )
