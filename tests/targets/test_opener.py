"""The opener: each kind gets its adapter, and what this worker must not touch is refused before anything is sent."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

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
from certloom.net.dialer import GuardedDialer
from certloom.net.interface import Answer, CaaRecord, IPAddress
from certloom.targets.alibaba_cdn import AlibabaCdnTarget
from certloom.targets.alibaba_slb import AlibabaSlbTarget
from certloom.targets.allowed import AllowedTargets
from certloom.targets.haproxy import HaproxyTarget
from certloom.targets.interface import Exclusive, Target, TargetRefused
from certloom.targets.nginx import NginxTarget
from certloom.targets.opener import TargetOpener
from tests.targets.fake_slot import record

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8Q1u2yTJ7Yp1mC9wq9F4hQ8m7b0m4q6QH4m0q1Yc3Z"
ACCESS_KEY = AlibabaCredentials(access_key_id="LTAI5tExample", access_key_secret="secret-7f3a")
USER_KEY = NginxSshCredentials(private_key="secret-7f3a")
HAPROXY = HaproxySettings(host="edge-1", file="/srv/haproxy/site.pem")
NGINX = NginxSettings(host="edge-1", folder="/srv/nginx/site")
SSH = NginxSshSettings(address="192.0.2.1", user="deploy", host_key=HOST_KEY, folder="/srv/nginx/site")
CDN = AlibabaCdnSettings(domain="www.example.com")
SLB = AlibabaSlbSettings(load_balancer_id="lb-1")
TCP = HaproxyTcpSettings(address="192.0.2.1", port=9999, file="/etc/haproxy/site.pem")


class Nobody:
    """A resolver that nobody may ask: opening sends nothing."""

    async def addresses(self, host: str) -> Answer[IPAddress]:
        raise AssertionError(host)

    async def texts(self, name: str) -> Answer[str]:
        raise NotImplementedError

    async def caa(self, name: str) -> Answer[CaaRecord]:
        raise NotImplementedError


def allowed(host: str = "edge-1") -> AllowedTargets:
    return AllowedTargets.model_validate(
        {
            "host": host,
            "keep": "/var/lib/certloom/keep",
            "haproxy": {"main": {"socket": "/run/haproxy/admin.sock", "folders": ["/srv/haproxy"]}},
            "nginx": {"main": {"folders": ["/srv/nginx"]}},
        }
    )


@asynccontextmanager
async def opened(
    settings: TargetSettings, credentials: TargetCredentials | None = None, *, file: AllowedTargets | None = None
) -> AsyncIterator[Target]:
    target = record().model_copy(update={"settings": settings})
    async with TargetOpener(GuardedDialer(Nobody()), allowed=file).open(target, credentials) as target_opened:
        yield target_opened


@pytest.mark.parametrize(
    ("settings", "credentials", "adapter"),
    [
        (HAPROXY, None, HaproxyTarget),
        (TCP, None, HaproxyTarget),
        (NGINX, None, NginxTarget),
        (SSH, USER_KEY, NginxTarget),
        (CDN, ACCESS_KEY, AlibabaCdnTarget),
        (SLB, ACCESS_KEY, AlibabaSlbTarget),
    ],
    ids=lambda value: getattr(value, "kind", None),
)
async def test_each_kind_gets_its_adapter(
    settings: TargetSettings, credentials: TargetCredentials | None, adapter: type[Target]
) -> None:
    """Opening yields the kind's own slot, and asks nobody."""
    async with opened(settings, credentials, file=allowed()) as target:
        assert isinstance(target, adapter)


@pytest.mark.parametrize("settings", [HAPROXY, NGINX], ids=["haproxy", "nginx"])
async def test_a_worker_without_a_targets_file_touches_no_machine(settings: TargetSettings) -> None:
    """Host kinds are refused with what to do."""
    with pytest.raises(TargetRefused, match="run a targets worker on edge-1"):
        async with opened(settings):
            pass


@pytest.mark.parametrize("settings", [HAPROXY, NGINX], ids=["haproxy", "nginx"])
async def test_a_worker_touches_its_own_machine_alone(settings: TargetSettings) -> None:
    """A slot of another machine is refused, even when the path is allowed here."""
    with pytest.raises(TargetRefused, match="edge-2, not of edge-1"):
        async with opened(settings, file=allowed("edge-2")):
            pass


@pytest.mark.parametrize(
    "settings",
    [
        HAPROXY.model_copy(update={"file": "/etc/ssl/private/site.pem"}),
        HAPROXY.model_copy(update={"instance": "other"}),
        NGINX.model_copy(update={"folder": "/etc/ssl"}),
        NGINX.model_copy(update={"instance": "other"}),
    ],
    ids=["haproxy-file", "haproxy-instance", "nginx-folder", "nginx-instance"],
)
async def test_what_the_targets_file_does_not_name_is_refused(settings: TargetSettings) -> None:
    """Paths outside the folders and instances without a section are refused before anything is sent."""
    with pytest.raises(TargetRefused, match="targets file"):
        async with opened(settings, file=allowed()):
            pass


@pytest.mark.parametrize("settings", [SSH, CDN, SLB], ids=lambda value: value.kind)
@pytest.mark.parametrize("wrong", [False, True], ids=["none", "another-kind"])
async def test_a_kind_that_needs_credentials_is_refused_without(settings: TargetSettings, *, wrong: bool) -> None:
    """Without credentials, or with those of another kind, the sentence says what to give and shows no secret."""
    others = ACCESS_KEY if settings is SSH else USER_KEY
    with pytest.raises(TargetRefused, match=r"give it (the private key|an access key)") as refused:
        async with opened(settings, others if wrong else None):
            pass
    assert "secret-7f3a" not in refused.value.detail


async def test_targets_of_one_process_are_changed_one_at_a_time() -> None:
    """Slots of one HAProxy share a key, and another machine's have another."""
    keys = []
    other = TCP.model_copy(update={"address": "192.0.2.2"})
    for settings in (TCP, TCP.model_copy(update={"file": "/etc/haproxy/other.pem"}), other):
        async with opened(settings) as target:
            assert isinstance(target, Exclusive)
            keys.append(target.exclusive_key)
    assert (keys[0] == keys[1], keys[0] == keys[2]) == (True, False)


def test_no_sdk_is_loaded_before_it_is_needed() -> None:
    """A worker that opens no target of a kind does not load what that kind runs on."""
    seen = "import json, sys; import certloom.targets.opener; print(json.dumps(sorted(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", seen], capture_output=True, check=True, text=True).stdout
    heavy = ("asyncssh", "alibabacloud", "certloom.targets.haproxy", "certloom.targets.nginx")
    assert [name for name in json.loads(told) if name.startswith(heavy)] == []
