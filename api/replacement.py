"""POST /v1/certificates/{id}/replacement: issue anew with another key, then revoke the older leaves."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from api.case import Case, asking, require_allowed, require_open, steer
from api.csr import read_request
from api.idempotency import IdempotentRoute
from api.revocation import require_customers_reason
from api.schemas.application import KeyForm
from api.schemas.certificate import CertificateView
from api.schemas.revocation import ReplacementForm
from certloom.domain import command as c
from certloom.domain.certificate import Action
from certloom.domain.errors import FieldFault, InvalidInput
from certloom.domain.issuance import RevocationReason
from certloom.keys.interface import SigningRequest
from certloom.storage.records import Draft

router = APIRouter(tags=["Replacement"], route_class=IdempotentRoute)


@router.post(
    "/certificates/{certificate_id}/replacement", status_code=202, response_model=CertificateView, summary="Replace"
)
async def replace(case: Annotated[Case, Depends(asking(Action.REPLACE))], form: ReplacementForm) -> Response:
    """Replace the leaf; the certificate stays issued all the time."""
    require_customers_reason(case.caller.role, form.reason)
    if faults := list(_faults(form)):
        raise InvalidInput(faults)
    request = await _request(case, form)
    csr_ref = case.once.id("csr") if request else None
    command = c.Replace(
        **case.stamp(),
        reason=form.reason,
        key_type=request.key_type if request else (form.key or KeyForm()).type,
        csr_ref=csr_ref,
    )
    require_open(case)
    await require_allowed(case, command)
    if csr_ref:
        draft = Draft(id=csr_ref, certificate_id=case.id, created_at=case.now, csr_pem=form.csr)
        async with case.services.storage.begin() as tables:
            await tables.drafts.put(draft)
    return await steer(case, command, status=202)


def _faults(form: ReplacementForm) -> Iterator[FieldFault]:
    if (form.key is None) == (form.csr is None):
        detail = "Give either a key type, and we make the key, or a CSR of your own new key."
        yield FieldFault(pointer="/key", code="key_or_csr", detail=detail)


async def _request(case: Case, form: ReplacementForm) -> SigningRequest | None:
    if form.csr is None:
        return None
    request = read_request(case.services.credentials, form.csr, names=case.state.names)
    if form.reason is RevocationReason.KEY_COMPROMISE and request.spki_sha256 in await _used_keys(case):
        detail = "This CSR holds the key that is being given up; make a new key, and a CSR of it."
        raise InvalidInput([FieldFault(pointer="/csr", code="key_compromised", detail=detail)])
    return request


async def _used_keys(case: Case) -> set[str]:
    async with case.services.storage.read() as tables:
        return {record.spki_sha256 for record in await tables.issuances.list(case.id)}
