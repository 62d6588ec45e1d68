"""nginx on another machine: a real sshd on loopback, and peers that are not what they should be."""

import asyncio
import stat
from collections.abc import AsyncIterator, Sequence
from ipaddress import ip_address
from pathlib import Path

import asyncssh
import pytest
from pydantic import SecretStr

from certloom.domain.errors import Outage
from certloom.domain.target import NginxSshCredentials, NginxSshSettings
from certloom.net.dialer import GuardedDialer
from certloom.net.interface import AddressRefused, Connection, IPAddress, Tls
from certloom.targets.interface import TargetRefused
from certloom.targets.machine_ssh import SshMachine
from certloom.targets.nginx import ssh_nginx
from certloom.targets.nginx_versions import version_of
from certloom.targets.ssh import SshConnection
from tests.targets.nginx_slot import NAME, Nginx, over_ssh
from tests.targets.nginx_steps import SEED, Killed, Mortal, files, held, over, put, settled, versions
from tests.targets.pairs import pair
from tests.targets.sshd import Sshd, login_with, loopback_dialer, public
from tests.targets.test_nginx_killed import INSTALL
from workers.ports import free_port

KEY = asyncssh.generate_private_key("ssh-ed25519")
NEW = pair(NAME, 1)


@pytest.fixture
async def nginx(tmp_path: Path) -> AsyncIterator[Nginx]:
    async with Nginx(tmp_path / "nginx") as running:
        yield running


@pytest.fixture
async def sshd(nginx: Nginx, tmp_path: Path) -> AsyncIterator[Sshd]:
    async with over_ssh(tmp_path / "sshd", nginx) as running:
        yield running


class Named:
    """A dialer that knows the address of one name that DNS does not know."""

    async def resolve(self, host: str) -> Sequence[IPAddress]:
        assert host == "machine.example.com"
        return [ip_address("127.0.0.1")]

    async def dial(self, host: str, port: int, *, tls: Tls | None = None) -> Connection:
        raise NotImplementedError


def settings_of(port: int, *, address: str = "127.0.0.1") -> NginxSshSettings:
    return NginxSshSettings(address=address, port=port, user="deploy", host_key=public(KEY), folder="/srv/site")


async def refusal(settings: NginxSshSettings, credentials: NginxSshCredentials) -> str:
    """What somebody is told who opens a slot and looks."""
    async with ssh_nginx(settings, credentials, loopback_dialer()) as target:
        with pytest.raises(TargetRefused) as refused:
            await target.examine()
    return refused.value.detail


async def test_an_installed_pair_is_served_and_private(nginx: Nginx, sshd: Sshd) -> None:
    """Files come over SFTP with modes 0600 and 0700, nginx there reloads, and the way back works."""
    async with sshd.target() as target:
        before = await put(target, NEW)
        assert await settled(nginx, NEW)
        version = nginx.slot() / version_of(NEW)
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (version.parent, *version.parent.rglob("*"))}
        assert modes == {"versions": 0o700, version.name: 0o700, "fullchain.pem": 0o600, "privkey.pem": 0o600}
        await target.roll_back(before, installed=NEW, known=None)
        assert await settled(nginx, SEED)


@pytest.mark.parametrize("life", range(0, INSTALL, 2))
async def test_an_install_that_was_killed_is_done_again(nginx: Nginx, sshd: Sshd, life: int) -> None:
    """Killed between two requests to the machine, the slot holds one whole pair, and the next call ends in the new."""
    connection = SshConnection(sshd.settings(), sshd.credentials, loopback_dialer())
    mortal = over(Mortal(SshMachine(connection), life), nginx)
    before = await nginx.target().examine()
    with pytest.raises(Killed):
        await mortal.install(NEW, before=before)
    await connection.close()
    assert held(nginx) in (files(SEED), files(NEW))
    async with sshd.target() as target:
        await target.install(NEW, before=before)
    assert await settled(nginx, NEW)


