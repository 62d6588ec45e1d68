"""ACME renewal information (RFC 9773): a leaf's identifier, and the window in which its CA wants it renewed."""

from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography import x509
from josepy.b64 import b64encode
from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError

from certloom.domain.errors import Later, Outage
from certloom.issuers.acme_problems import refusal_of
from certloom.issuers.acme_replies import Reply, Wire
from certloom.issuers.interface import RenewalWindow

SOONEST: Final = timedelta(minutes=1)  # RFC 9773 section 4.3 asks for limits of our own
LATEST: Final = timedelta(days=1)
USUAL: Final = timedelta(hours=6)

_LONGEST_URL: Final = 500
_MOMENT: Final = TypeAdapter(AwareDatetime)


class _RenewalInfo(Wire):
    window: dict[str, Any] = Field(default={}, alias="suggestedWindow")
    explanation: Any = Field(default=None, alias="explanationURL")


def certificate_id(leaf_pem: str) -> str | None:
    """Return a leaf's identifier (section 4.1): key identifier of its signer, and serial as DER has it.

    None when the leaf names no such key identifier, or is none.
    """
    try:
        leaf = x509.load_pem_x509_certificate(leaf_pem.encode())
        signer = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except (ValueError, x509.ExtensionNotFound):
        return None
    if not signer:
        return None
    serial = leaf.serial_number.to_bytes(leaf.serial_number.bit_length() // 8 + 1, "big")
    return f"{b64encode(signer).decode('ascii')}.{b64encode(serial).decode('ascii')}"


def read_window(reply: Reply, *, now: datetime) -> RenewalWindow:
    """Return what a CA suggests; a window that ends before it starts, or cannot be read, is none. Raises Outage."""
    if not reply.ok:
        refusal = refusal_of(reply, now=now)
        if isinstance(refusal, Later):
            raise refusal
        raise Outage(f"The CA answered {reply.status} when it was asked when to renew.")
    info = reply.read(_RenewalInfo)
    start, end = _moment(info.window.get("start")), _moment(info.window.get("end"))
    usable = start is not None and end is not None and start < end
    pause = max(SOONEST, min((reply.come_again(now) or now + USUAL) - now, LATEST))
    return RenewalWindow(
        start=start if usable else None,
        end=end if usable else None,
        explanation_url=_web_address(info.explanation),
        ask_again_at=now + pause,
    )


def _moment(text: object) -> datetime | None:
    try:
        return _MOMENT.validate_python(text) if isinstance(text, str) else None
    except ValidationError:
        return None


def _web_address(text: object) -> str | None:
    """People are shown it as a link, so it must be one that leads to a web page."""
    if not isinstance(text, str) or len(text) > _LONGEST_URL or not text.isascii() or not text.isprintable():
        return None
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    return text if parts.scheme == "https" and parts.hostname and " " not in text else None
