"""/codec: lets the Temporal UI show payloads to an operator; off unless an origin is configured.

The protocol is Temporal's remote codec: JSON of `temporal.api.common.v1.Payloads`, the namespace in X-Namespace.
"""

import base64
import binascii
from typing import Annotated, Final

from fastapi import APIRouter, Header, Request
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response
from temporalio.api.common.v1 import Payload

from api.auth import Operator
from api.case import AnyServices, say
from api.services import CodecAccess, Services
from certloom.domain.errors import FieldFault, Forbidden, InvalidInput, NotFound

router = APIRouter(prefix="/codec", tags=["Codec"])

LARGEST: Final = 4 * 1024 * 1024  # bytes; the UI sends a whole page of a history at once


class PayloadForm(BaseModel):
    """One payload: bytes as Base64; fields that newer servers add are ignored."""

    model_config = ConfigDict(extra="ignore")

    metadata: dict[str, str] = {}
    data: str = ""


class PayloadsForm(BaseModel):
    """Several payloads."""

    payloads: tuple[PayloadForm, ...] = ()


@router.options("/encode", include_in_schema=False)
@router.options("/decode", include_in_schema=False)
async def preflight(services: AnyServices, request: Request) -> Response:
    """Let a browser ask, from the one origin, to encode or decode."""
    access = _access(services, request)
    headers = {
        **_cors(access),
        "Access-Control-Allow-Methods": "POST",
        "Access-Control-Allow-Headers": "authorization, content-type, x-namespace",
        "Access-Control-Max-Age": "600",
    }
    return Response(status_code=204, headers=headers)


@router.post("/encode", response_model=PayloadsForm, summary="Encrypt payloads")
async def encode(
    form: PayloadsForm,
    services: AnyServices,
    request: Request,
    _: Operator,
    x_namespace: Annotated[str | None, Header()] = None,
) -> Response:
    """Encrypt as the workers do."""
    access = _access(services, request, x_namespace)
    return _answer(access, await access.codec.encode(_read(form)))


@router.post("/decode", response_model=PayloadsForm, summary="Decrypt payloads")
async def decode(
    form: PayloadsForm,
    services: AnyServices,
    request: Request,
    _: Operator,
    x_namespace: Annotated[str | None, Header()] = None,
) -> Response:
    """Decrypt for an operator's eyes; what is not ours comes back as it was."""
    access = _access(services, request, x_namespace)
    return _answer(access, await access.codec.decode(_read(form)))


def _access(services: Services, request: Request, namespace: str | None = None) -> CodecAccess:
    access = services.codec
    if access is None:
        raise NotFound("There is nothing at this address.")
    if request.headers.get("origin", access.origin) != access.origin:
        raise Forbidden("Only the configured Temporal UI may ask here.")
    if namespace is not None and namespace != access.namespace:
        raise Forbidden("Only payloads of this service's namespace are decoded here.")
    return access


def _cors(access: CodecAccess) -> dict[str, str]:
    return {"Access-Control-Allow-Origin": access.origin, "Vary": "Origin"}


def _read(form: PayloadsForm) -> list[Payload]:
    try:
        return [
            Payload(
                metadata={name: base64.b64decode(value, validate=True) for name, value in one.metadata.items()},
                data=base64.b64decode(one.data, validate=True),
            )
            for one in form.payloads
        ]
    except (binascii.Error, ValueError) as error:
        fault = FieldFault(pointer="/payloads", code="not_base64", detail="Payloads are Base64.")
        raise InvalidInput([fault]) from error


def _answer(access: CodecAccess, payloads: list[Payload]) -> Response:
    shown = tuple(
        PayloadForm(
            metadata={name: base64.b64encode(value).decode() for name, value in one.metadata.items()},
            data=base64.b64encode(one.data).decode(),
        )
        for one in payloads
    )
    return say(PayloadsForm(payloads=shown), headers=_cors(access))