async def test_older_versions_are_forgotten(nginx: Nginx, sshd: Sshd) -> None:
    """The served pair and the one directly before it stay, also when asked twice."""
    async with sshd.target() as target:
        for number in (1, 2, 3):
            before = await put(target, pair(NAME, number))
        for _ in range(2):
            await target.forget(before)
    assert versions(nginx) == {version_of(pair(NAME, number)) for number in (2, 3)}


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256"])
async def test_another_host_key_is_refused(sshd: Sshd, kind: str) -> None:
    """A machine with another key, of the same or another type, is told by its fingerprint, and no login is tried."""
    other = sshd.settings().model_copy(update={"host_key": public(asyncssh.generate_private_key(kind))})
    assert sshd.host_key.get_fingerprint() in await refusal(other, sshd.credentials)
    assert "publickey" not in (sshd.folder / "log").read_text()


async def test_a_host_key_that_is_none_is_refused(sshd: Sshd) -> None:
    """A host key that cannot be read is refused before anything is dialled."""
    other = sshd.settings().model_copy(update={"host_key": "ssh-ed25519 AAAA"})
    assert "cannot be read" in await refusal(other, sshd.credentials)


async def test_another_user_key_is_refused(sshd: Sshd) -> None:
    """A private key that the machine does not know gets nobody in."""
    assert "does not accept" in await refusal(sshd.settings(), login_with(KEY))


async def test_an_agent_is_never_asked(sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys of whoever runs the worker are not tried, although an agent would hand them out."""
    asked: list[asyncio.StreamWriter] = []
    agent = await asyncio.start_unix_server(lambda _, writer: asked.append(writer), tmp_path / "agent")
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    async with agent:
        await refusal(sshd.settings(), login_with(KEY))
    assert asked == []


@pytest.mark.parametrize("passphrase", ["secret", None])
async def test_a_private_key_that_cannot_be_read_is_refused(sshd: Sshd, passphrase: str | None) -> None:
    """A key with a passphrase, and one that is none, are refused without a word of them."""
    text = KEY.export_private_key("pkcs8-pem", passphrase).decode() if passphrase else "-----BEGIN nonsense"
    told = await refusal(sshd.settings(), NginxSshCredentials(private_key=SecretStr(text)))
    assert "without a passphrase" in told
    assert not any(line in told for line in text.splitlines())


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "10.0.0.1", "::1"])
async def test_nothing_is_sent_to_a_refused_address(address: str) -> None:
    """This machine, a private network and the cloud's metadata are refused by the dialer, and nobody is called."""
    called: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: called.append(writer), "127.0.0.1", 0)
    port = int(server.sockets[0].getsockname()[1])
    guarded: GuardedDialer = loopback_dialer("198.51.100.0/24")
    async with server, ssh_nginx(settings_of(port, address=address), login_with(KEY), guarded) as target:
        with pytest.raises(AddressRefused):
            await target.examine()
        findings = await target.check()
    assert called == []
    assert [(finding.what, finding.works) for finding in findings] == [("address", False)]


async def test_only_the_checked_address_is_dialled(nginx: Nginx, sshd: Sshd) -> None:
    """The connection goes where the dialer said; no resolver of the system is asked for the name."""
    settings = sshd.settings(address="machine.example.com")
    async with ssh_nginx(settings, sshd.credentials, Named()) as target:
        assert (await target.examine()).fingerprint_sha256 == SEED.fingerprint_sha256


async def test_a_name_that_is_none_is_refused() -> None:
    """What cannot stand in DNS and is no address is a refusal of the target."""
    assert "cannot be used" in await refusal(settings_of(22, address="a..b"), login_with(KEY))


async def test_a_port_where_nobody_listens_is_an_outage() -> None:
    """Nobody at the port may be somebody later."""
    async with ssh_nginx(settings_of(free_port()), login_with(KEY), loopback_dialer()) as target:
        with pytest.raises(Outage, match="No connection"):
            await target.examine()


