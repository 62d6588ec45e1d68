"""How calls are signed, what the cloud's answers become, and what `check` tells."""

import importlib
import warnings

import pytest
from pydantic import SecretStr

from certloom.domain.errors import Outage
from certloom.domain.target import AlibabaCredentials
from certloom.targets.alibaba_api import AlibabaApi, AlibabaEndpoints
from certloom.targets.interface import Standing, TargetRefused
from tests.targets.alibaba.endpoint import Trouble
from tests.targets.alibaba.world import BALANCER, World
from tests.targets.pairs import pair

NAME = "www.example.com"
ONE = pair(NAME, 1)
SET = "SetCdnDomainSSLCertificate"

BUSY = [
    ("Throttling", 400),
    ("Throttling.User", 400),
    ("ServiceBusy", 403),
    ("ServiceUnavailable", 503),
    ("InternalError", 500),
    ("Domain.Busy", 400),
    ("SystemBusy", 400),
    ("OperationBusy", 400),
    ("ServiceIsConfiguring", 400),
    ("BackendServer.configuring", 400),
    ("DomainExtensionProcessing", 400),
    ("SomethingNew", 502),
]


async def _install(world: World, **more: object) -> None:
    await world.cdn(NAME, **more).install(ONE, before=Standing())


@pytest.mark.parametrize(("old", "style"), [(False, "v3"), (True, "old")])
async def test_both_signature_styles_are_let_in(balanced: World, *, old: bool, style: str) -> None:
    """A gateway that checks signatures lets whole installs in, in the style that the operator chose."""
    await _install(balanced, old=old)
    await balanced.slb(old=old).install(ONE, before=Standing())
    assert balanced.cloud.served(NAME) == ONE.fingerprint_sha256
    assert balanced.cloud.balancers.served(BALANCER, 443) == ONE.fingerprint_sha256
    assert set(balanced.endpoint.gateway.styles) == {style}


@pytest.mark.parametrize("old", [False, True])
async def test_a_wrong_secret_is_refused(world: World, *, old: bool) -> None:
    """The gateway refuses a signature with another secret, and the sentence says what to store."""
    with pytest.raises(TargetRefused, match=r"SignatureDoesNotMatch\. Store a valid one"):
        await _install(world, old=old, secret="another")
    assert world.endpoint.asked == []


async def test_an_unknown_key_is_refused(world: World) -> None:
    """An access key that is not there is refused as such, not as something that was not found."""
    with pytest.raises(TargetRefused, match="does not accept the access key"):
        await _install(world, key_id="LTAI-other")


@pytest.mark.parametrize(("code", "status"), BUSY)
async def test_busy_is_an_outage(world: World, code: str, status: int) -> None:
    """Codes that pass by themselves are outages with a pause, sent once and not again by the SDK."""
    world.endpoint.script(SET, Trouble(code, status))
    with pytest.raises(Outage, match=code) as caught:
        await _install(world)
    assert caught.value.retry_after is not None
    assert 1 <= caught.value.retry_after <= 60
    assert world.endpoint.asked.count(SET) == 1


async def test_a_named_pause_is_passed_on(world: World) -> None:
    """The pause that the cloud names in milliseconds is told in seconds."""
    world.endpoint.script(SET, Trouble("Throttling.User", headers=(("x-acs-retry-after", "42000"),)))
    with pytest.raises(Outage) as caught:
        await _install(world)
    assert caught.value.retry_after == 42


async def test_a_pause_beyond_belief_is_cut(world: World) -> None:
    """A pause of days is not waited for."""
    world.endpoint.script(SET, Trouble("Throttling", headers=(("x-acs-retry-after", "999999999"),)))
    with pytest.raises(Outage) as caught:
        await _install(world)
    assert caught.value.retry_after == 300


@pytest.mark.parametrize(
    ("action", "code", "right"),
    [
        (SET, "Forbidden.RAM", "cdn:SetCdnDomainSSLCertificate"),
        ("UploadUserCertificate", "NoPermission", "yundun-cert:UploadUserCertificate"),
        ("DescribeDomainCertificateInfo", "Forbidden", "cdn:DescribeDomainCertificateInfo"),
    ],
)
async def test_a_missing_permission_is_named(world: World, action: str, code: str, right: str) -> None:
    """What is not permitted is refused with the RAM action to permit."""
    world.endpoint.script(action, Trouble(code, 403))
    with pytest.raises(TargetRefused, match=f"Permit {right} to its user"):
        await _install(world)


async def test_other_codes_are_refused_with_code_sentence_and_request(world: World) -> None:
    """What we have no rule for is refused with the vendor's code, its sentence and the request's id."""
    world.endpoint.script(SET, Trouble("InvalidDomain.Offline", message="The domain is offline."))
    with pytest.raises(TargetRefused, match=r"InvalidDomain\.Offline: The domain is offline\. Request [0-9A-F-]{36}\."):
        await _install(world)


