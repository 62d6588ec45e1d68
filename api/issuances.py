"""The leaves of a certificate, and its chain as a file."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from api.case import Seen, say, seeing
from api.schemas.issuance import LeafList, leaf_view
from certloom.domain.errors import NotFound

router = APIRouter(prefix="/certificates/{certificate_id}", tags=["Certificates"])


@router.get("/issuances", response_model=LeafList, summary="All leaves")
async def list_issuances(seen: Annotated[Seen, Depends(seeing)]) -> Response:
    """List every leaf that was signed or brought in, newest first."""
    async with seen.services.storage.read() as tables:
        records = await tables.issuances.list(seen.id)
    return say(LeafList(items=tuple(leaf_view(record, seen.now) for record in reversed(records))))


@router.get(
    "/chain.pem",
    response_class=Response,
    responses={200: {"content": {"application/pem-certificate-chain": {}}, "description": "Leaf first"}},
    summary="Leaf and chain",
)
async def read_chain(seen: Annotated[Seen, Depends(seeing)]) -> Response:
    """Fetch the newest leaf and its chain without the root (RFC 8555 9.1); nothing secret."""
    record = None
    if leaf := seen.state.issuance:
        async with seen.services.storage.read() as tables:
            record = await tables.issuances.get(seen.id, leaf.number)
    if record is None:
        raise NotFound("Nothing is issued yet.")
    return Response(record.leaf_pem + record.chain_pem, media_type="application/pem-certificate-chain")
