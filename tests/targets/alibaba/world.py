"""One made-up cloud behind one endpoint, and targets that were opened on it."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

import pytest
from pydantic import SecretStr

from certloom.domain.target import AlibabaCdnSettings, AlibabaCredentials, AlibabaSlbSettings
from certloom.targets.alibaba_api import AlibabaApi, Patience
from certloom.targets.alibaba_cdn import AlibabaCdnTarget
from certloom.targets.alibaba_slb import AlibabaSlbTarget
from tests.targets.alibaba.cloud import Cloud, Domain
from tests.targets.alibaba.endpoint import Endpoint
from tests.targets.alibaba.signatures import Gateway

KEY_ID: Final = "LTAI-made-up"
SECRET: Final = "made-up-secret-of-the-access-key"
BALANCER: Final = "lb-bp1made-up"
PROXIES: Final = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy")


@dataclass
class World:
    """The cloud has the CDN domains www.example.com and api.example.com, and a listener on BALANCER once asked for."""

    cloud: Cloud
    endpoint: Endpoint

    def cdn(self, domain: str = "www.example.com", **more: object) -> AlibabaCdnTarget:
        return AlibabaCdnTarget(AlibabaCdnSettings(domain=domain), self.api(**more))

    def slb(self, domain: str | None = None, *, port: int = 443, **more: object) -> AlibabaSlbTarget:
        settings = AlibabaSlbSettings(load_balancer_id=BALANCER, listener_port=port, domain=domain)
        return AlibabaSlbTarget(settings, self.api(**more))

    def api(
        self,
        *,
        secret: object = SECRET,
        key_id: object = KEY_ID,
        old: object = False,
        read: object = None,
        whole: object = None,
    ) -> AlibabaApi:
        credentials = AlibabaCredentials(access_key_id=str(key_id), access_key_secret=SecretStr(str(secret)))
        patience = Patience(read=float(str(read or 8)), whole=float(str(whole or 18)))
        endpoints = self.endpoint.endpoints(old_signature=bool(old))
        return AlibabaApi(credentials, endpoints, region="cn-hangzhou", patience=patience)


@contextlib.asynccontextmanager
async def made_up_world() -> AsyncIterator[World]:
    """Open one; skips the test by name where the SDKs are not installed."""
    for sdk in ("alibabacloud_cdn20180510", "alibabacloud_slb20140515", "alibabacloud_cas20200407"):
        pytest.importorskip(sdk, reason=f"Alibaba Cloud's SDK {sdk} is not installed (extra: alibaba)")
    cloud = Cloud(domains={"www.example.com": Domain(), "api.example.com": Domain()})
    endpoint = Endpoint(gateway=Gateway(KEY_ID, SECRET), answer=cloud.answer)
    with pytest.MonkeyPatch.context() as patch:
        for name in PROXIES:  # the SDK sends loopback through a proxy too
            patch.delenv(name, raising=False)
        async with endpoint.running():
            yield World(cloud, endpoint)
