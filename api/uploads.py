"""POST /v1/uploads: bring a certificate from elsewhere; stored first, then its life begins."""

import asyncio
from datetime import datetime

from fastapi import APIRouter
from starlette.responses import Response

from api.auth import Member
from api.case import AnyServices, Seen, show
from api.idempotency import IdempotentRoute, KeyedOnce, Once
from api.schemas.certificate import CertificateView
from api.schemas.upload import UploadForm
from api.services import Services
from certloom.domain.certificate import CertificateStatus, Origin
from certloom.domain.errors import FieldFault, InvalidInput, OutcomeUnknown
from certloom.domain.fact import Uploaded
from certloom.domain.issuance import Issuance
from certloom.domain.state import CertificateState
from certloom.keys.interface import UploadedCertificate
from certloom.storage.records import IssuanceRecord

router = APIRouter(tags=["Certificates"], route_class=IdempotentRoute)

LOOK_EVERY = 0.05  # s, until the row is there


@router.post("/uploads", status_code=201, response_model=CertificateView, summary="Bring a certificate from elsewhere")
async def upload(form: UploadForm, services: AnyServices, caller: Member, once: KeyedOnce) -> Response:
    """Check it, seal its key, and keep it; it is not renewed or revoked by us."""
    now = services.clock()
    piece, key = await _read(services, form, now)
    state = CertificateState(
        certificate_id=once.id("cert"),
        account_id=caller.account,
        origin=Origin.UPLOADED,
        created_at=now,
        updated_at=now,
        label=form.label,
        status=CertificateStatus.ISSUED,
    )
    issuance = _issuance(piece)
    if once.repeated and (row := await _found(services, once)):  # it may even be deleted by now: store no key again
        return await show(Seen(services, caller, row, now), 201, location=True)
    await _store(services, state, piece, key=key, issuance=issuance)
    await services.client.admit(state, Uploaded(at=now, actor=caller.key_id, names=piece.names, issuance=issuance))
    row = await _appeared(services, once)
    return await show(Seen(services, caller, row, now), 201, location=True)


async def _read(services: Services, form: UploadForm, now: datetime) -> tuple[UploadedCertificate, bytes]:
    if form.private_key is None:
        detail = "Give the private key too; without it the certificate can be neither deployed nor downloaded."
        raise InvalidInput([FieldFault(pointer="/private_key", code="private_key_missing", detail=detail)])
    return await asyncio.to_thread(
        services.credentials.read_upload,
        certificate=form.certificate,
        chain=form.chain,
        private_key=form.private_key,
        now=now,
    )


def _issuance(piece: UploadedCertificate) -> Issuance:
    return Issuance(
        number=1,
        serial=piece.serial,
        fingerprint_sha256=piece.fingerprint_sha256,
        issuer=piece.issuer,
        key_type=piece.key_type,
        not_before=piece.not_before,
        not_after=piece.not_after,
        issued_at=piece.not_before,
    )


async def _store(
    services: Services, state: CertificateState, piece: UploadedCertificate, *, key: bytes, issuance: Issuance
) -> None:
    ref = state.key_ref(1)
    record = IssuanceRecord(
        certificate_id=state.certificate_id,
        issuance=issuance,
        application_id=None,
        attempt=1,
        names=piece.names,
        leaf_pem=piece.leaf_pem,
        chain_pem=piece.chain_pem,
        spki_sha256=piece.spki_sha256,
        key_ref=ref,
    )
    sealed = services.sealer.seal(key, identity=ref)
    async with services.storage.begin() as tables:
        await tables.secrets.put(ref, owner=state.certificate_id, sealed=sealed)
        await tables.issuances.add(record)


async def _found(services: Services, once: Once) -> CertificateState | None:
    async with services.storage.read() as tables:
        return await tables.certificates.get(once.id("cert"))


async def _appeared(services: Services, once: Once) -> CertificateState:
    """Wait until the workflow's first activity wrote the row; raises OutcomeUnknown when it takes too long."""
    try:
        async with asyncio.timeout(services.answer_within.total_seconds()):
            while True:
                if row := await _found(services, once):
                    return row
                await asyncio.sleep(LOOK_EVERY)
    except TimeoutError:
        raise OutcomeUnknown("It is stored and will appear shortly; send the same request again.") from None
