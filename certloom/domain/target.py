"""The places that serve certificates: what kinds there are, what each needs to know, and where it can be asked.

Settings and credentials have one model per kind; what an API takes, SQL keeps and an adapter opens is the same value.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import AfterValidator, Field, SecretStr, StringConstraints

from certloom.domain.address import host_in_url
from certloom.domain.model import Model, Utc

MOST_ENDPOINTS: Final = 20
HOST_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_ADDRESS: Final = re.compile(r"[A-Za-z0-9._:\[\]-]{1,255}")
_DNS_NAME: Final = re.compile(r"(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{1,63}")


class TargetKind(StrEnum):
    """What drives a target; each has one adapter in certloom/targets/."""

    HAPROXY = "haproxy"  # host kind: its socket and its file on the worker's own machine
    HAPROXY_TCP = "haproxy_tcp"  # the same runtime API over TCP; in memory only
    NGINX = "nginx"  # host kind: a folder and a reload on the worker's own machine
    NGINX_SSH = "nginx_ssh"  # the same on another machine, over SSH
    ALIBABA_CDN = "alibaba_cdn"
    ALIBABA_SLB = "alibaba_slb"  # classic load balancer


def _path(value: str) -> str:
    path = PurePosixPath(value)
    if not path.is_absolute() or ".." in path.parts or str(path) != value or any(c < " " or c == "\x7f" for c in value):
        raise ValueError("write an absolute path without .., double or trailing slashes")
    return value


def _address(value: str) -> str:
    if not _ADDRESS.fullmatch(value):
        raise ValueError("write a host name or an IP address")
    return value.lower()


def _server_name(value: str) -> str:
    name = value.lower()
    if not _DNS_NAME.fullmatch(name):
        raise ValueError("write a DNS name in its ASCII form, such as www.example.com")
    return name


def _worker_host(value: str) -> str:
    if not HOST_NAME.fullmatch(value):
        raise ValueError("write the name that a targets worker has in its file: letters, digits and hyphens")
    return value


Path = Annotated[str, Field(min_length=2, max_length=500), AfterValidator(_path)]
Address = Annotated[str, AfterValidator(_address)]
ServerName = Annotated[str, AfterValidator(_server_name)]
WorkerHost = Annotated[str, AfterValidator(_worker_host)]
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,100}$")]
Port = Annotated[int, Field(ge=1, le=65535)]


class Endpoint(Model):
    """Where a target can be asked what it serves: a TLS port, and the name sent as SNI (without it, `host`)."""

    host: Address
    port: Port = 443
    server_name: ServerName | None = None

    @property
    def sni(self) -> str:
        """The name that a client sends."""
        return self.server_name or self.host

    def __str__(self) -> str:
        """Name it in sentences."""
        where = f"{host_in_url(self.host.strip('[]'))}:{self.port}"
        return where if self.server_name in (None, self.host) else f"{where} for {self.server_name}"


class HaproxySettings(Model):
    """An instance named in the host's targets file, and the PEM file of this slot; `crt_list` binds new files."""

    kind: Literal[TargetKind.HAPROXY] = TargetKind.HAPROXY
    host: WorkerHost
    instance: Word = "main"
    file: Path
    crt_list: Path | None = None


class HaproxyTcpSettings(Model):
    """A runtime API on TCP (`stats socket ipv4@...:9999 level admin`); HAProxy forgets the change when it restarts."""

    kind: Literal[TargetKind.HAPROXY_TCP] = TargetKind.HAPROXY_TCP
    address: Address
    port: Port
    file: Path  # the path by which HAProxy knows the certificate
    crt_list: Path | None = None
    replace_unknown_with_no_way_back: bool = False  # what was there before came from elsewhere and cannot be read back


class NginxSettings(Model):
    """An instance named in the host's targets file, and the folder of this slot; nginx reads `<folder>/current/`."""

    kind: Literal[TargetKind.NGINX] = TargetKind.NGINX
    host: WorkerHost
    instance: Word = "main"
    folder: Path


class NginxSshSettings(Model):
    """A machine reached over SSH; `host_key` is its public key as in known_hosts, without the name."""

    kind: Literal[TargetKind.NGINX_SSH] = TargetKind.NGINX_SSH
    address: Address
    port: Port = 22
    user: Word
    host_key: Annotated[str, StringConstraints(pattern=r"^[a-z0-9@.-]+ [A-Za-z0-9+/=]+$", max_length=2000)]
    folder: Path
    sudo: bool = False  # `sudo -n` before nginx; the files themselves are written by the user


class NginxSshCredentials(Model):
    """The private key that the machine's user accepts, in OpenSSH or PKCS#8 form, without a passphrase."""

    private_key: Annotated[SecretStr, Field(max_length=20_000)]


class AlibabaCdnSettings(Model):
    """A CDN domain; a wildcard domain is written `.example.com`, as the CDN does."""

    kind: Literal[TargetKind.ALIBABA_CDN] = TargetKind.ALIBABA_CDN
    domain: Annotated[str, StringConstraints(pattern=r"^\.?[a-z0-9_.-]{1,253}$")]
    region: Literal["cn-hangzhou", "ap-southeast-1"] = "cn-hangzhou"  # where the certificate store is


class AlibabaSlbSettings(Model):
    """An HTTPS listener of a classic load balancer: its default certificate, or with `domain` that SNI extension's."""

    kind: Literal[TargetKind.ALIBABA_SLB] = TargetKind.ALIBABA_SLB
    region: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{2,40}$")] = "cn-hangzhou"
    load_balancer_id: Word
    listener_port: Port = 443
    domain: ServerName | None = None


