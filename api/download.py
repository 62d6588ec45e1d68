"""POST /v1/certificates/{id}/download: the bundle for a web server, with the private key where we hold it."""

import asyncio
import re
from datetime import datetime
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from api.auth import Member
from api.case import AnyServices, find
from api.schemas.download import DownloadForm
from api.services import Services
from certloom.domain.certificate import Action
from certloom.domain.errors import NotFound
from certloom.domain.rights import allowed_actions, not_now
from certloom.domain.state import CertificateState
from certloom.keys.interface import Bundle
from certloom.storage.records import IssuanceRecord

# No IdempotentRoute: fetching changes nothing, and what it answers must never be stored.
router = APIRouter(tags=["Download"])

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]")


@router.post(
    "/certificates/{certificate_id}/download",
    response_class=Response,
    responses={200: {"content": {"application/zip": {}}, "description": "A zip; `README.txt` says where files go"}},
    summary="Download for a web server",
)
async def download(certificate_id: str, form: DownloadForm, services: AnyServices, caller: Member) -> Response:
    """Pack the newest leaf, its chain and its key; every download is written down."""
    state = await find(services, caller, certificate_id)
    if Action.DOWNLOAD not in allowed_actions(state) or state.issuance is None:
        raise not_now(state, f"There is nothing to download: the certificate is {state.status}.")
    now = services.clock()
    record, sealed = await _stored(services, state, state.issuance.number)
    key = services.sealer.unseal(sealed, identity=record.key_ref) if record.key_ref and sealed else None
    bundle = await _pack(services, form, record, key=key, now=now)
    async with services.storage.begin() as tables:
        await tables.audit.add(
            at=now,
            actor=caller.key_id,
            action="key.download" if key else "certificate.download",
            account_id=state.account_id,
            subject=f"{state.certificate_id}/issuance/{record.issuance.number} as {form.format}",
        )
    name = _UNSAFE.sub("_", bundle.file_name)
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(bundle.content, headers=headers, media_type="application/zip")


async def _stored(services: Services, state: CertificateState, number: int) -> tuple[IssuanceRecord, bytes | None]:
    async with services.storage.read() as tables:
        record = await tables.issuances.get(state.certificate_id, number)
        sealed = await tables.secrets.get(record.key_ref) if record and record.key_ref else None
    if record is None or (record.key_ref and sealed is None):  # deleted since the state was read
        raise NotFound("There is nothing left to download.")
    return record, sealed


async def _pack(
    services: Services, form: DownloadForm, record: IssuanceRecord, *, key: bytes | None, now: datetime
) -> Bundle:
    # In a thread: a PKCS#12 or JKS file derives its key on purpose slowly.
    return await asyncio.to_thread(
        services.bundler.pack,
        form.format,
        name=record.names[0] if record.names else record.certificate_id,
        leaf_pem=record.leaf_pem,
        chain_pem=record.chain_pem,
        private_key=key,
        password=form.password,
        now=now,
    )
