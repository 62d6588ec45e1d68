"""/v1/certificates/{id}/application: ask for names to be certified, have the proof looked for, or withdraw."""

from collections.abc import Iterator, Sequence
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from api.case import Case, asking, require_allowed, require_open, steer
from api.csr import read_request
from api.idempotency import IdempotentRoute
from api.schemas.application import ApplicationForm, KeyForm
from api.schemas.certificate import CertificateView
from certloom.domain import command as c
from certloom.domain.application import ValidationMethod, method_fault
from certloom.domain.certificate import Action
from certloom.domain.errors import FieldFault, InvalidInput
from certloom.domain.names import read_names
from certloom.domain.organization import organization_faults
from certloom.domain.product import name_faults
from certloom.domain.state import CertificateState
from certloom.storage.records import Draft

router = APIRouter(
    prefix="/certificates/{certificate_id}/application", tags=["Application"], route_class=IdempotentRoute
)


@router.post("", status_code=202, response_model=CertificateView, summary="Apply")
async def apply(case: Annotated[Case, Depends(asking(Action.APPLY))], form: ApplicationForm) -> Response:
    """Open an application; its challenges appear when `phase` leaves `preparing`."""
    names = _names(case, form)
    request = read_request(case.services.credentials, form.csr, names=names) if form.csr else None
    key_type = request.key_type if request else (form.key or KeyForm()).type
    application_id = case.once.id("appl")
    command = c.Apply(
        **case.stamp(),
        application_id=application_id,
        names=names,
        validation=form.validation,
        key_type=key_type,
        csr_ref=application_id if request else None,
    )
    require_open(case)
    await require_allowed(case, command)
    await _keep(case, form, application_id)
    return await steer(case, command, status=202)


@router.post("/check", status_code=202, response_model=CertificateView, summary="Look for the proof now")
async def check_now(case: Annotated[Case, Depends(asking(Action.CHECK_NOW))]) -> Response:
    """Look at once instead of at `next_wake`; at most every 10 s."""
    return await steer(case, c.CheckNow(**case.stamp()), status=202)


@router.delete("", response_model=CertificateView, summary="Withdraw the application")
async def withdraw(case: Annotated[Case, Depends(asking(Action.WITHDRAW))]) -> Response:
    """Take it back; possible until the issuer may sign at any moment."""
    return await steer(case, c.Withdraw(**case.stamp()))


def _names(case: Case, form: ApplicationForm) -> tuple[str, ...]:
    services = case.services
    names, faults = read_names(
        form.names, internal_suffixes=services.internal_suffixes, internal_networks=services.internal_networks
    )
    found = [*faults, *_form_faults(case.state, form)]
    if not faults:
        found += _coverage_faults(case.state, names, form.validation)
    if found:
        raise InvalidInput(found)
    return names


def _form_faults(state: CertificateState, form: ApplicationForm) -> Iterator[FieldFault]:
    if (form.key is None) == (form.csr is None):
        detail = "Give either a key type, and we make the key, or a CSR of your own key."
        yield FieldFault(pointer="/key", code="key_or_csr", detail=detail)
    if state.product and state.product.reviewed:
        level = state.product.level
        for field, value in (("organization", form.organization), ("contact", form.contact)):
            if value is None:
                detail = f"An {level} certificate needs the {field}, which an operator checks."
                yield FieldFault(pointer=f"/{field}", code=f"{field}_missing", detail=detail)
        if form.organization:
            yield from organization_faults(level, form.organization)


def _coverage_faults(
    state: CertificateState, names: Sequence[str], validation: ValidationMethod
) -> Iterator[FieldFault]:
    if state.product:
        yield from name_faults(state.product, names)
    if fault := method_fault(names, validation):
        yield fault


async def _keep(case: Case, form: ApplicationForm, application_id: str) -> None:
    draft = Draft(
        id=application_id,
        certificate_id=case.id,
        created_at=case.now,
        contact=form.contact,
        organization=form.organization,
        csr_pem=form.csr,
    )
    async with case.services.storage.begin() as tables:
        await tables.drafts.put(draft)