class AlibabaCredentials(Model):
    """An access key of a RAM user with no more rights than docs/targets.md lists."""

    access_key_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,128}$")]
    access_key_secret: Annotated[SecretStr, Field(max_length=200)]


TargetSettings = Annotated[
    HaproxySettings | HaproxyTcpSettings | NginxSettings | NginxSshSettings | AlibabaCdnSettings | AlibabaSlbSettings,
    Field(discriminator="kind"),
]
TargetCredentials = NginxSshCredentials | AlibabaCredentials

CREDENTIALS: Final[Mapping[TargetKind, type[TargetCredentials] | None]] = {
    TargetKind.HAPROXY: None,
    TargetKind.HAPROXY_TCP: None,
    TargetKind.NGINX: None,
    TargetKind.NGINX_SSH: NginxSshCredentials,
    TargetKind.ALIBABA_CDN: AlibabaCredentials,
    TargetKind.ALIBABA_SLB: AlibabaCredentials,
}

SETTINGS: Final[Mapping[TargetKind, type[Model]]] = {
    TargetKind.HAPROXY: HaproxySettings,
    TargetKind.HAPROXY_TCP: HaproxyTcpSettings,
    TargetKind.NGINX: NginxSettings,
    TargetKind.NGINX_SSH: NginxSshSettings,
    TargetKind.ALIBABA_CDN: AlibabaCdnSettings,
    TargetKind.ALIBABA_SLB: AlibabaSlbSettings,
}

HOST_KINDS: Final = frozenset({TargetKind.HAPROXY, TargetKind.NGINX})
"""Kinds that touch the worker's own machine: only operators create them."""

MEMBER_KINDS: Final = frozenset(TargetKind) - HOST_KINDS - {TargetKind.HAPROXY_TCP}
"""Kinds that members create unless an operator says otherwise. HAProxy's API over TCP asks for no password: what lets
in there is the worker's place in the network, which is not every tenant's to use."""

PROVE_WITHIN: Final[Mapping[TargetKind, timedelta]] = {
    TargetKind.HAPROXY: timedelta(seconds=30),  # new handshakes get it at once: 2 ms were measured
    TargetKind.HAPROXY_TCP: timedelta(seconds=30),
    TargetKind.NGINX: timedelta(seconds=60),  # old workers go within 0.2 s of a reload; a busy machine takes longer
    TargetKind.NGINX_SSH: timedelta(seconds=60),
    TargetKind.ALIBABA_CDN: timedelta(minutes=30),  # no propagation time is published
    TargetKind.ALIBABA_SLB: timedelta(minutes=5),
}
"""How long a target may take until every endpoint serves the new leaf, unless the target says otherwise."""


BETWEEN_PROOFS: Final[Mapping[TargetKind, timedelta]] = {
    TargetKind.HAPROXY: timedelta(0),  # one process switches at once
    TargetKind.HAPROXY_TCP: timedelta(0),
    TargetKind.NGINX: timedelta(seconds=0.15),  # old workers accept for about 0.1 s after a reload, and were seen to
    TargetKind.NGINX_SSH: timedelta(seconds=0.15),
    TargetKind.ALIBABA_CDN: timedelta(seconds=1),  # many machines behind one address
    TargetKind.ALIBABA_SLB: timedelta(seconds=0.5),
}
"""The pause between two looks of one proof, so that they do not all meet the same process."""


_NO_PART_OF_THE_SLOT: Final = {"crt_list", "replace_unknown_with_no_way_back", "user", "host_key", "sudo"}


class Target(Model):
    """One slot of one place: exactly one certificate is served from it. Credentials are kept apart, sealed."""

    id: str
    account_id: str
    name: str
    settings: TargetSettings
    endpoints: tuple[Endpoint, ...]
    prove_within: timedelta
    created_at: Utc
    deleted_at: Utc | None = None

    SLOWEST: ClassVar[timedelta] = timedelta(hours=24)

    @property
    def kind(self) -> TargetKind:
        """What drives it."""
        return self.settings.kind

    @property
    def host(self) -> str | None:
        """The machine whose targets worker alone can drive it; None when any worker can."""
        return getattr(self.settings, "host", None) if self.kind in HOST_KINDS else None

    @property
    def slot(self) -> str:
        """Name what is served from it: no two targets may have the same, or two certificates would fight for it.

        What tenants name counts within their account, so that nobody can keep another from their own place.
        """
        where = self.settings.model_dump(exclude=_NO_PART_OF_THE_SLOT)
        mine = {} if self.kind in HOST_KINDS else {"account": self.account_id}
        return json.dumps({**where, **mine}, sort_keys=True)

    @property
    def credentials_ref(self) -> str:
        """Where its sealed credentials are kept."""
        return f"{self.id}/credentials"


def covers(names: Sequence[str], server_name: str) -> bool:
    """Whether a certificate for *names* (A-labels) is good for a client that asks for *server_name* (RFC 6125 6.4)."""
    _, _, parent = server_name.partition(".")
    return server_name in names or f"*.{parent}" in names


def revealed(credentials: TargetCredentials) -> dict[str, Any]:
    """Return the credentials with their secrets in clear, for sealing and nothing else."""
    shown = {name: getattr(credentials, name) for name in type(credentials).model_fields}
    return {name: value.get_secret_value() if isinstance(value, SecretStr) else value for name, value in shown.items()}
