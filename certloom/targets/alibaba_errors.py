"""What an answer of Alibaba Cloud means for us: try again, ask a person, or look for what is there already.

Nothing of a request is repeated: its parameters, private keys among them, travel in the URL and come back in messages.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Final

from certloom.domain.errors import Outage
from certloom.targets.interface import TargetRefused

LONGEST: Final = 300  # characters of the vendor's sentence that we pass on

_LONGEST_PAUSE: Final = 300.0  # seconds; what the vendor names beyond it is not believed
_PEM: Final = re.compile(r"-----BEGIN.*?(?:-----END[^-]*-----|$)", re.DOTALL)
_SIGNED: Final = re.compile(r"(?:server )?string to sign.*", re.DOTALL | re.IGNORECASE)
_ENCODED: Final = re.compile(r"\S{41,}")  # base64 and percent-encoded lumps; request ids have 36 characters
_TAKEN: Final = re.compile(r"name (?:already exists|is duplicated?)|名称重复|名称已存在", re.IGNORECASE)


class Meaning(StrEnum):
    """What a code comes to."""

    BUSY = "busy"
    KEY = "key"  # the access key itself is not accepted
    DENIED = "denied"  # the access key lacks a permission
    REFERENCED = "referenced"
    TAKEN = "taken"  # the name is in use
    NOT_FOUND = "not_found"
    OTHER = "other"


_CODES: Final[tuple[tuple[str, Meaning, float], ...]] = (
    ("Throttling*", Meaning.BUSY, 5),
    ("*.Throttling*", Meaning.BUSY, 5),
    ("ServiceUnavailable*", Meaning.BUSY, 20),
    ("InternalError*", Meaning.BUSY, 20),
    ("InternalInvokeError", Meaning.BUSY, 20),
    ("ServiceBusy", Meaning.BUSY, 15),  # CDN, with status 403: the domain is being configured
    ("*.Busy", Meaning.BUSY, 15),
    ("SystemBusy", Meaning.BUSY, 15),
    ("OperationBusy", Meaning.BUSY, 10),  # SLB: an earlier change is pending
    ("ServiceIsConfiguring", Meaning.BUSY, 10),
    ("ServiceIsStopping", Meaning.BUSY, 10),
    ("*[Cc]onfiguring", Meaning.BUSY, 10),
    ("*Processing", Meaning.BUSY, 10),  # DomainExtensionProcessing, VServerGroupProcessing
    ("SignatureNonceUsed", Meaning.BUSY, 1),  # the next attempt has another nonce
    ("InvalidAccessKeyId*", Meaning.KEY, 0),
    ("SignatureDoesNotMatch", Meaning.KEY, 0),
    ("IncompleteSignature", Meaning.KEY, 0),
    ("InvalidSecurityToken*", Meaning.KEY, 0),
    ("Forbidden*", Meaning.DENIED, 0),
    ("Forbbiden*", Meaning.DENIED, 0),  # so spelt by SLB
    ("NoPermission*", Meaning.DENIED, 0),
    ("*.NoPermission", Meaning.DENIED, 0),
    ("AccessDenied*", Meaning.DENIED, 0),
    ("Unauthorized*", Meaning.DENIED, 0),
    ("*IsRefer*", Meaning.REFERENCED, 0),  # SLB: CertificateAndPrivateKeyIsRefered
    ("CertificateRelated*Exist", Meaning.REFERENCED, 0),
    ("*InUse*", Meaning.REFERENCED, 0),
    ("NameRepeat*", Meaning.TAKEN, 0),
    ("*NameExist*", Meaning.TAKEN, 0),
    ("*NotFound*", Meaning.NOT_FOUND, 0),
    ("*NotExist*", Meaning.NOT_FOUND, 0),
    ("InvalidParameter.ServerCertificateId", Meaning.NOT_FOUND, 0),  # SLB, for ids that are gone
    ("InvalidParameter.DomainExtensionId", Meaning.NOT_FOUND, 0),
)
_STATUSES: Final[Mapping[int, tuple[Meaning, float]]] = {404: (Meaning.NOT_FOUND, 0), 429: (Meaning.BUSY, 5)}
"""What codes mean; the first line that fits decides, then the HTTP status, then 5xx is busy."""

_SENTENCES: Final[Mapping[Meaning, str]] = {
    Meaning.KEY: "Alibaba Cloud does not accept the access key of this target: {code}. Store a valid one.{request}",
    Meaning.DENIED: "The access key of this target lacks a permission: {code}. Permit {right} to its user.{request}",
}
_PLAIN: Final = "Alibaba Cloud refused {api}: {code}{message}.{request}"


class AlibabaRefused(TargetRefused):
    """The cloud's own refusal. `meaning` is for the callers that know what to do about it."""

    def __init__(self, detail: str, *, meaning: Meaning, vendor_code: str) -> None:
        super().__init__(detail)
        self.meaning = meaning
        self.vendor_code = vendor_code

    @property
    def is_about_access(self) -> bool:
        """Whether the access key is the trouble, so that another way to the same end is as closed."""
        return self.meaning in (Meaning.KEY, Meaning.DENIED)