@pytest.mark.parametrize("greeting", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-x\r\n" + b"\xff" * 400])
async def test_a_peer_that_speaks_no_ssh_is_an_outage(greeting: bytes) -> None:
    """Whatever hangs up or speaks something else is an outage in one clean line."""

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    port = int(server.sockets[0].getsockname()[1])
    async with server, ssh_nginx(settings_of(port), login_with(KEY), loopback_dialer()) as target:
        with pytest.raises(Outage) as outage:
            await target.examine()
    assert outage.value.detail.isprintable()


async def test_a_peer_that_says_nothing_is_an_outage() -> None:
    """Whoever takes the connection and then is silent holds nobody for longer than the time of a login."""
    held_open: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: held_open.append(writer), "127.0.0.1", 0)
    settings = settings_of(int(server.sockets[0].getsockname()[1]))
    async with server:
        connection = SshConnection(settings, login_with(KEY), loopback_dialer(), login_seconds=0.1)
        with pytest.raises(Outage, match="no answer in time"):
            await connection.login()
    assert len(held_open) == 1
    held_open[0].transport.abort()


async def test_a_connection_that_breaks_is_an_outage(nginx: Nginx, sshd: Sshd) -> None:
    """What breaks midway can be tried again, over a new connection."""
    async with sshd.target() as target:
        before = await target.examine()
        sshd.hang_up()
        with pytest.raises(Outage):
            await target.install(NEW, before=before)
    async with sshd.target() as target:
        await target.install(NEW, before=before)
    assert await settled(nginx, NEW)


async def test_sudo_that_is_missing_is_refused(nginx: Nginx, sshd: Sshd) -> None:
    """Where sudo is wanted and not allowed, its words are told and nothing is changed."""
    sshd.program("sudo", 'echo "sudo: a password is required" >&2; exit 1')
    async with sshd.target(sudo=True) as target:
        with pytest.raises(TargetRefused, match=r"`sudo -n nginx -t` cannot be run.*a password is required"):
            await put(target, NEW)
        bad = {finding.what for finding in await target.check() if not finding.works}
    assert bad == {"nginx", "configuration", "sudo"}
    assert (held(nginx), versions(nginx)) == (files(SEED), set())


async def test_nginx_is_driven_by_sudo(nginx: Nginx, sshd: Sshd) -> None:
    """With sudo the commands go through `sudo -n`, also where it warns of its own host name."""
    sshd.program("sudo", 'echo "sudo: unable to resolve host" >&2; shift; [ "$1" = -l ] && exit 0; exec "$@"')
    async with sshd.target(sudo=True) as target:
        assert [finding for finding in await target.check() if not finding.works] == []
        await put(target, NEW)
    assert await settled(nginx, NEW)


async def test_a_check_names_every_step(sshd: Sshd) -> None:
    """What works is told step by step, each with a sentence."""
    async with sshd.target() as target:
        findings = await target.check()
    steps = ["address", "host_key", "login", "sftp", "folder", "link", "nginx", "configuration"]
    assert [finding.what for finding in findings if finding.works and finding.detail] == steps


async def test_a_check_ends_at_the_first_step_that_fails(sshd: Sshd) -> None:
    """A wrong key is a finding about the login, behind the steps that worked."""
    async with ssh_nginx(sshd.settings(), login_with(KEY), loopback_dialer()) as target:
        findings = await target.check()
    assert [(finding.what, finding.works) for finding in findings] == [
        ("address", True),
        ("host_key", True),
        ("login", False),
    ]


async def test_a_path_has_no_meaning_for_the_shell(sshd: Sshd, tmp_path: Path) -> None:
    """A folder whose name is a command is a folder."""
    folder = f"{tmp_path}/a; touch {tmp_path}/done #$(touch {tmp_path}/done)"
    settings = sshd.settings().model_copy(update={"folder": folder})
    async with ssh_nginx(settings, sshd.credentials, loopback_dialer()) as target:
        await target.check()
    assert not (tmp_path / "done").exists()


async def test_endless_output_is_cut(sshd: Sshd) -> None:
    """A machine that never stops talking is refused with a short line of it."""
    sshd.program("nginx", "exec yes nginx:")
    async with sshd.target() as target:
        with pytest.raises(TargetRefused) as refused:
            await put(target, NEW)
    assert len(refused.value.detail) < 600
