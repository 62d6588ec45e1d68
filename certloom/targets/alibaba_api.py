"""The one door to Alibaba Cloud's SDKs: an optional extra, loaded when the first such target is used.

The SDKs are untyped, so `Any` is named here and nowhere else in this room. We call their `*_async` methods: these open
and close an aiohttp session per call, can be cancelled, and log nothing. The others keep pools of `requests` for the
life of the process, and urllib3 writes every URL, private keys included, to its log at DEBUG.
"""

import asyncio
import importlib
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Final, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from pydantic.alias_generators import to_pascal

from certloom.domain.errors import Outage
from certloom.domain.model import Model
from certloom.domain.target import AlibabaCredentials
from certloom.targets.alibaba_errors import AlibabaRefused, Meaning, told
from certloom.targets.interface import Finding, TargetRefused

Product = Literal["cdn", "slb", "cas"]
EndpointUrl = Annotated[str, StringConstraints(pattern=r"^https?://[A-Za-z0-9._\[\]:-]{1,255}$")]

_PACKAGES: Final[dict[Product, str]] = {
    "cdn": "alibabacloud_cdn20180510",
    "slb": "alibabacloud_slb20140515",
    "cas": "alibabacloud_cas20200407",
}
_RIGHTS: Final[dict[Product, str]] = {"cdn": "cdn", "slb": "slb", "cas": "yundun-cert"}


class Action(Enum):
    """All that we ask of the cloud: the product, the action's name, and the SDK's method for it."""

    DOMAIN_CERTIFICATE = ("cdn", "DescribeDomainCertificateInfo", "describe_domain_certificate_info")
    DOMAINS = ("cdn", "DescribeCdnHttpsDomainList", "describe_cdn_https_domain_list")
    SET_DOMAIN_CERTIFICATE = ("cdn", "SetCdnDomainSSLCertificate", "set_cdn_domain_sslcertificate")
    LIST = ("cas", "ListCertificates", "list_certificates")
    DETAIL = ("cas", "GetUserCertificateDetail", "get_user_certificate_detail")
    STORE = ("cas", "UploadUserCertificate", "upload_user_certificate")
    DROP = ("cas", "DeleteUserCertificate", "delete_user_certificate")
    LISTENER = ("slb", "DescribeLoadBalancerHTTPSListenerAttribute", "describe_load_balancer_httpslistener_attribute")
    SET_LISTENER = ("slb", "SetLoadBalancerHTTPSListenerAttribute", "set_load_balancer_httpslistener_attribute")
    EXTENSIONS = ("slb", "DescribeDomainExtensions", "describe_domain_extensions")
    CREATE_EXTENSION = ("slb", "CreateDomainExtension", "create_domain_extension")
    SET_EXTENSION = ("slb", "SetDomainExtensionAttribute", "set_domain_extension_attribute")
    DELETE_EXTENSION = ("slb", "DeleteDomainExtension", "delete_domain_extension")
    SERVER_CERTIFICATES = ("slb", "DescribeServerCertificates", "describe_server_certificates")
    UPLOAD = ("slb", "UploadServerCertificate", "upload_server_certificate")
    DELETE = ("slb", "DeleteServerCertificate", "delete_server_certificate")

    def __init__(self, product: Product, api: str, method: str) -> None:
        self.product = product
        self.api = api
        self.method = method

    @property
    def right(self) -> str:
        """The RAM action that permits it."""
        return f"{_RIGHTS[self.product]}:{self.api}"

    @property
    def request(self) -> str:
        """The SDK's class for its parameters."""
        return f"{self.api}Request"


class AlibabaEndpoints(Model):
    """Where the operator's network reaches Alibaba Cloud, as `https://host:port`; None is the vendor's own address.

    `old_signature` signs with HMAC-SHA1, for private clouds that know no ACS3-HMAC-SHA256. Never a tenant's setting.
    """

    cdn: EndpointUrl | None = None
    slb: EndpointUrl | None = None
    cas: EndpointUrl | None = None
    old_signature: bool = False

    def of(self, product: Product) -> str | None:
        """Return the address of one product's API."""
        return {"cdn": self.cdn, "slb": self.slb, "cas": self.cas}[product]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long we wait, in seconds: for a connection, for the next bytes of an answer, and for a whole target call."""

    connect: float = 3
    read: float = 8
    whole: float = 18


class Wire(BaseModel):
    """A part of an answer: the fields that we read, in the vendor's spelling; what is new there is ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_pascal, coerce_numbers_to_str=True)


WireT = TypeVar("WireT", bound=Wire)