def told(error: Exception, *, api: str, right: str) -> AlibabaRefused | Outage:
    """Return what to raise instead of an SDK's exception, free of anything that was sent.

    *api* is the action that was called, *right* the RAM action that permits it. The SDK's classes are not asked: a
    throttled call comes as ThrottlingException or as ClientException, as the headers will have it.
    """
    code, status = getattr(error, "code", None), getattr(error, "status_code", None)
    if not isinstance(code, str) or not isinstance(status, int):
        cause = type(getattr(error, "inner_exception", error)).__name__
        return Outage(f"Alibaba Cloud gave no readable answer to {api} ({cause}).", retry_after=10)
    vendor_message = _message(error)
    meaning, pause = _meaning(code, status, vendor_message)
    if meaning is Meaning.BUSY:
        return Outage(f"Alibaba Cloud is busy with {api}: {plain(code)}.", retry_after=_named_pause(error) or pause)
    words = {
        "api": api,
        "right": right,
        "code": plain(code),
        "message": _continued(plain(vendor_message)),
        "request": _request(error),
    }
    sentence = _SENTENCES.get(meaning, _PLAIN).format_map(words)
    return AlibabaRefused(sentence, meaning=meaning, vendor_code=code)


def plain(text: str) -> str:
    """Return a vendor's sentence without keys, certificates and signed strings, on one line, at most LONGEST long."""
    for pattern in (_SIGNED, _PEM, _ENCODED):
        text = pattern.sub("[...]", text)
    return " ".join(text.split())[:LONGEST].rstrip(" .")


def _meaning(code: str, status: int, message: str) -> tuple[Meaning, float]:
    for pattern, meaning, pause in _CODES:
        if fnmatchcase(code, pattern):
            return meaning, pause
    if _TAKEN.search(message):  # the certificate store's code for it is not documented, its sentence is known
        return Meaning.TAKEN, 0
    if status in _STATUSES:
        return _STATUSES[status]
    return (Meaning.BUSY, 20) if status >= 500 else (Meaning.OTHER, 0)


def _named_pause(error: Exception) -> float | None:
    """Return seconds; the header `x-acs-retry-after` names milliseconds."""
    named = getattr(error, "retry_after", None)
    return min(named / 1000, _LONGEST_PAUSE) if isinstance(named, int) and named > 0 else None


def _message(error: Exception) -> str:
    data = getattr(error, "data", None)
    found = data.get("Message") or data.get("message") if isinstance(data, Mapping) else None
    return found if isinstance(found, str) else ""


def _continued(message: str) -> str:
    return f": {message}" if message else ""


def _request(error: Exception) -> str:
    request_id = getattr(error, "request_id", None)
    return f" Request {plain(request_id)}." if isinstance(request_id, str) and request_id not in ("", "None") else ""
