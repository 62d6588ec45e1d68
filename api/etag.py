"""Versions as entity tags (RFC 9110 8.8.3): `If-Match` guards a change, `If-None-Match` saves a transfer.

A view also shows what changes without a new version (looks, validity); while there is such a thing, a digest of it
follows the version, so that a 304 never hides news. `If-Match` compares the version alone.
"""

import hashlib
import re

from pydantic import BaseModel

from api.schemas.certificate import CertificateView
from certloom.domain.errors import Conflict
from certloom.domain.refund import RefundReason
from certloom.domain.validity import Validity


def etag(view: CertificateView) -> str:
    """Return the tag of a view: `"<version>"`, or `"<version>-<digest>"`."""
    drift = _drift(view)
    return f'"{view.version}-{hashlib.sha256(drift.encode()).hexdigest()[:8]}"' if drift else f'"{view.version}"'


def content_tag(view: BaseModel) -> str:
    """Return the tag of a view that has no version: a digest of all it shows."""
    return f'"{hashlib.sha256(view.model_dump_json().encode()).hexdigest()[:16]}"'


def matches(header: str | None, tag: str) -> bool:
    """Whether an If-None-Match names the tag; weak and strong ones compare equal here (RFC 9110 13.1.2)."""
    given = [part.strip().removeprefix("W/") for part in (header or "").split(",")]
    return "*" in given or tag in given


def require_version(header: str | None, version: int) -> None:
    """Raise Conflict (precondition_failed) when an If-Match does not name the version."""
    if header is None:
        return
    given = [part.strip() for part in header.split(",")]
    versions = {found[1] for part in given if (found := re.fullmatch(r'"(\d{1,18})(?:-[0-9a-f]+)?"', part))}
    if "*" not in given and str(version) not in versions:
        raise Conflict(f"The certificate is at version {version} now; read it again.", code="precondition_failed")


def _drift(view: CertificateView) -> str:
    challenges = view.application.challenges if view.application else ()
    seen = [
        f"{one.seen} {one.error} {one.next_look_at} {one.published_by}"
        for one in challenges
        if one.next_look_at or one.seen or one.published_by
    ]
    late = [view.validity] if view.validity not in (None, Validity.VALID) else []
    over = [view.refund.why] if view.refund.why is RefundReason.WINDOW_OVER and not view.revocation else []
    return "|".join([*seen, *late, *over])