async def test_a_hanging_cloud_is_an_outage(world: World) -> None:
    """An answer that does not come is given up after the patience for one read."""
    world.endpoint.script("DescribeDomainCertificateInfo", Trouble(hang=True))
    with pytest.raises(Outage, match="no readable answer"):
        await world.cdn(read=0.1).examine()


async def test_a_whole_call_has_an_end(world: World) -> None:
    """However slowly the cloud answers, a call ends in an outage after the patience for the whole."""
    world.endpoint.script("DescribeDomainCertificateInfo", Trouble(hang=True))
    with pytest.raises(Outage, match="in time"):
        await world.cdn(whole=0.1).examine()


async def test_nobody_there_is_an_outage(world: World) -> None:
    """An endpoint where nobody listens is an outage."""
    target = world.cdn()
    world.endpoint.url = "http://127.0.0.1:1"
    nobody = world.cdn()
    with pytest.raises(Outage, match="no readable answer"):
        await nobody.examine()
    assert (await target.examine()).fingerprint_sha256 is None


async def test_check_finds_everything_in_order(balanced: World) -> None:
    """With all in order every finding works, and only reading calls were made."""
    findings = [*await balanced.cdn().check(), *await balanced.slb(NAME).check()]
    assert [one.what for one in findings] == [
        *("sdk", "credentials", "domain", "store", "domains"),
        *("sdk", "credentials", "listener", "store"),
    ]
    assert all(one.works for one in findings)
    assert all(action.startswith(("Describe", "List")) for action in balanced.endpoint.asked)


async def test_check_stops_at_a_refused_key(world: World) -> None:
    """A refused access key is one finding with what to do, and nothing more is tried."""
    findings = await world.cdn(secret="another").check()
    assert [(one.what, one.works) for one in findings] == [("sdk", True), ("credentials", False)]


async def test_check_tells_a_missing_domain_and_a_missing_permission(world: World) -> None:
    """What is missing is told beside what works."""
    world.endpoint.script("ListCertificates", Trouble("NoPermission", 403))
    findings = {one.what: one for one in await world.cdn("gone.example.com").check()}
    assert findings["credentials"].works
    assert not findings["domain"].works
    assert "yundun-cert:ListCertificates" in findings["store"].detail
    assert findings["domains"].works


@pytest.mark.parametrize("target", ["cdn", "slb"])
async def test_a_missing_sdk_is_refused_with_what_to_install(
    world: World, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the extra every call is refused with the command that installs it, and check tells the same."""
    real = importlib.import_module

    def without(name: str, package: str | None = None) -> object:
        if name.startswith("alibabacloud_"):
            raise ImportError(name)
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", without)
    opened = world.cdn() if target == "cdn" else world.slb()
    with pytest.raises(TargetRefused, match=r"requirements/alibaba\.lock"):
        await opened.examine()
    assert [(one.what, one.works) for one in await opened.check()] == [("sdk", False)]


async def test_without_an_override_the_vendors_address_is_used(world: World) -> None:
    """Products are reached over HTTPS at the vendor's address for the region."""
    credentials = AlibabaCredentials(access_key_id="LTAI", access_key_secret=SecretStr("x"))
    found = {}
    for region in ("cn-hangzhou", "ap-southeast-1"):
        api = AlibabaApi(credentials, AlibabaEndpoints(), region=region)
        await api.load("cdn", "cas", "slb")
        found[region] = [(one._protocol, one._endpoint) for one in api._clients.values()]
    assert found["cn-hangzhou"] == [("https", f"{name}.aliyuncs.com") for name in ("cdn", "cas", "slb")]
    assert [where for _, where in found["ap-southeast-1"]] == [
        "cdn.ap-southeast-1.aliyuncs.com",
        "cas.ap-southeast-1.aliyuncs.com",
        "slb.aliyuncs.com",
    ]


async def test_the_sdks_own_deprecated_call_is_no_error(world: World) -> None:
    """From Python 3.12 on the SDK's clock warns; where warnings are errors, that one does not break calls."""
    await world.api().load("cdn")
    text = "datetime.datetime.utcnow() is deprecated and scheduled for removal"
    warnings.warn_explicit(text, DeprecationWarning, "utils.py", 1, module="alibabacloud_tea_openapi.utils")
    with pytest.raises(DeprecationWarning):
        warnings.warn_explicit(text, DeprecationWarning, "ours.py", 1, module="certloom.targets")


@pytest.mark.parametrize("bad", ["ftp://cdn.example.com", "cdn.example.com", "https://user:pw@host", "https://h/path"])
def test_endpoints_are_addresses_only(bad: str) -> None:
    """An endpoint is a scheme, a host and a port, and nothing more."""
    with pytest.raises(ValueError, match="pattern"):
        AlibabaEndpoints(cdn=bad)