class AlibabaApi:
    """Calls with one access key, each sent once: trying again is the workflow's. Keeps nothing open between calls."""

    def __init__(
        self,
        credentials: AlibabaCredentials,
        endpoints: AlibabaEndpoints,
        *,
        region: str,
        patience: Patience | None = None,
    ) -> None:
        self._credentials = credentials
        self._endpoints = endpoints
        self._region = region
        self._patience = patience or Patience()
        self._clients: dict[Product, Any] = {}

    async def load(self, *products: Product) -> None:
        """Load SDKs, off the event loop for it takes half a second; raises TargetRefused for what is not installed."""
        for product in products:
            if product not in self._clients:
                self._clients[product] = await asyncio.to_thread(self._client, product)

    async def call(self, action: Action, answer: type[WireT], **parameters: str | int | bool | None) -> WireT:
        """Ask once and return the answer; raises AlibabaRefused, TargetRefused or Outage, with nothing sent in them.

        The SDK's exceptions carry the request, so ours are raised outside of its `except`, without context.
        """
        await self.load(action.product)
        request = getattr(_module(action.product, "models"), action.request)(**parameters)
        try:
            asked = getattr(self._clients[action.product], f"{action.method}_with_options_async")
            return answer.model_validate((await asked(request, self._runtime())).body.to_map())
        except ValidationError:
            sentence = f"Alibaba Cloud's answer to {action.api} is not as documented."
            trouble: AlibabaRefused | Outage = Outage(sentence, retry_after=60)
        except Exception as error:  # noqa: BLE001 - the SDK raises what its HTTP client and its parser raise
            trouble = told(error, api=action.api, right=action.right)
        raise trouble

    @asynccontextmanager
    async def in_time(self) -> AsyncIterator[None]:
        """Give up with Outage after `Patience.whole`: what was asked may have happened, and is looked for next time."""
        try:
            async with asyncio.timeout(self._patience.whole):
                yield
        except TimeoutError:
            raise Outage("Alibaba Cloud did not answer in time.", retry_after=10) from None

    def _client(self, product: Product) -> Any:
        client, models = _module(product, "client"), importlib.import_module("alibabacloud_tea_openapi.utils_models")
        _quieten()
        url = self._endpoints.of(product)
        where = urlsplit(url) if url else None
        config = models.Config(
            access_key_id=self._credentials.access_key_id,
            access_key_secret=self._credentials.access_key_secret.get_secret_value(),
            region_id=self._region,
            protocol=where.scheme if where else "https",
            endpoint=where.netloc if where else None,
            signature_algorithm="v2" if self._endpoints.old_signature else None,
        )
        return client.Client(config)

    def _runtime(self) -> Any:
        options = importlib.import_module("darabonba.runtime").RuntimeOptions
        connect, read = round(self._patience.connect * 1000), round(self._patience.read * 1000)
        return options(autoretry=False, connect_timeout=connect, read_timeout=read)


def _quieten() -> None:
    """Let the SDK's `datetime.utcnow`, deprecated since Python 3.12, be no error where warnings are errors."""
    warnings.filterwarnings(
        "ignore", message=r"datetime\.datetime\.utcnow", category=DeprecationWarning, module="alibabacloud_tea_openapi"
    )


def _module(product: Product, part: str) -> Any:
    try:
        return importlib.import_module(f"{_PACKAGES[product]}.{part}")
    except ImportError:
        refusal = TargetRefused(
            f"This worker lacks Alibaba Cloud's SDK {_PACKAGES[product]}: install requirements/alibaba.lock there."
        )
    raise refusal


@dataclass(frozen=True, slots=True)
class Attempt:
    """One thing to try for `Target.check`: its code, the reading call, and what it means that it works."""

    what: str
    call: Callable[[], Awaitable[object]]
    good: str


async def findings_of(api: AlibabaApi, products: Sequence[Product], attempts: Sequence[Attempt]) -> Sequence[Finding]:
    """Try all of it, for `Target.check`; the rest is left out once an SDK is missing or the access key is refused.

    Whether the access key is accepted is told by the first call that comes back. Raises Outage.
    """
    findings = [await _tried(Attempt("sdk", lambda: api.load(*products), "The SDKs are installed."))]
    for attempt in attempts if findings[0].works else ():
        finding = await _tried(attempt)
        if len(findings) == 1 and finding.what != "credentials":
            findings.append(Finding(what="credentials", works=True, detail="The access key is accepted."))
        findings.append(finding)
        if finding.what == "credentials":
            break
    return findings


async def _tried(attempt: Attempt) -> Finding:
    try:
        await attempt.call()
    except AlibabaRefused as refusal:
        what = "credentials" if refusal.meaning is Meaning.KEY else attempt.what
        return Finding(what=what, works=False, detail=refusal.detail)
    except TargetRefused as refusal:
        return Finding(what=attempt.what, works=False, detail=refusal.detail)
    return Finding(what=attempt.what, works=True, detail=attempt.good)
