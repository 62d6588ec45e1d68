"""What handshakes with endpoints saw, and what trying a target found: facts, put into words elsewhere."""

from enum import StrEnum

from certloom.domain.model import Model, Utc
from certloom.domain.target import Endpoint


class Sight(StrEnum):
    """What a handshake came to."""

    SERVED = "served"  # a leaf came back; which, `fingerprint_sha256` says
    NO_CERTIFICATE = "no_certificate"  # somebody listens, and no TLS handshake comes about
    UNREACHABLE = "unreachable"  # nobody answers there
    REFUSED = "refused"  # the address is on the deny list; nothing was sent


class Look(Model):
    """What was seen at one address of an endpoint."""

    endpoint: Endpoint
    sight: Sight
    address: str | None = None  # None when the name has none, and for refused ones
    fingerprint_sha256: str | None = None
    serial: str | None = None
    names: tuple[str, ...] = ()
    not_after: Utc | None = None
    detail: str = ""


class Finding(Model):
    """One thing that was tried without changing anything: whether it works, and what to do when it does not."""

    what: str  # a stable code: address, credentials, socket, folder, ...
    works: bool
    detail: str


class Tried(Model):
    """What came of trying a target without changing anything."""

    findings: tuple[Finding, ...]
    looks: tuple[Look, ...]
