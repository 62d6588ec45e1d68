"""/pki: what the embedded CA publishes, for everybody: CA certificates and CRLs (RFC 5280 4.2.1.13, 4.2.2.1)."""

import base64
import hashlib
import re
from enum import StrEnum
from typing import Annotated, Final, NamedTuple

from fastapi import APIRouter, Header, Query
from starlette.requests import Request
from starlette.responses import Response

from api.case import AnyServices
from api.etag import matches
from certloom.domain.errors import NotFound

router = APIRouter(prefix="/pki", tags=["PKI"])

PEM: Final = "application/x-pem-file"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


class FileKind(StrEnum):
    """By the ending of its name."""

    CERTIFICATE = "crt"
    CRL = "crl"


class _Shape(NamedTuple):
    media_type: str  # RFC 5280 4.2.1.13 and RFC 2585 4
    label: str  # RFC 7468
    max_age: int  # s; a CRL must be seen soon after a revocation


_SHAPES: Final = {
    FileKind.CERTIFICATE: _Shape("application/pkix-cert", "CERTIFICATE", 86_400),
    FileKind.CRL: _Shape("application/pkix-crl", "X509 CRL", 300),
}


@router.get("/{issuer}.{kind}", response_class=Response, summary="A CA certificate or its CRL")
async def read_file(
    issuer: str,
    kind: FileKind,
    services: AnyServices,
    request: Request,
    *,
    pem: Annotated[str | None, Query(description="PEM instead of DER")] = None,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Fetch `root.crt`, `<issuer>.crt` or `<issuer>.crl`, as DER or, with `?pem`, as PEM."""
    shape = _SHAPES[kind]
    content = None
    if _NAME.fullmatch(issuer):
        read = services.files.certificate if kind is FileKind.CERTIFICATE else services.files.crl
        content = await read(issuer)
    if content is None:
        raise NotFound("There is no such CA file.")
    as_pem = pem is not None or PEM in request.headers.get("accept", "")
    body = _pem(content, shape.label) if as_pem else content
    headers = {
        "ETag": f'"{hashlib.sha256(body).hexdigest()[:32]}"',
        "Cache-Control": f"public, max-age={shape.max_age}",
        "Vary": "Accept",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    if matches(if_none_match, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=PEM if as_pem else shape.media_type)


def _pem(der: bytes, label: str) -> bytes:
    text = base64.b64encode(der).decode()
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()
