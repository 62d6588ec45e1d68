"""Opens targets of every kind: the one place that knows which adapter belongs to which settings.

Adapters are loaded when the first target of their kind is opened, so that a worker loads no SDK that it never calls.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, TypeVar, assert_never

from certloom.domain.target import (
    AlibabaCdnSettings,
    AlibabaCredentials,
    AlibabaSlbSettings,
    HaproxySettings,
    HaproxyTcpSettings,
    NginxSettings,
    NginxSshCredentials,
    NginxSshSettings,
    TargetCredentials,
    TargetSettings,
)
from certloom.domain.target import Target as TargetRecord
from certloom.net.interface import Dialer
from certloom.targets.allowed import AllowedTargets
from certloom.targets.interface import Target, TargetRefused

if TYPE_CHECKING:
    from certloom.targets.alibaba_api import AlibabaEndpoints

CredentialsT = TypeVar("CredentialsT", NginxSshCredentials, AlibabaCredentials)


class TargetOpener:
    """Implements Targets. `allowed` is the targets file of this machine, None where a worker touches no machine.

    `alibaba` says where the cloud's API is; None is the vendor's own address.
    """

    def __init__(
        self, dialer: Dialer, *, allowed: AllowedTargets | None = None, alibaba: "AlibabaEndpoints | None" = None
    ) -> None:
        self._dialer = dialer
        self._allowed = allowed
        self._alibaba = alibaba

    def open(self, target: TargetRecord, credentials: TargetCredentials | None) -> AbstractAsyncContextManager[Target]:
        """See Targets; credentials of a kind that needs none are not looked at."""
        return self._opened(target.settings, credentials)

    @asynccontextmanager
    async def _opened(self, settings: TargetSettings, credentials: TargetCredentials | None) -> AsyncIterator[Target]:
        match settings:
            case HaproxySettings() | HaproxyTcpSettings():
                yield self._haproxy(settings)
            case NginxSettings():
                from certloom.targets.nginx import host_nginx  # noqa: PLC0415 - loaded by who opens one

                yield host_nginx(settings, self._allowed_on(settings.host))
            case NginxSshSettings():
                from certloom.targets.nginx import ssh_nginx  # noqa: PLC0415 - loaded by who opens one

                key = _required(credentials, NginxSshCredentials, "the private key of its user")
                async with ssh_nginx(settings, key, self._dialer) as target:
                    yield target
            case AlibabaCdnSettings() | AlibabaSlbSettings():
                yield self._alibaba_target(settings, _required(credentials, AlibabaCredentials, "an access key"))
            case _:
                assert_never(settings)

    def _haproxy(self, settings: HaproxySettings | HaproxyTcpSettings) -> Target:
        from certloom.targets.haproxy import host_haproxy, tcp_haproxy  # noqa: PLC0415 - loaded by who opens one

        if isinstance(settings, HaproxyTcpSettings):
            return tcp_haproxy(settings, self._dialer)
        return host_haproxy(settings, self._allowed_on(settings.host))

    def _alibaba_target(self, settings: AlibabaCdnSettings | AlibabaSlbSettings, key: AlibabaCredentials) -> Target:
        from certloom.targets.alibaba_api import AlibabaEndpoints  # noqa: PLC0415 - loaded by who opens one
        from certloom.targets.alibaba_cdn import alibaba_cdn  # noqa: PLC0415 - as above
        from certloom.targets.alibaba_slb import alibaba_slb  # noqa: PLC0415 - as above

        endpoints = self._alibaba or AlibabaEndpoints()
        if isinstance(settings, AlibabaCdnSettings):
            return alibaba_cdn(settings, key, endpoints)
        return alibaba_slb(settings, key, endpoints)

    def _allowed_on(self, host: str) -> AllowedTargets:
        if self._allowed is None:
            raise TargetRefused(
                f"This worker has no targets file and touches no machine: run a targets worker on {host}, "
                f"whose targets file names it."
            )
        return self._allowed


def _required(credentials: TargetCredentials | None, kind: type[CredentialsT], what: str) -> CredentialsT:
    if not isinstance(credentials, kind):
        lacks = "has no credentials" if credentials is None else "has credentials of another kind"
        raise TargetRefused(f"The target {lacks}: give it {what}.")
    return credentials
